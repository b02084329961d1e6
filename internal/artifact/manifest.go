package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"unicode/utf8"
)

// ManifestName is the file that makes a folder count.
const ManifestName = "manifest.json"

// Bounds of what is read back: repository code never writes here, but a volume
// can be corrupted.
const (
	maxManifestBytes = 64 << 20
	maxFiles         = 200_000
)

// Errors of the store.
var (
	// ErrNotSealed: the folder is missing or has no manifest.
	ErrNotSealed = errors.New("not sealed")
	// ErrDigest: content or manifest is not what its digest says.
	ErrDigest = errors.New("digest does not match")

	// errForeign: a folder holds what no output does.
	errForeign = errors.New("not part of an output")
)

// Manifest describes a sealed folder. It holds no times, so that the same
// content gives the same digest.
type Manifest struct {
	Version int    `json:"version"`
	Stage   string `json:"stage"`
	Key     string `json:"key"`
	// Inputs are the manifest digests of the folders that this one was made from.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Files in path order, without the manifest.
	Files  []File            `json:"files"`
	Counts map[string]int64  `json:"counts,omitempty"`
	Tools  map[string]string `json:"tools,omitempty"`
}

// manifestVersion is written into every manifest.
const manifestVersion = 1

// File is one regular file of a sealed folder.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (m Manifest) encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return out.Bytes(), nil
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readManifest reads the manifest of a folder and its digest.
func readManifest(root *os.Root) (Manifest, string, error) {
	file, err := root.Open(ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, "", ErrNotSealed
	}
	if err != nil {
		return Manifest{}, "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxManifestBytes+1))
	if err != nil {
		return Manifest{}, "", err
	}
	if len(raw) > maxManifestBytes {
		return Manifest{}, "", fmt.Errorf("%w: manifest above %d bytes", ErrDigest, maxManifestBytes)
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return Manifest{}, "", fmt.Errorf("%w: manifest: %w", ErrDigest, err)
	}
	return m, digest(raw), nil
}

// list returns the regular files of a folder without its manifest, in path
// order. Anything that is neither file nor folder is refused, and so is a name
// that JSON cannot hold: no manifest could name the file.
func list(root *os.Root) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is neither file nor folder: %w", name, errForeign)
		case name == ManifestName:
			return nil
		case !utf8.ValidString(name):
			return fmt.Errorf("the name %q is no text: %w", name, errForeign)
		case len(names) >= maxFiles:
			return fmt.Errorf("more than %d files", maxFiles)
		}
		names = append(names, path.Clean(name))
		return nil
	})
	sort.Strings(names)
	return names, err
}

// hashFile returns size and sha256 of a file.
func hashFile(root *os.Root, name string) (File, error) {
	file, err := root.Open(name)
	if err != nil {
		return File{}, err
	}
	defer file.Close()
	h := sha256.New()
	size, err := io.Copy(h, file)
	if err != nil {
		return File{}, fmt.Errorf("hash %s: %w", name, err)
	}
	return File{Path: name, Size: size, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
