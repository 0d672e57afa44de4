package worker

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/tests/deps"
)

// freeAddress is an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// forward hands what comes to one address on to another, until the test ends.
func forward(t *testing.T, from, to string) {
	t.Helper()
	listener, err := net.Listen("tcp4", from)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			pass := func(a, b net.Conn) { _, _ = io.Copy(a, b); _ = a.Close(); _ = b.Close() }
			go pass(in, out)
			go pass(out, in)
		}
	}()
}

// Regression: a stack was said to be ready when its worker's process was there, before it polled for anything.
func TestAWorkerIsReadyWhenItPolls(t *testing.T) {
	address, namespace := deps.Temporal(t)
	reached := freeAddress(t)
	logger := slog.New(slog.DiscardHandler)
	temporal, err := client.NewLazyClient(client.Options{HostPort: reached, Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	store, err := models.Open(t.Context(), models.Options{URL: deps.Database(t), Keys: keys, Logger: logger})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	w, err := New(Config{TaskQueue: t.Name(), Namespace: namespace, Dispatchers: 1},
		Deps{Store: store, Temporal: temporal, Logger: logger})
	require.NoError(t, err)

	ready := func() (status int, said string) {
		rw := httptest.NewRecorder()
		w.serveReadiness(rw, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return rw.Code, rw.Body.String()
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	status, said := ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "the worker starts: it waits for Temporal\n", said)

	forward(t, reached, address)
	require.Eventually(t, func() bool { status, _ := ready(); return status == http.StatusOK },
		time.Minute, 50*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}
