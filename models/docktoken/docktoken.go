// Package docktoken makes the short-lived tokens by which a dock's own back end knows that the context its page shows was
// given by Atender: JSON Web Tokens (RFC 7519), signed with HMAC-SHA256 under the dock's secret. It is pure: the time
// comes in as an argument.
package docktoken

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// Issuer is the iss claim of every token.
	Issuer = "atender"
	// Life is how long a token is valid. Each context carries a new one, so a page that asks for its context gets one
	// that has all of it to live.
	Life = 5 * time.Minute
	// leeway is how far the verifier's clock may be off.
	leeway = 30 * time.Second
)

// secretPrefix tells people and secret scanners what they found.
const secretPrefix = "dksec_"

// NewSecret makes a dock's secret: 32 random bytes as text. The text as a whole, prefix included, is the key, so that any
// JWT library takes it as it is.
func NewSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	return secretPrefix + hex.EncodeToString(random)
}

// KeyID names a secret without telling it: the beginning of its SHA-256. It is the kid of the tokens that the secret
// signs, by which a back end that knows two secrets, during a rotation, picks the right one.
func KeyID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:4])
}

// Claims are what a token says: this agent has this conversation open in this dock.
type Claims struct {
	DockID         uuid.UUID // aud
	AgentID        uuid.UUID // sub
	TenantID       uuid.UUID
	ConversationID uuid.UUID
	ContactID      uuid.UUID
	ContextID      uuid.UUID // changes whenever the agent moves to another conversation
	TokenID        uuid.UUID // jti: never the same twice
	IssuedAt       time.Time // to the second
}

type payload struct {
	jwt.RegisteredClaims

	TenantID       uuid.UUID `json:"tenantId"`
	ConversationID uuid.UUID `json:"conversationId"`
	ContactID      uuid.UUID `json:"contactId"`
	ContextID      uuid.UUID `json:"contextId"`
}

// Sign makes a token that is valid for Life from c.IssuedAt on.
func Sign(c Claims, secret string) (string, error) {
	issued := c.IssuedAt.Truncate(time.Second)
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: Issuer, Audience: jwt.ClaimStrings{c.DockID.String()}, Subject: c.AgentID.String(),
			IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(issued.Add(Life)), ID: c.TokenID.String(),
		},
		TenantID: c.TenantID, ConversationID: c.ConversationID, ContactID: c.ContactID, ContextID: c.ContextID,
	})
	token.Header["kid"] = KeyID(secret)
	return token.SignedString([]byte(secret))
}

// ErrInvalid is the error of every token that Verify refuses.
var ErrInvalid = errors.New("the dock token is not valid")

// Verify reads a token as the back end of a dock must: only HS256, only from Atender, only for this dock, only while it
// lives (clocks may be 30 s off). Errors: ErrInvalid, with the reason for the log.
func Verify(token, secret string, dockID uuid.UUID, now time.Time) (Claims, error) {
	var p payload
	_, err := jwt.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(Issuer),
		jwt.WithAudience(dockID.String()), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return now }))
	if err == nil && p.IssuedAt == nil { // the library checks it only where it is given
		err = errors.New("it does not say when it was issued")
	}
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c := Claims{
		DockID: dockID, TenantID: p.TenantID, ConversationID: p.ConversationID, ContactID: p.ContactID,
		ContextID: p.ContextID, IssuedAt: p.IssuedAt.Time,
	}
	if c.AgentID, err = uuid.Parse(p.Subject); err == nil {
		c.TokenID, err = uuid.Parse(p.ID)
	}
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, nil
}
