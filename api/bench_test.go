package api

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/metrics"
	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/api/validation"
)

// BenchmarkMiddlewares is what a request costs before it reaches its handler, without the store: everything (all), and
// the validation of a message of 1 KiB alone (validate).
func BenchmarkMiddlewares(b *testing.B) {
	doc, err := openDocument("")
	require.NoError(b, err)
	e := respond.Errors{Log: slog.New(slog.DiscardHandler)}
	const route = "/v1/conversations/:id/messages"
	path := "/v1/conversations/019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10/messages"
	body := `{"direction":"inbound","externalId":"mail-1","sentAt":"2026-11-21T09:30:00Z","metadata":{"n":5},"text":"` +
		strings.Repeat("All work and no play. ", 46) + `"}`
	for name, chain := range map[string][]gin.HandlerFunc{
		"validate": {validation.Requests(doc, intake.New(), e)},
		"all": {
			middleware.RequestID(), middleware.AccessLog(e.Log), metrics.New(nil).Observe(), middleware.Recovery(e),
			middleware.Deadline(requestTime), middleware.UnescapeParameters(e), middleware.StandardHeaders,
			middleware.Authenticate(doc, anyKey{}, "", e), validation.Requests(doc, intake.New(), e),
		},
	} {
		b.Run(name, func(b *testing.B) {
			r := gin.New()
			r.UseEscapedPath, r.UnescapePathValues = true, false
			reached := 0
			r.POST(route, append(chain, func(*gin.Context) { reached++ })...)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				request := httptest.NewRequest("POST", path, strings.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Authorization", "Bearer sa_live_x")
				r.ServeHTTP(httptest.NewRecorder(), request)
			}
			require.Equal(b, n, reached)
		})
	}
	b.Run("nothing", func(b *testing.B) { // what the benchmark itself costs
		r := gin.New()
		r.POST(route, func(*gin.Context) {})
		for b.Loop() {
			request := httptest.NewRequest("POST", path, strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			r.ServeHTTP(httptest.NewRecorder(), request)
		}
	})
}
