package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models"
)

// WebhooksEnabled refuses everything under /v1/webhooks to tenants that have none, before looking at what was asked.
func WebhooksEnabled(store *models.Store, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !strings.HasPrefix(c.FullPath(), "/v1/webhooks") {
			return
		}
		if p, ok := request.Principal(c); ok {
			if err := store.Webhooks.Enabled(c.Request.Context(), p.TenantID); err != nil {
				e.Respond(c, err)
			}
		}
	}
}
