package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far the clock of a receiver may be from a request's timestamp, as the official libraries have it.
const Tolerance = 5 * time.Minute

// The reasons for which a request is not ours or not fresh.
var (
	ErrMalformed = errors.New("signature header is malformed")
	ErrTimestamp = errors.New("timestamp is too far from this clock")
	ErrMismatch  = errors.New("no signature matches")
)

// Verifier checks one entry of a webhook-signature header: a Secret checks v1, a PublicKey v1a.
type Verifier interface {
	// verifyEntry reports whether the bytes are this key's signature of c under the given version.
	verifyEntry(version string, mac []byte, c *content) bool
}

// VerifyStandard checks a request as a receiver does: signatures, id and timestamp are the values of
// webhook-signature, webhook-id and webhook-timestamp, body the bytes received. One signature by one of the keys is
// enough; unknown versions are skipped. The errors are ErrMalformed, ErrTimestamp and ErrMismatch, wrapped.
func VerifyStandard(
	id, timestamp, signatures string, body []byte, now time.Time, tolerance time.Duration, keys ...Verifier,
) error {
	if id == "" || signatures == "" {
		return fmt.Errorf("%w: %s or %s is missing", ErrMalformed, HeaderID, HeaderStandard)
	}
	if err := checkTime(timestamp, now, tolerance); err != nil {
		return err
	}
	c := newContent(id, timestamp, body)
	for entry := range strings.SplitSeq(signatures, " ") {
		version, encoded, _ := strings.Cut(entry, ",")
		mac, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, key := range keys {
			if key.verifyEntry(version, mac, c) {
				return nil
			}
		}
	}
	return ErrMismatch
}

func (s Secret) verifyEntry(version string, mac []byte, c *content) bool {
	return version == "v1" && !s.IsZero() && hmac.Equal(mac, s.mac(c.head, c.body))
}

func (p PublicKey) verifyEntry(version string, mac []byte, c *content) bool {
	return version == "v1a" && len(p.key) == ed25519.PublicKeySize && ed25519.Verify(p.key, c.whole(), mac)
}

// VerifyAtender checks the value of X-Atender-Signature against the body as received. One v1 by one of the secrets is
// enough; other elements are skipped. The errors are ErrMalformed, ErrTimestamp and ErrMismatch, wrapped.
func VerifyAtender(header string, body []byte, now time.Time, tolerance time.Duration, secrets ...Secret) error {
	var timestamp string
	var macs [][]byte
	for element := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(element), "=")
		switch name {
		case "t":
			if timestamp != "" {
				return fmt.Errorf("%w: t appears twice", ErrMalformed)
			}
			timestamp = value
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil {
				macs = append(macs, mac)
			}
		}
	}
	if err := checkTime(timestamp, now, tolerance); err != nil {
		return err
	}
	head := []byte(timestamp + ".")
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		want := secret.mac(head, body)
		for _, mac := range macs {
			if hmac.Equal(mac, want) {
				return nil
			}
		}
	}
	return ErrMismatch
}

func checkTime(timestamp string, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the timestamp must be whole seconds since 1970", ErrMalformed)
	}
	// Sub saturates, so a timestamp from the year 10^9 is simply far away.
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrTimestamp
	}
	return nil
}
