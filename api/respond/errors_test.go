package respond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/problem"
)

func TestErrorsBecomeAnswers(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		header string // name: value
	}{
		{errors.New("secret"), 500, "INTERNAL", ""},
		{problem.New(problem.Internal, "SECRET", "secret"), 500, "INTERNAL", ""},
		{fmt.Errorf("secret: %w", context.DeadlineExceeded), 503, "UNAVAILABLE", "Retry-After: 1"},
		{fmt.Errorf("secret: %w", context.Canceled), 503, "UNAVAILABLE", "Retry-After: 1"},
		{
			&problem.Error{Kind: problem.Unavailable, Code: "UNAVAILABLE", Message: "m", Cause: errors.New("secret")},
			503, "UNAVAILABLE", "Retry-After: 1",
		},
		{fmt.Errorf("secret: %w", problem.New(problem.NotFound, "NOT_FOUND", "m")), 404, "NOT_FOUND", ""},
		{problem.New(problem.Unauthorized, "UNAUTHORIZED", "m"), 401, "UNAUTHORIZED", `Www-Authenticate: Bearer realm="atender"`},
		{problem.New(problem.Forbidden, "SCOPE_MISSING", "m"), 403, "SCOPE_MISSING", ""},
		{problem.New(problem.Conflict, "INVALID_TRANSITION", "m"), 409, "INVALID_TRANSITION", ""},
		{problem.New(problem.Precondition, "X", "m"), 412, "X", ""},
		{problem.New(problem.TooLarge, "BODY_TOO_LARGE", "m"), 413, "BODY_TOO_LARGE", ""},
		{problem.New(problem.Limited, "WEBHOOK_LIMIT_REACHED", "m"), 429, "WEBHOOK_LIMIT_REACHED", ""},
		{problem.New(problem.Invalid, "METHOD_NOT_ALLOWED", "m"), 405, "METHOD_NOT_ALLOWED", ""},
		{problem.New(problem.Invalid, "UNSUPPORTED_MEDIA_TYPE", "m"), 415, "UNSUPPORTED_MEDIA_TYPE", ""},
	} {
		w := httptest.NewRecorder()
		ctx, _ := gin.CreateTestContext(w)
		ctx.Request = httptest.NewRequest("GET", "/", nil)
		Errors{slog.New(slog.DiscardHandler)}.Respond(ctx, c.err)
		require.Equal(t, c.status, w.Code, c.err)
		require.Contains(t, w.Body.String(), `"code":"`+c.code+`"`)
		require.NotContains(t, w.Body.String(), "secret")
		var headers []string
		for name, values := range w.Header() {
			headers = append(headers, name+": "+values[0])
		}
		if c.header != "" {
			require.Contains(t, headers, c.header)
		}
		require.Equal(t, c.status == 503, w.Header().Get("Retry-After") != "")
	}
}
