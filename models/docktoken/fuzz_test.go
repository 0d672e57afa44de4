package docktoken_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/docktoken"
)

// FuzzVerify reads tokens with any claims, signed with the right secret and not: nothing panics.
func FuzzVerify(f *testing.F) {
	secret, dock := docktoken.NewSecret(), uuid.MustParse("019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10")
	f.Add("not.a.token", dock.String(), int64(1_700_000_300), int64(1_700_000_000), true)
	f.Add("", dock.String(), int64(1_700_000_300), int64(0), false)
	f.Fuzz(func(t *testing.T, text, subject string, expires, issued int64, withIssued bool) {
		now := time.Unix(1_700_000_000, 0)
		_, err := docktoken.Verify(text, secret, dock, now)
		require.ErrorIs(t, err, docktoken.ErrInvalid)
		claims := jwt.MapClaims{"iss": docktoken.Issuer, "aud": dock.String(), "exp": expires, "sub": subject, "jti": subject}
		if withIssued {
			claims["iat"] = issued
		}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		require.NoError(t, err)
		if _, err = docktoken.Verify(signed, secret, dock, now); err != nil {
			require.ErrorIs(t, err, docktoken.ErrInvalid)
		}
	})
}
