package sampledock_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local/sampledock"
)

func TestTheSampleDockIsForHostsOfThisMachineAlone(t *testing.T) {
	handler, err := sampledock.Handler("http://127.0.0.1:8080")
	require.NoError(t, err)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(),
		`<script src="http://127.0.0.1:8080/sdk/dock.js" data-host="http://localhost:8080 http://127.0.0.1:8080"></script>`)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors http://localhost:8080 http://127.0.0.1:8080")

	require.Contains(t, w.Body.String(), `<script src="page.js"></script>`)

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/page.js", nil))
	require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "AtenderDock.onContext")

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/other", nil))
	require.Equal(t, 404, w.Code)
}
