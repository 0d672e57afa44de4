package middleware

import (
	"github.com/gin-gonic/gin"

	"github.com/atender/atender/models/postgres"
)

// TakeTurns makes what a request does with the store take its turn with the other calls of its tenant, which
// authentication tells (postgres.SetTenant).
func TakeTurns(c *gin.Context) {
	c.Request = c.Request.WithContext(postgres.WithCaller(c.Request.Context(), c.ClientIP()))
}
