// Package request is what a handler or a middleware can learn of the request that it serves: its id, its route, who makes
// it, how long its work may take, and the parameters that many operations share.
package request

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// JSON is the media type of bodies and answers (RFC 8259, section 11).
const JSON = "application/json"

// The keys under which a request's gin.Context keeps what is known of it.
const (
	idKey        = "requestId"
	routeKey     = "route"
	principalKey = "principal"
	workTimeKey  = "workTime"
)

// SetID names the request.
func SetID(c *gin.Context, id string) { c.Set(idKey, id) }

// ID is the request's name, as the log has it and its answer carries it.
func ID(c *gin.Context) string { return c.GetString(idKey) }

// SetRoute names the route of a request that gin knows none for.
func SetRoute(c *gin.Context, route string) { c.Set(routeKey, route) }

// Route is the pattern of the route that serves the request, "unmatched" if none does.
func Route(c *gin.Context) string {
	if route := c.FullPath(); route != "" {
		return route
	}
	if route := c.GetString(routeKey); route != "" {
		return route
	}
	return "unmatched"
}

// Method is the request's method, "OTHER" for made-up ones: they do not become labels and log text.
func Method(c *gin.Context) string {
	switch method := c.Request.Method; method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return method
	}
	return "OTHER"
}
