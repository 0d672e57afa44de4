package middleware

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/logging"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 128
)

// RequestID names the request: by the caller's X-Request-Id if that is 1 to 128 letters, digits, '.', '_' and '-' (so
// that it can be put into a log line and a header as it is), by a random name otherwise. The answer carries it.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader(requestIDHeader)
		if !saneRequestID(id) {
			var random [12]byte
			_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
			id = hex.EncodeToString(random[:])
		}
		request.SetID(c, id)
		c.Request = c.Request.WithContext(logging.With(c.Request.Context(), slog.String(logging.RequestID, id)))
		c.Header(requestIDHeader, id)
	}
}

func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, b := range []byte(id) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return true
}
