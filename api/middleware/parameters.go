package middleware

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/validation"
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

// RefuseWrongMethod answers requests for a path that the document lists by itself (/v1/conversations/outbound) with a
// method that it does not have. Without it gin would take its last part for the id in another route
// (/v1/conversations/{id}), and say of the methods what is true of that one.
func RefuseWrongMethod(doc *validation.Document, e respond.Errors) gin.HandlerFunc {
	return func(c *gin.Context) {
		allowed := slices.Sorted(slices.Values(doc.Methods(c.Request.URL.EscapedPath())))
		if len(allowed) > 0 && !slices.Contains(allowed, c.Request.Method) && c.Request.Method != http.MethodOptions {
			c.Header("Allow", strings.Join(allowed, ", "))
			e.WrongMethod(c)
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
