package masker

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"tocsin/pkg/bus"
	"tocsin/pkg/service"
)

// keyEntry is the name of the one entry of bucket masker. There is one, so
// that masker with and without MASK_KEY that start together can't both win.
const keyEntry = "key"

// keyLen is the length in bytes of a key made here.
const keyLen = 32

// keyRecord is what the maskers of an installation share.
type keyRecord struct {
	// Check tells whether somebody has the same key without telling the key.
	Check []byte `json:"check"`
	// Key is the key itself, only where a masker made it.
	Key []byte `json:"key,omitempty"`
}

// Errors of sharedKey. How a key is changed on purpose depends on whose broker
// it is.
var (
	errOtherKey = keyError("it differs from the key that this installation masks with; give all maskers the same MASK_KEY")
	errNeedKey  = keyError("it is not set, but this installation masks with one; set it to the same value")
	errMadeKey  = keyError("it is set, but this installation masks with a key of its own making; leave MASK_KEY empty")
)

func keyError(want string) error {
	return &service.SettingsError{Problems: []service.Problem{{Name: "MASK_KEY", Want: want +
		". To change the key on purpose (all values get new tokens): `tocsin up` on another DATA_DIR, or, on a NATS server of your own, stop the maskers and run `nats kv del masker key`"}}}
}

// sharedKey gives the key with which all maskers of an installation work.
//
// Where own is not empty (MASK_KEY), only its check value is written to the
// bucket, by whoever is first; a masker with another key does not start. Where
// it is empty, the first masker makes a key and writes it there, and the others
// read it. An installation never goes from one way to the other, or from one
// key to another, unnoticed: a masker that would do so does not start, and its
// error says how to do it on purpose.
func sharedKey(ctx context.Context, kv *bus.KV, own []byte) ([]byte, error) {
	record, key, err := newRecord(own)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("cannot write the mask key: %w", err)
	}
	err = kv.Create(ctx, keyEntry, value)
	if err == nil {
		return key, nil
	}
	if !errors.Is(err, bus.ErrConflict) {
		return nil, fmt.Errorf("cannot write the mask key: %w", err)
	}
	entry, err := kv.Get(ctx, keyEntry)
	if err != nil {
		return nil, fmt.Errorf("cannot read the mask key: %w", err)
	}
	var there keyRecord
	if json.Unmarshal(entry.Value, &there) != nil || len(there.Check) == 0 {
		return nil, errors.New("cannot read the mask key: bucket masker holds something else")
	}
	return there.agree(own)
}

// newRecord makes what a masker writes that is the first.
func newRecord(own []byte) (keyRecord, []byte, error) {
	key, made := own, []byte(nil)
	if len(own) == 0 {
		made = make([]byte, keyLen)
		rand.Read(made) // it never fails
		key = made
	}
	check, err := derive(key, "check")
	return keyRecord{Check: check, Key: made}, key, err
}

// agree gives the key that a masker with this MASK_KEY has to use.
func (r keyRecord) agree(own []byte) ([]byte, error) {
	if len(own) == 0 {
		if len(r.Key) == 0 {
			return nil, errNeedKey
		}
		own = r.Key
	}
	check, err := derive(own, "check")
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(check, r.Check) == 1 {
		return own, nil
	}
	if len(r.Key) > 0 {
		return nil, errMadeKey
	}
	return nil, errOtherKey
}

// derive makes a key for one purpose from the mask key.
func derive(key []byte, purpose string) ([]byte, error) {
	out, err := hkdf.Key(sha256.New, key, nil, "tocsin masker "+purpose, keyLen)
	if err != nil {
		return nil, fmt.Errorf("cannot derive a key for %s: %w", purpose, err)
	}
	return out, nil
}

// holder is the name under which this process holds the janitor's lease. Beside
// an embedded broker there is no other masker, so that the name stays the same
// and a start after a crash goes on at once. Else two maskers on one machine
// must not share a name, or both would trim.
func holder(embedded bool) string {
	if embedded {
		return name + "-embedded"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%s-%d", name, host, os.Getpid())
}
