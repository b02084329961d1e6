package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outputsFolder holds the outputs of all checkouts, below the user's cache.
const outputsFolder = "repoexpert/local"

// outputs is the folder of the default outputs.
func outputs() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no default for --out: %w: name a folder", err)
	}
	return filepath.Join(cache, filepath.FromSlash(outputsFolder)), nil
}

// DefaultOutput is the output folder of a checkout that no flag names: in the
// user's cache, by the checkout's path.
func DefaultOutput(checkout Checkout) (string, error) {
	all, err := outputs()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(checkout.Dir))
	return filepath.Join(all, filepath.Base(checkout.Dir)+"-"+hex.EncodeToString(sum[:4])), nil
}

// NewestOutput is the default output folder in which something was sealed last.
func NewestOutput() (string, error) {
	all, err := outputs()
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(all)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	newest, found := "", Found{}
	for _, entry := range entries {
		dir := filepath.Join(all, entry.Name())
		if f, err := Find(dir); err == nil && f.sealed.After(found.sealed) {
			newest, found = dir, f
		}
	}
	if newest == "" {
		return "", fmt.Errorf("no samples are below %s: run worker experience first, or name a file or folder with --in", all)
	}
	return newest, nil
}
