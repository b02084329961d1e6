package task

import (
	"crypto/sha256"
	"encoding/hex"
)

// StableID names something by its kind, path and qualified name.
func StableID(kind, path, name string) string {
	sum := sha256.Sum256([]byte(path + "\x00" + name))
	return kind + "-" + hex.EncodeToString(sum[:8])
}
