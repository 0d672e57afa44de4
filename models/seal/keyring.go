package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	keyBytes   = 32 // AES-256
	maxIDBytes = 32
)

// ParseKeyring reads "id:base64[,id2:base64…]": ids of 1 to 32 characters of [a-z0-9-], each key the standard base64
// of 32 random bytes (`openssl rand -base64 32`). The first key seals, all open.
//
// To rotate, add the new key behind the old one, and when every process knows it, put it in front. `atender secret reseal`
// then seals anew what the old key has sealed, and the old key can be removed.
//
// White space around the entries is ignored, since the value often comes from a file. The errors say which entry is
// wrong and why, and never show any of its text: what stands in the wrong place may be the key.
func ParseKeyring(text string) (*Keyring, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New(`keyring is empty: want "id:base64 of 32 bytes", several separated by commas`)
	}
	ring := &Keyring{keys: map[string]key{}}
	for i, entry := range strings.Split(text, ",") {
		k, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("keyring, key %d: %w", i+1, err)
		}
		if _, taken := ring.keys[k.id]; taken {
			return nil, fmt.Errorf("keyring, key %d: the id %q is used twice", i+1, k.id)
		}
		if i == 0 {
			ring.active = k
		}
		ring.keys[k.id] = k
	}
	return ring, nil
}

func parseKey(entry string) (key, error) {
	id, encoded, found := strings.Cut(entry, ":")
	switch {
	case entry == "":
		return key{}, errors.New("is empty: remove the extra comma")
	case !found:
		return key{}, errors.New(`has no id: want "id:base64"`)
	case !validID(id):
		return key{}, fmt.Errorf("its id must be 1 to %d characters of a-z, 0-9 and -", maxIDBytes)
	}
	material, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return key{}, fmt.Errorf("(id %q) is not standard base64 with padding", id)
	}
	if len(material) != keyBytes {
		return key{}, fmt.Errorf("(id %q) is %d bytes long, want %d", id, len(material), keyBytes)
	}
	return newKey(id, material)
}

func validID(id string) bool {
	if id == "" || len(id) > maxIDBytes {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// GenerateKeyring returns the text of a new ring with one random key of id "k1", for local development and for
// operators who set up an installation.
func GenerateKeyring() string {
	material := make([]byte, keyBytes)
	_, _ = rand.Read(material) // never fails: crypto/rand ends the process instead
	return "k1:" + base64.StdEncoding.EncodeToString(material)
}
