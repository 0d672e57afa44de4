package signature_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/signature"
)

// FuzzVerify checks headers that an attacker made up, who does not know the secret.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	secret := signature.NewSecret()
	f.Add("msg", "1700000000", "v1,AAAA v1a,BBBB", []byte("{}"))
	f.Add("", "-1", "t=1700000000,v1=00", []byte(nil))
	f.Fuzz(func(t *testing.T, id, timestamp, header string, body []byte) {
		require.Error(t, signature.VerifyStandard(id, timestamp, header, body, now, time.Minute, secret))
		require.Error(t, signature.VerifyAtender(header, body, now, time.Minute, secret))
	})
}

// FuzzKeys reads keys from any text: what is taken is written as it was read.
func FuzzKeys(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsk_")
	f.Add("whpk_AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := signature.ParseSecret(text); err == nil {
			require.False(t, s.IsZero())
		}
		_, _ = signature.ParseKeyPair(text)
		_, _ = signature.ParsePublicKey(text)
	})
}
