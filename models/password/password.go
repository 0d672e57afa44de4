// Package password makes and checks password hashes: argon2id (RFC 9106) in PHC string format. It is pure.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Limits of a password. The upper one, in bytes, lets every passphrase through and bounds what hashing reads.
const (
	MinLength = 12 // characters
	MaxLength = 512
)

// The cost of a hash: OWASP's first recommendation for argon2id. A hash carries its own cost, so that these can rise and
// old hashes still verify.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	threads = 1
	saltLen = 16
	keyLen  = 32
)

// What a stored hash may ask for at most: it must not be able to use up the machine.
const (
	maxMemory = 256 * 1024 // KiB
	maxPasses = 16
)

// format is the PHC string format of argon2id.
const format = "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s"

// Check says what is wrong with a password that an agent wants to have; empty when nothing is. own are names that a
// guesser knows of the agent: e-mail, name, organisation.
func Check(plain string, own ...string) string {
	switch {
	case !utf8.ValidString(plain):
		return "must be UTF-8"
	case utf8.RuneCountInString(plain) < MinLength:
		return fmt.Sprintf("must have at least %d characters", MinLength)
	case len(plain) > MaxLength:
		return fmt.Sprintf("must have at most %d bytes", MaxLength)
	}
	return guessable(plain, own)
}

// Hash makes a hash with a salt of its own. It takes 19 MiB of memory and some 20 ms.
func Hash(plain string) string { return hash(plain, memory, passes) }

// HashCheaply makes the cheapest hash that Matches takes. It protects nothing: it is for tests that sign in many times.
func HashCheaply(plain string) string { return hash(plain, 8*threads, 1) }

func hash(plain string, memory, passes uint32) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	key := argon2.IDKey([]byte(plain), salt, passes, memory, threads, keyLen)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf(format, argon2.Version, memory, passes, threads, encode(salt), encode(key))
}

// Matches tells whether the password is the hash's, in time that does not depend on how much of it is right. What is no
// hash matches nothing.
func Matches(hash, plain string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || len(plain) > MaxLength {
		return false
	}
	var version int
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(strings.Join(parts[:4], "$"), "$argon2id$v=%d$m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 64 {
		return false
	}
	if version != argon2.Version || p < 1 || t < 1 || t > maxPasses || m < 8*uint32(p) || m > maxMemory {
		return false
	}
	got := argon2.IDKey([]byte(plain), salt, t, m, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}
