package collector

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Sizes of what tells one file from another, in bytes.
const (
	headBytes  = 1024
	checkBytes = 256
)

// mint names a generation: once, when a file is first seen. The name is kept
// with the offset and never computed again. former is the generation before it
// at that path, which tells a file apart that was emptied within the grain of
// the file system's clock.
func mint(host, path, former string, inode uint64, modified time.Time, head []byte) string {
	h := sha256.New()
	for _, part := range []string{host, path, former, strconv.FormatUint(inode, 10), modified.UTC().Format(time.RFC3339Nano), string(head)} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fileID tells files apart while they are open.
type fileID struct{ dev, inode uint64 }

func idOf(info os.FileInfo) fileID {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fileID{uint64(st.Dev), uint64(st.Ino)}
	}
	return fileID{}
}

// readHead gives the bytes of a file from off on, at most n.
func readHead(f io.ReaderAt, n, off int64) ([]byte, error) {
	buf := make([]byte, n)
	got, err := f.ReadAt(buf, off)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("cannot read its first bytes: %w", err)
	}
	return buf[:got], nil
}

// hashOf is the hash of the bytes of f from off up to end, "" if they are not
// all there.
func hashOf(f io.ReaderAt, off, end int64) string {
	buf := make([]byte, end-off)
	if n, err := f.ReadAt(buf, off); n < len(buf) || err != nil && err != io.EOF {
		return ""
	}
	h := sha256.Sum256(buf)
	return hex.EncodeToString(h[:16])
}

// evidence is what a file is known again by after a stop.
type evidence struct {
	Inode  uint64 `json:"inode"`
	Device uint64 `json:"device"`
	// HeadHash is of the first HeadBytes bytes.
	HeadBytes int64  `json:"head_bytes"`
	HeadHash  string `json:"head_hash"`
	// CheckHash is of the bytes from CheckFrom up to CheckEnd.
	CheckFrom int64  `json:"check_from"`
	CheckEnd  int64  `json:"check_end"`
	CheckHash string `json:"check_hash"`
}

// note takes the evidence from a file read up to off.
func (e *evidence) note(f io.ReaderAt, id fileID, off int64) {
	e.Inode, e.Device = id.inode, id.dev
	if n := min(off, headBytes); n > e.HeadBytes {
		e.HeadBytes, e.HeadHash = n, hashOf(f, 0, n)
	}
	if off != e.CheckEnd || e.CheckHash == "" {
		e.CheckFrom, e.CheckEnd = max(0, off-checkBytes), off
		e.CheckHash = hashOf(f, e.CheckFrom, off)
	}
}

// matches tells whether a file holds the bytes that were read.
func (e *evidence) matches(f io.ReaderAt) bool {
	return (e.HeadBytes == 0 || e.HeadHash == hashOf(f, 0, e.HeadBytes)) &&
		(e.CheckEnd == e.CheckFrom || e.CheckHash == hashOf(f, e.CheckFrom, e.CheckEnd))
}

// binaryHeads begin files that are no text: compressed, executable, databases.
var binaryHeads = []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ", "BZh", "\x7fELF", "PK\x03\x04", "SQLite format 3", "\x89PNG", "LPKSHHRH"}

// notText tells why the head of a file is no text that can be read, or "".
func notText(head []byte) string {
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return "it is UTF-16, which cannot be read; write it as UTF-8"
	}
	for _, b := range binaryHeads {
		if bytes.HasPrefix(head, []byte(b)) {
			return "it is binary"
		}
	}
	if bytes.IndexByte(head, 0) < 0 {
		return ""
	}
	control := 0
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			control++
		}
	}
	if control*20 >= len(head) {
		return "it is binary"
	}
	return ""
}
