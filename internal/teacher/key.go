package teacher

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxKey bounds a key, in bytes.
const maxKey = 4096

// NoKey is the key of an endpoint that wants none.
func NoKey() (string, error) { return "", nil }

// FixedKey returns a key that never changes. what names the place that it came
// from, for the error; the error does not show it.
func FixedKey(what, key string) func() (string, error) {
	return func() (string, error) { return checkKey(what, []byte(key)) }
}

// KeyFile reads the key from a file whenever it is asked. what names the file for
// people; an error does not show what the file holds.
func KeyFile(what, name string) func() (string, error) {
	return func() (string, error) {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is not there", what)
		}
		if err != nil {
			return "", fmt.Errorf("%s cannot be read", what)
		}
		defer func() { _ = file.Close() }()
		content, err := io.ReadAll(io.LimitReader(file, maxKey+1))
		if err != nil {
			return "", fmt.Errorf("%s cannot be read", what)
		}
		return checkKey(what, content)
	}
}

// checkKey demands what a header can hold.
func checkKey(what string, content []byte) (string, error) {
	key := string(bytes.TrimSpace(content))
	notPrintable := func(r rune) bool { return r <= ' ' || r > '~' }
	if key == "" || len(content) > maxKey || strings.ContainsFunc(key, notPrintable) {
		return "", fmt.Errorf("%s holds no key: one line of printable ASCII without spaces", what)
	}
	return key, nil
}
