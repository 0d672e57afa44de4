package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/console"
	"github.com/atender/atender/api/origin"
	"github.com/atender/atender/api/respond"
)

// RequireSameOrigin refuses writes to the console's own routes that its pages have not made, signed in or not: no other page
// shall sign a browser in to an account that is not its user's.
func RequireSameOrigin(own origin.Origin, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.FullPath()
		isForm := path == console.SignInPath || path == console.PreviewPath // see package pages
		if !strings.HasPrefix(path, console.Path+"/") || isForm {
			return
		}
		if err := own.CheckWrite(c.Request); err != nil {
			e.Respond(c, err)
		}
	}
}
