package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/signature"
)

const atenderVector = "e96203c6de850e7dc1fde7489ef6140b402d3a5a64fe250cd2eef9830fac1cef"

func emptyKeyMAC(content string) []byte {
	h := hmac.New(sha256.New, nil)
	h.Write([]byte(content))
	return h.Sum(nil)
}

func TestNewSecretHas32RandomBytes(t *testing.T) {
	a, b := signature.NewSecret(), signature.NewSecret()
	require.NotEqual(t, a.Reveal(), b.Reveal())
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a.Reveal(), "whsec_"))
	require.NoError(t, err)
	require.Len(t, raw, 32)
	require.Equal(t, a, secret(t, a.Reveal()))
}

func TestParseSecretRefuses(t *testing.T) {
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "must start with"},
		"no prefix":    {strings.TrimPrefix(vectorSecret, "whsec_"), "must start with"},
		"other prefix": {vectorPrivate, "must start with"},
		"23 bytes":     {of(23), "is 23 bytes long, want 24 to 64"},
		"65 bytes":     {of(65), "is 65 bytes long, want 24 to 64"},
		"no padding":   {strings.TrimRight(of(32), "="), "standard base64"},
		"URL alphabet": {"whsec_" + strings.Repeat("-_", 16), "standard base64"},
		"line break":   {vectorSecret + "\n", "standard base64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signature.ParseSecret(c.text)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "MfKQ")
		})
	}
}

func TestKeyPairs(t *testing.T) {
	pair := signature.NewKeyPair()
	require.NotEqual(t, pair.Reveal(), signature.NewKeyPair().Reveal())
	again, err := signature.ParseKeyPair(pair.Reveal())
	require.NoError(t, err)
	require.Equal(t, pair, again)
	require.True(t, strings.HasPrefix(pair.Public().String(), "whpk_"))
	require.True(t, signature.KeyPair{}.IsZero())

	// A private half with the public half of another pair.
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorPrivate, "whsk_"))
	require.NoError(t, err)
	mixed := append([]byte(nil), raw...)
	mixed[63] ^= 1
	for want, text := range map[string]string{
		"public half does not belong": "whsk_" + base64.StdEncoding.EncodeToString(mixed),
		"is 32 bytes long, want 64":   "whsk_" + base64.StdEncoding.EncodeToString(raw[:32]),
		"must start with":             vectorSecret,
	} {
		_, err := signature.ParseKeyPair(text)
		require.ErrorContains(t, err, want)
	}
	_, err = signature.ParsePublicKey("whpk_" + base64.StdEncoding.EncodeToString(raw))
	require.ErrorContains(t, err, "is 64 bytes long, want 32")
}
