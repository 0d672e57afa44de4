package middleware

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/request"
)

// Deadline calls the work for a request off when it takes too long: a database that hangs must not pile up requests.
func Deadline(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.FullPath() == console.EventsPath { // which has no end of its own
			return
		}
		stop := request.StartDeadline(c, d)
		defer stop()
		c.Next()
	}
}
