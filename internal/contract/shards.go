package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ShardsDigest is the digest of Experience's output as a whole: each shard
// seals a manifest of its own, and the stages after it must read exactly the
// shards that succeeded. It is "sha256:<hex>" over the shards' manifest digests
// in the order of their index, one a line.
func ShardsDigest(manifestDigests []string) string {
	sum := sha256.Sum256([]byte(strings.Join(manifestDigests, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}
