package artifact_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/artifact"
)

// anyTree are small files with names that a file system takes, none of which is
// a folder of another one.
func anyTree() *rapid.Generator[files] {
	part := rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9._ <>&"\\$-]{1,12}`),
		rapid.StringOfN(rapid.Rune(), 1, 10, 60),
		rapid.Just(artifact.ManifestName),
	).Filter(func(s string) bool { return s != "." && s != ".." && !strings.ContainsAny(s, "/\x00") })
	name := rapid.Map(rapid.SliceOfN(part, 1, 3), func(parts []string) string { return strings.Join(parts, "/") })
	return rapid.Map(rapid.MapOfN(name, rapid.StringN(0, 40, -1), 0, 8), plain)
}

func plain(tree map[string]string) files {
	kept := files{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		below := func(folder string) bool { return strings.HasPrefix(name, folder+"/") }
		if top, _, _ := strings.Cut(name, "/"); top != artifact.ManifestName && !slices.ContainsFunc(slices.Collect(maps.Keys(kept)), below) {
			kept[name] = tree[name]
		}
	}
	return kept
}

// counter gives each run of a property a folder of its own on one volume.
type counter struct {
	volume
	n int
}

func (c *counter) next() string {
	c.n++
	return fmt.Sprintf("models/%d", c.n)
}

func TestAnyTreeIsSealedAndVerified(t *testing.T) {
	c := counter{volume: makeVolume(t)}
	rapid.Check(t, func(t *rapid.T) {
		tree := anyTree().Draw(t, "tree")
		first, second := c.next(), c.next()
		digest := c.mustSeal(t, first, tree)
		m, err := c.VerifyContent(first, digest)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(m.Files, tree.list()) {
			t.Fatalf("the manifest names %v", m.Files)
		}
		if again := c.mustSeal(t, second, tree); again != digest {
			t.Fatalf("the same tree is %s and %s", digest, again)
		}
	})
}

// mustSeal is seal for a property's own t.
func (v volume) mustSeal(t *rapid.T, folder string, tree files) string {
	draft, err := v.Begin(folder)
	if err == nil {
		err = tree.write(draft.Path())
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := draft.Seal(manifest())
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// Any bit, in a file or in the manifest.
func TestAnyFlippedBitIsNoticed(t *testing.T) {
	c := counter{volume: makeVolume(t)}
	rapid.Check(t, func(t *rapid.T) {
		tree := anyTree().Draw(t, "tree")
		folder := c.next()
		digest := c.mustSeal(t, folder, tree)
		names := []string{artifact.ManifestName}
		for _, file := range tree.list() {
			if file.Size > 0 {
				names = append(names, file.Path)
			}
		}
		name := c.at(folder, rapid.SampledFrom(names).Draw(t, "file"))
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.VerifyContent(folder, digest); !errors.Is(err, artifact.ErrDigest) {
			t.Fatalf("%s: error is %v", name, err)
		}
	})
}

// Any file more, less or with another name is noticed by its name alone.
func TestAnyOtherTreeIsNoticed(t *testing.T) {
	c := counter{volume: makeVolume(t)}
	rapid.Check(t, func(t *rapid.T) {
		tree, other := anyTree().Draw(t, "tree"), anyTree().Draw(t, "other")
		folder := c.next()
		digest := c.mustSeal(t, folder, tree)
		for name := range tree {
			if err := os.Remove(c.at(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.write(c.at(folder)); err != nil {
			t.Skip("a folder of the tree is a file of the other")
		}
		names := func(f files) []string { return slices.Sorted(maps.Keys(f)) }
		_, err := c.Verify(folder, digest)
		if !slices.Equal(names(tree), names(other)) && !errors.Is(err, artifact.ErrDigest) {
			t.Fatalf("names: error is %v", err)
		}
		_, err = c.VerifyContent(folder, digest)
		if same := maps.Equal(tree, other); same != (err == nil) || (!same && !errors.Is(err, artifact.ErrDigest)) {
			t.Fatalf("content: error is %v", err)
		}
	})
}
