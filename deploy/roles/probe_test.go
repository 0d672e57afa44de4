package roles_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/roles"
)

// A health check is told the address that the process listens on, whatever form it has.
func TestAProbeReachesAnAddressAsItIsListenedOn(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0", "localhost"} {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
		require.NoError(t, err)
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(
			func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/healthz" {
					http.Error(rw, "the worker starts", http.StatusServiceUnavailable)
				}
			})}}
		server.Start()
		t.Cleanup(server.Close)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		addr := net.JoinHostPort(host, port)
		require.NoError(t, roles.Probe(t.Context(), addr, "/healthz"), addr)
		err = roles.Probe(t.Context(), addr, "/readyz")
		require.ErrorContains(t, err, "503: the worker starts", addr)
	}
	require.Error(t, roles.Probe(t.Context(), "127.0.0.1:1", "/healthz"), "no process is there")
}
