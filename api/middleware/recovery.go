package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/logging"
)

// Recovery turns a panic into the answer that every internal error gets. The stack goes to the log only.
func Recovery(e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r) // net/http's own way to hang up
			}
			e.Log.ErrorContext(c.Request.Context(), "panic", logging.Panic(r), "stack", string(debug.Stack()))
			e.Respond(c, fmt.Errorf("panic: %v", r))
		}()
		c.Next()
	}
}
