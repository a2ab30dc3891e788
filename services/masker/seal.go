package masker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// sealVersion is the first byte of what Seal makes.
const sealVersion = 1

// Seal encrypts what the masker gave up on, since it was not masked: AES-256
// in GCM with a random nonce, under a key derived from the mask key. A sealed
// message is the version, the nonce (12 bytes), then the ciphertext with its
// tag.
type Seal struct {
	aead cipher.AEAD
}

// NewSeal makes a Seal of the mask key.
func NewSeal(maskKey []byte) (*Seal, error) {
	if len(maskKey) == 0 {
		return nil, errors.New("cannot seal dead letters: the mask key is empty")
	}
	key, err := derive(maskKey, "seal")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cannot seal dead letters: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("cannot seal dead letters: %w", err)
	}
	return &Seal{aead}, nil
}

// Seal encrypts a message.
func (s *Seal) Seal(plain []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	out := make([]byte, 1+n, 1+n+len(plain)+s.aead.Overhead())
	out[0] = sealVersion
	rand.Read(out[1:]) // it never fails
	return s.aead.Seal(out, out[1:], plain, out[:1]), nil
}

// Open decrypts what Seal made under the same mask key.
func (s *Seal) Open(sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < 1+n+s.aead.Overhead() || sealed[0] != sealVersion {
		return nil, errors.New("cannot open a sealed message: it is no message that a masker sealed")
	}
	plain, err := s.aead.Open(nil, sealed[1:1+n], sealed[1+n:], sealed[:1])
	if err != nil {
		return nil, errors.New("cannot open a sealed message: it was sealed under another mask key, or was changed")
	}
	return plain, nil
}
