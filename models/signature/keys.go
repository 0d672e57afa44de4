// Package signature signs and verifies webhook requests: by the letter of Standard Webhooks
// (https://www.standardwebhooks.com: v1, which its official libraries verify, and v1a, which not all of them do), and by
// X-Atender-Signature, the form receivers know from elsewhere: "t=<unix>,v1=<hex>".
package signature

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Prefixes of keys as text, from the Standard Webhooks specification.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Limits of symmetric secrets, from the Standard Webhooks specification. Its libraries do not enforce them, so we do.
const (
	MinSecretBytes = 24
	MaxSecretBytes = 64
	newSecretBytes = 32
)

// Secret is a symmetric key: 24 to 64 random bytes, written as "whsec_" and their standard base64. The HMAC key is the
// bytes, not the text. Printing a Secret with package fmt, a logger or JSON does not show it; Reveal does. The zero
// Secret signs nothing and verifies nothing.
type Secret struct{ key []byte }

// NewSecret makes a secret of 32 random bytes.
func NewSecret() Secret {
	key := make([]byte, newSecretBytes)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return Secret{key: key}
}

// ParseSecret reads "whsec_…". Its errors do not show the text.
func ParseSecret(text string) (Secret, error) {
	key, err := decode(text, secretPrefix)
	if err != nil {
		return Secret{}, fmt.Errorf("webhook secret: %w", err)
	}
	if len(key) < MinSecretBytes || len(key) > MaxSecretBytes {
		return Secret{}, fmt.Errorf("webhook secret: is %d bytes long, want %d to %d", len(key), MinSecretBytes,
			MaxSecretBytes)
	}
	return Secret{key: key}, nil
}

// Reveal returns the secret as text, "whsec_…": for the one answer that shows it and for sealing it.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// IsZero reports whether s holds no key.
func (s Secret) IsZero() bool { return len(s.key) == 0 }

// Format implements fmt.Formatter and hides the key.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretPrefix+"[hidden]") }

// KeyPair is an ed25519 key for v1a signatures. Its private form is "whsk_" and the base64 of 64 bytes (seed, then
// public key); its public form "whpk_" and the base64 of 32 bytes. Printing it shows the public form only. The zero
// KeyPair signs nothing.
type KeyPair struct{ private ed25519.PrivateKey }

// NewKeyPair makes a random key pair.
func NewKeyPair() KeyPair {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails: crypto/rand ends the process instead
	return KeyPair{private: ed25519.NewKeyFromSeed(seed)}
}

// ParseKeyPair reads "whsk_…". It refuses a key whose public half does not belong to its seed: signing with such a one
// gives the private key away. Its errors do not show the text.
func ParseKeyPair(text string) (KeyPair, error) {
	raw, err := decode(text, privatePrefix)
	if err != nil {
		return KeyPair{}, fmt.Errorf("webhook signing key: %w", err)
	}
	if len(raw) != ed25519.PrivateKeySize {
		return KeyPair{}, fmt.Errorf("webhook signing key: is %d bytes long, want %d", len(raw), ed25519.PrivateKeySize)
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !slices.Equal(private, raw) {
		return KeyPair{}, errors.New("webhook signing key: its public half does not belong to its private half")
	}
	return KeyPair{private: private}, nil
}

// Reveal returns the private key as text, "whsk_…", for sealing it.
func (k KeyPair) Reveal() string { return privatePrefix + base64.StdEncoding.EncodeToString(k.private) }

// Public returns the public key, which receivers verify with.
func (k KeyPair) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	return PublicKey{key: k.private.Public().(ed25519.PublicKey)}
}

// IsZero reports whether k holds no key.
func (k KeyPair) IsZero() bool { return len(k.private) == 0 }

// Format implements fmt.Formatter and shows the public half only.
func (k KeyPair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Public().String()) }

// PublicKey is the half of a KeyPair that a receiver has.
type PublicKey struct{ key ed25519.PublicKey }

// ParsePublicKey reads "whpk_…".
func ParsePublicKey(text string) (PublicKey, error) {
	raw, err := decode(text, publicPrefix)
	if err != nil {
		return PublicKey{}, fmt.Errorf("webhook public key: %w", err)
	}
	if len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("webhook public key: is %d bytes long, want %d", len(raw), ed25519.PublicKeySize)
	}
	return PublicKey{key: raw}, nil
}

// String returns the key as text, "whpk_…".
func (p PublicKey) String() string { return publicPrefix + base64.StdEncoding.EncodeToString(p.key) }

// decode reads prefix and base64. Go's decoder skips line breaks; a key with one in it is refused, because other
// decoders would refuse it too.
func decode(text, prefix string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, fmt.Errorf("must start with %q", prefix)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, fmt.Errorf("what follows %q must be standard base64 with padding", prefix)
	}
	return raw, nil
}
