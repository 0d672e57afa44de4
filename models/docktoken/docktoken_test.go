package docktoken_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/docktoken"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func claims() docktoken.Claims {
	return docktoken.Claims{
		DockID: uuid.New(), AgentID: uuid.New(), TenantID: uuid.New(), ConversationID: uuid.New(), ContactID: uuid.New(),
		ContextID: uuid.New(), TokenID: uuid.New(), IssuedAt: noon,
	}
}

func sign(t *testing.T, c docktoken.Claims, secret string) string {
	t.Helper()
	token, err := docktoken.Sign(c, secret)
	require.NoError(t, err)
	return token
}

func TestTokenSaysWhatWasSigned(t *testing.T) {
	c, secret := claims(), docktoken.NewSecret()
	token := sign(t, c, secret)
	read, err := docktoken.Verify(token, secret, c.DockID, noon.Add(4*time.Minute))
	require.NoError(t, err)
	require.True(t, read.IssuedAt.Equal(noon))
	read.IssuedAt = noon
	require.Equal(t, c, read)
}

// What a back end in another language finds in it.
func TestClaimsHaveTheirDocumentedNames(t *testing.T) {
	c, secret := claims(), docktoken.NewSecret()
	parts := strings.Split(sign(t, c, secret), ".")
	require.Len(t, parts, 3)
	decode := func(part string) (m map[string]any) {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &m))
		return m
	}
	require.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": docktoken.KeyID(secret)}, decode(parts[0]))
	body := decode(parts[1])
	require.Equal(t, []any{c.DockID.String()}, body["aud"])
	delete(body, "aud")
	require.Equal(t, map[string]any{
		"iss": "atender", "sub": c.AgentID.String(), "tenantId": c.TenantID.String(),
		"conversationId": c.ConversationID.String(), "contactId": c.ContactID.String(), "contextId": c.ContextID.String(),
		"jti": c.TokenID.String(), "iat": float64(noon.Unix()), "exp": float64(noon.Add(5 * time.Minute).Unix()),
	}, body)
}

func TestVerifyRefuses(t *testing.T) {
	c, secret := claims(), docktoken.NewSecret()
	good := sign(t, c, secret)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.RegisteredClaims{
		Issuer: docktoken.Issuer, Audience: jwt.ClaimStrings{c.DockID.String()}, Subject: c.AgentID.String(),
		ExpiresAt: jwt.NewNumericDate(noon.Add(time.Minute)), ID: c.TokenID.String(),
	}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	early := c
	early.IssuedAt = noon.Add(time.Hour)
	for name, refused := range map[string]struct {
		token, secret string
		dock          uuid.UUID
		now           time.Time
	}{
		"another secret":    {good, docktoken.NewSecret(), c.DockID, noon},
		"another dock":      {good, secret, uuid.New(), noon},
		"too late":          {good, secret, c.DockID, noon.Add(6 * time.Minute)},
		"from the future":   {sign(t, early, secret), secret, c.DockID, noon},
		"no signature":      {unsigned, secret, c.DockID, noon},
		"cut short":         {good[:len(good)-4], secret, c.DockID, noon},
		"nothing":           {"", secret, c.DockID, noon},
		"signature removed": {good[:strings.LastIndexByte(good, '.')+1], secret, c.DockID, noon},
	} {
		_, err := docktoken.Verify(refused.token, refused.secret, refused.dock, refused.now)
		require.ErrorIs(t, err, docktoken.ErrInvalid, name)
	}
}

func TestNoByteOfATokenCanBeChanged(t *testing.T) {
	c, secret := claims(), docktoken.NewSecret()
	token := sign(t, c, secret)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")).Draw(t, "other")
		if other == token[at] {
			return
		}
		changed := []byte(token)
		changed[at] = other
		got, err := docktoken.Verify(string(changed), secret, c.DockID, noon)
		// The last character of a base64 text can have bits that mean nothing; then the token says the same.
		if err == nil && (at != len(token)-1 || got.ContextID != c.ContextID) {
			t.Fatalf("byte %d as %q is accepted", at, other)
		}
	})
}
