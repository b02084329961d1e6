package artifact_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/artifact"
)

var someDay = time.Unix(1, 0)

// Verify looks at names and sizes, VerifyContent at every byte.
func TestVerifyTells(t *testing.T) {
	digestError, unsealed := artifact.ErrDigest, artifact.ErrNotSealed
	tests := map[string]struct {
		damage         func(v volume, place string) error
		quick, content error
	}{
		"nothing":           {func(volume, string) error { return nil }, nil, nil},
		"times":             {func(_ volume, place string) error { return os.Chtimes(place+"/weights", someDay, someDay) }, nil, nil},
		"a changed byte":    {func(_ volume, place string) error { return files{"weights": "0123456780"}.write(place) }, nil, digestError},
		"a byte more":       {func(_ volume, place string) error { return files{"weights": "01234567890"}.write(place) }, digestError, digestError},
		"a byte less":       {func(_ volume, place string) error { return os.Truncate(place+"/weights", 9) }, digestError, digestError},
		"swapped files":     {swapFiles, digestError, digestError},
		"an added file":     {func(_ volume, place string) error { return files{"more": ""}.write(place) }, digestError, digestError},
		"an added manifest": {func(_ volume, place string) error { return files{"adapter/manifest.json": ""}.write(place) }, digestError, digestError},
		"a removed file":    {func(_ volume, place string) error { return os.Remove(place + "/adapter/empty") }, digestError, digestError},
		"a removed folder":  {func(_ volume, place string) error { return os.RemoveAll(place + "/adapter") }, digestError, digestError},
		"a renamed file":    {func(_ volume, place string) error { return os.Rename(place+"/weights", place+"/weight") }, digestError, digestError},
		"a folder as file":  {func(_ volume, place string) error { return replace(place+"/weights", os.Mkdir) }, digestError, digestError},
		"a pipe as file": {func(_ volume, place string) error {
			return replace(place+"/weights", func(name string, mode os.FileMode) error { return syscall.Mkfifo(name, uint32(mode)) })
		}, digestError, digestError},
		"a link to the same content": {func(_ volume, place string) error {
			return errors.Join(os.Rename(place+"/weights", place+"/../w"), os.Symlink("../w", place+"/weights"))
		}, digestError, digestError},
		"an added link":         {func(_ volume, place string) error { return os.Symlink("weights", place+"/link") }, digestError, digestError},
		"an added broken link":  {func(_ volume, place string) error { return os.Symlink("nothing", place+"/link") }, digestError, digestError},
		"a link to the outside": {func(_ volume, place string) error { return os.Symlink("/etc", place+"/link") }, digestError, digestError},
		"a link as manifest": {func(_ volume, place string) error {
			name := place + "/manifest.json"
			return errors.Join(os.Rename(name, place+"/adapter/m"), os.Symlink("adapter/m", name))
		}, digestError, digestError},
		"the manifest of another output": {swapManifest, digestError, digestError},
		"a manifest with a space more":   {func(_ volume, place string) error { return extend(place+"/manifest.json", " ") }, digestError, digestError},
		"a manifest twice":               {func(_ volume, place string) error { return extend(place+"/manifest.json", "{}") }, digestError, digestError},
		"a cut manifest":                 {func(_ volume, place string) error { return os.Truncate(place+"/manifest.json", 50) }, digestError, digestError},
		"an empty manifest":              {func(_ volume, place string) error { return os.Truncate(place+"/manifest.json", 0) }, digestError, digestError},
		"a huge manifest":                {func(_ volume, place string) error { return os.Truncate(place+"/manifest.json", 64<<20+1) }, digestError, digestError},
		"a removed manifest":             {func(_ volume, place string) error { return os.Remove(place + "/manifest.json") }, unsealed, unsealed},
		"an empty folder":                {func(_ volume, place string) error { return replace(place, os.Mkdir) }, unsealed, unsealed},
		"no folder":                      {func(_ volume, place string) error { return os.RemoveAll(place) }, unsealed, unsealed},
		"a file as folder": {func(_ volume, place string) error {
			return replace(place, func(name string, mode os.FileMode) error { return os.WriteFile(name, nil, mode) })
		}, unsealed, unsealed},
		"a link as folder": {func(_ volume, place string) error {
			return errors.Join(os.Rename(place, place+"2"), os.Symlink(filepath.Base(place)+"2", place))
		}, unsealed, unsealed},
		"a link out of the volume as folder": {func(v volume, place string) error {
			return errors.Join(os.Rename(place, filepath.Join(v.outside, "0a")), os.Symlink(filepath.Join(v.outside, "0a"), place))
		}, unsealed, unsealed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			digest := v.seal(t, folder, output)
			if err := test.damage(v, v.at(folder)); err != nil {
				t.Fatal(err)
			}
			_, err := v.Verify(folder, digest)
			wantError(t, err, test.quick)
			_, err = v.VerifyContent(folder, digest)
			wantError(t, err, test.content)
		})
	}
}

// replace puts something else in the place of a file or folder.
func replace(name string, put func(string, os.FileMode) error) error {
	return errors.Join(os.RemoveAll(name), put(name, 0o700))
}

func extend(name, text string) error {
	raw, err := os.ReadFile(name)
	return errors.Join(err, os.WriteFile(name, append(raw, text...), 0o600))
}

func swapFiles(_ volume, place string) error {
	return errors.Join(
		os.Rename(place+"/weights", place+"/x"),
		os.Rename(place+"/adapter/config", place+"/weights"),
		os.Rename(place+"/x", place+"/adapter/config"))
}

// swapManifest takes the manifest of the same files, made from other inputs: it
// is well-formed and true, but another one.
func swapManifest(v volume, place string) error {
	draft, err := v.Begin("models/twin")
	if err != nil {
		return err
	}
	if err := output.write(draft.Path()); err != nil {
		return err
	}
	m := manifest()
	m.Inputs = map[string]string{"datasets/0b": "sha256:0d"}
	if _, err := draft.Seal(m); err != nil {
		return err
	}
	return os.Rename(v.at("models/twin/manifest.json"), place+"/manifest.json")
}

func TestVerifyWantsTheDigestItIsGiven(t *testing.T) {
	v := makeVolume(t)
	digest := v.seal(t, folder, output)
	other := v.seal(t, "models/0b", files{"weights": "x"})
	for name, want := range map[string]string{"another output's": other, "none": "", "no prefix": strings.TrimPrefix(digest, "sha256:"), "in capitals": strings.ToUpper(digest)} {
		t.Run(name, func(t *testing.T) {
			m, err := v.Verify(folder, want)
			wantError(t, err, artifact.ErrDigest)
			if m.Files != nil {
				t.Error("a manifest came back with the error")
			}
			_, err = v.VerifyContent(folder, want)
			wantError(t, err, artifact.ErrDigest)
		})
	}
}

// The worker also trusts the digest that it finds itself. A manifest that Seal
// did not write passes only when it names exactly the files that are there.
func TestManifestThatSealDidNotWrite(t *testing.T) {
	tests := map[string]struct {
		change func([]artifact.File) []artifact.File
		want   error
	}{
		"the same":       {func(f []artifact.File) []artifact.File { return f }, nil},
		"one twice":      {func(f []artifact.File) []artifact.File { f[1] = f[0]; return f }, artifact.ErrDigest},
		"another order":  {func(f []artifact.File) []artifact.File { f[0], f[1] = f[1], f[0]; return f }, artifact.ErrDigest},
		"one missing":    {func(f []artifact.File) []artifact.File { return f[1:] }, artifact.ErrDigest},
		"none":           {func([]artifact.File) []artifact.File { return nil }, artifact.ErrDigest},
		"a path outside": {func(f []artifact.File) []artifact.File { f[0].Path = "../0b/" + f[0].Path; return f }, artifact.ErrDigest},
		"an absolute path": {func(f []artifact.File) []artifact.File {
			f[0].Path = "/etc/passwd"
			return f
		}, artifact.ErrDigest},
		"a detour":        {func(f []artifact.File) []artifact.File { f[0].Path = "./" + f[0].Path; return f }, artifact.ErrDigest},
		"a negative size": {func(f []artifact.File) []artifact.File { f[0].Size = -1; return f }, artifact.ErrDigest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			v.seal(t, "models/0b", output)
			v.seal(t, folder, output)
			m, _, err := v.Lookup(folder)
			if err != nil {
				t.Fatal(err)
			}
			m.Files = test.change(m.Files)
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := (files{"manifest.json": string(raw)}).write(v.at(folder)); err != nil {
				t.Fatal(err)
			}
			_, digest, err := v.Lookup(folder)
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(folder, digest)
			wantError(t, err, test.want)
			_, err = v.VerifyContent(folder, digest)
			wantError(t, err, test.want)
		})
	}
}

func TestLookupRefusesWhatIsNoManifest(t *testing.T) {
	for name, content := range map[string]string{
		"nothing": "", "a list": "[]", "text": `"x"`, "prose": "x", "two": "{}{}", "deep nesting": strings.Repeat("[", 20000),
		"a version as text": `{"version":"1"}`, "a size as text": `{"files":[{"size":"1"}]}`, "half a count": `{"counts":{"a":0.5}}`,
	} {
		t.Run(name, func(t *testing.T) {
			v := makeVolume(t)
			all := maps.Clone(output)
			all[artifact.ManifestName] = content
			if err := all.write(v.at(folder)); err != nil {
				t.Fatal(err)
			}
			m, digest, err := v.Lookup(folder)
			wantError(t, err, artifact.ErrDigest)
			if digest != "" || m.Files != nil {
				t.Errorf("digest %q came back with the error", digest)
			}
		})
	}
}
