package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client reads what was answered, whatever the document says of it, and hears what the document does not admit.
func TestATransportChecksWhatItPassesOn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, `{"data": [], "invented": 1}`)
		require.NoError(t, err)
	}))
	defer server.Close()
	var failures []error
	client := http.Client{Transport: Transport(http.DefaultTransport, func(err error) { failures = append(failures, err) })}
	for path, undescribed := range map[string]bool{"/v1/tags": true, "/healthz": false} {
		failures = nil
		response, err := client.Get(server.URL + path)
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.JSONEq(t, `{"data": [], "invented": 1}`, string(content))
		require.Equal(t, undescribed, len(failures) > 0, "%s: %v", path, failures)
	}
	client.CloseIdleConnections()
}
