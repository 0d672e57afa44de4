package middleware

import (
	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
)

// CountUse counts the requests of keys, refused ones too, by endpoint.
func CountUse(store *models.Store, doc *validation.Document) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		op := doc.Operation(c.Request, c.FullPath())
		if p, ok := request.Principal(c); ok && op != nil && store != nil {
			store.Keys.CountRequest(p, op.Endpoint, c.Writer.Status())
		}
	}
}
