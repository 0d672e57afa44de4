package api

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/gin-gonic/gin"
)

const (
	requestIDHeader = "X-Request-Id"
	requestIDKey    = "requestId"
	maxRequestID    = 128
)

// requestID names the request: by the caller's X-Request-Id if that is 1 to 128 letters, digits, '.', '_' and '-' (so
// that it can be put into a log line and a header as it is), by a random name otherwise. The answer carries it.
func requestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader(requestIDHeader)
		if !saneRequestID(id) {
			var random [12]byte
			_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
			id = hex.EncodeToString(random[:])
		}
		c.Set(requestIDKey, id)
		c.Header(requestIDHeader, id)
	}
}

func requestIDOf(c *gin.Context) string { return c.GetString(requestIDKey) }

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
