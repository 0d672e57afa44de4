package api

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovery turns a panic into the answer that every internal error gets. The stack goes to the log only.
func recovery(e errorResponder) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r) // net/http's own way to hang up
			}
			e.log.ErrorContext(c.Request.Context(), "panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()),
				"requestId", requestIDOf(c))
			e.respond(c, fmt.Errorf("panic: %v", r))
		}()
		c.Next()
	}
}
