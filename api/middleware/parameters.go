package middleware

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/problem"
)

// The bounds of a query. The longest that means something is a search of 200 characters, escaped, with a cursor; the
// largest has a dozen parameters.
const (
	MaxQuery      = 16 << 10 // bytes
	MaxParameters = 100
)

// BoundQuery refuses queries that cost much to take apart, on every route: the console's own have some, too.
func BoundQuery(e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		raw := c.Request.URL.RawQuery
		switch {
		case len(raw) > MaxQuery:
			e.Respond(c, problem.Fields(problem.Field{
				Field: "query", Code: "too_long", Message: fmt.Sprintf("must have at most %d bytes", MaxQuery),
			}))
		case strings.Count(raw, "&") >= MaxParameters:
			e.Respond(c, problem.Fields(problem.Field{
				Field: "query", Code: "too_many", Message: fmt.Sprintf("must have at most %d parameters", MaxParameters),
			}))
		}
	}
}

// UnescapeParameters turns the parameters of the path into what they stand for, once for all handlers behind it.
func UnescapeParameters(e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		for i, p := range c.Params {
			text, err := url.PathUnescape(p.Value)
			if err != nil {
				e.Respond(c, problem.Fields(problem.Field{
					Field: p.Key, Code: "malformed", Message: "is not validly percent-encoded",
				}))
				return
			}
			c.Params[i].Value = text
		}
	}
}
