// Package seal encrypts small secrets at rest (webhook secrets, custom header values, stored answers that hold a
// secret) with AES-256-GCM under named keys, so that keys can be rotated: new values are sealed under the first key of
// the ring, old ones stay readable as long as their key is in it.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
)

// A sealed value is
//
//	version (1 byte) | length of the key's id (1 byte) | id | nonce (12 bytes) | ciphertext | tag (16 bytes)
//
// Version, length and id are authenticated together with the caller's additional data, so that none of them can be
// exchanged for another's.
const (
	version1 = 1
	overhead = 12 + 16 // nonce and tag (NIST SP 800-38D, sections 8.2.2 and 5.2.1.2)
)

// ErrDamaged is the error of a value that was changed, was cut short, was sealed for another row (other additional
// data), or was never made by Seal. AES-GCM cannot tell these apart.
var ErrDamaged = errors.New("sealed value is damaged or belongs to another row")

// UnknownKeyError says that a value was sealed under a key that is not in the ring.
type UnknownKeyError struct {
	KeyID string // the missing key
}

// Error implements error.
func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("sealed under key %q, which is not in the keyring: add it after the active key", e.KeyID)
}

// Keyring seals under its active key (the first) and opens what any of its keys sealed. It never changes and may be
// used by many goroutines at once. Nonces are random, which is safe for 2^32 values per key (NIST SP 800-38D, section
// 8.3): far more than there are secrets.
type Keyring struct {
	active key
	keys   map[string]key
}

type key struct {
	id   string
	aead cipher.AEAD
}

// ActiveID returns the id of the key that Seal uses.
func (k *Keyring) ActiveID() string { return k.active.id }

// IDs returns the ids of all keys, sorted.
func (k *Keyring) IDs() []string {
	ids := make([]string, 0, len(k.keys))
	for id := range k.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Format implements fmt.Formatter: whatever the verb, only the ids of the keys are printed. Without it, %+v would walk
// into the cipher and print its key schedule.
func (k *Keyring) Format(f fmt.State, _ rune) {
	if k == nil {
		_, _ = fmt.Fprint(f, "seal.Keyring(nil)")
		return
	}
	_, _ = fmt.Fprintf(f, "seal.Keyring(active %s of %s)", k.active.id, k.IDs())
}

// Seal encrypts plain under the active key. The additional data aad names the place the value is kept in, for example
// "subscription-secret/<id>": Open succeeds only with the same aad, so a ciphertext copied into another row is of no
// use there.
func (k *Keyring) Seal(plain []byte, aad string) ([]byte, error) {
	if k == nil {
		return nil, errors.New("seal: no keyring is configured")
	}
	id := k.active.id
	sealed := make([]byte, 0, 2+len(id)+overhead+len(plain))
	sealed = append(sealed, version1, byte(len(id)))
	sealed = append(sealed, id...)
	return k.active.aead.Seal(sealed, nil, plain, bound(sealed, aad)), nil
}

// Open decrypts what Seal made with the same aad. Its errors are *UnknownKeyError when the key is missing and
// ErrDamaged otherwise.
func (k *Keyring) Open(sealed []byte, aad string) ([]byte, error) {
	if k == nil {
		return nil, errors.New("seal: no keyring is configured")
	}
	id, head, err := header(sealed)
	if err != nil {
		return nil, err
	}
	key, ok := k.keys[id]
	if !ok {
		return nil, &UnknownKeyError{KeyID: id}
	}
	plain, err := key.aead.Open(nil, nil, sealed[head:], bound(sealed[:head], aad))
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}

// NeedsReseal reports whether the value was sealed under another key than the active one, so that opening and sealing
// it again would let the old key be removed. It is false for what Open would call damaged: there is nothing to renew.
func (k *Keyring) NeedsReseal(sealed []byte) bool {
	id, _, err := header(sealed)
	return err == nil && id != k.active.id
}

// Reseal opens a value that NeedsReseal and seals it under the active key, for the same place. It returns nil for a value
// that does not. Errors: as Open's.
func (k *Keyring) Reseal(sealed []byte, aad string) ([]byte, error) {
	if k == nil {
		return nil, errors.New("seal: no keyring is configured")
	}
	if !k.NeedsReseal(sealed) {
		return nil, nil
	}
	plain, err := k.Open(sealed, aad)
	if err != nil {
		return nil, err
	}
	return k.Seal(plain, aad)
}

// KeyID returns the id of the key under which a value was sealed, for the column beside it.
func KeyID(sealed []byte) (string, error) {
	id, _, err := header(sealed)
	return id, err
}

// header reads the key's id and the length of what stands before the nonce.
func header(sealed []byte) (id string, length int, err error) {
	if len(sealed) < 2 {
		return "", 0, ErrDamaged
	}
	if sealed[0] != version1 {
		return "", 0, fmt.Errorf("%w: its format is %d, this program knows %d", ErrDamaged, sealed[0], version1)
	}
	length = 2 + int(sealed[1])
	if len(sealed) < length+overhead {
		return "", 0, ErrDamaged
	}
	id = string(sealed[2:length])
	if !validID(id) {
		return "", 0, ErrDamaged
	}
	return id, length, nil
}

// bound returns what GCM authenticates beside the ciphertext. The header tells its own length, so header and aad
// cannot be cut at another place.
func bound(head []byte, aad string) []byte {
	return append(slices.Clone(head), aad...)
}

func newKey(id string, material []byte) (key, error) {
	block, err := aes.NewCipher(material)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	return key{id: id, aead: aead}, nil
}
