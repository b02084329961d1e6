package task

import (
	"crypto/sha256"
	"encoding/hex"
)

// ContentHash is the sha256 of messages: samples with the same one are the same.
func ContentHash(messages []Message) string {
	hash := sha256.New()
	for _, message := range messages {
		for _, part := range []string{string(message.Role), message.Content, message.Loss} {
			// A hash never fails to write. The length keeps neighbours apart.
			_, _ = hash.Write([]byte{byte(len(part) >> 24), byte(len(part) >> 16), byte(len(part) >> 8), byte(len(part))})
			_, _ = hash.Write([]byte(part))
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}
