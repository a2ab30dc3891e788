package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// NewID is the id of the event whose first byte stands at offset of a file's
// generation: 32 hexadecimal characters, the same for the same bytes.
func NewID(generation string, offset int64) string {
	return hash(generation, strconv.FormatInt(offset, 10))
}

// NewGroup is the group of a fingerprint: 32 hexadecimal characters.
func NewGroup(fingerprint string) string {
	return hash("group", fingerprint)
}

// hash joins its parts with NUL, so that no two lists of parts without NUL
// collide.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
