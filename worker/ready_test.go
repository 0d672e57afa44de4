package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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

// link hands what comes to one address on to another, until the test ends, and can be made to hang: connections are there
// then, and nothing comes through.
type link struct {
	address string
	hung    sync.RWMutex // held for writing while the link hangs
}

// forward opens a link.
func forward(t *testing.T, from, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp4", from)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	l := &link{address: listener.Addr().String()}
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
			pass := func(a, b net.Conn) { _, _ = io.Copy(l.over(a), b); _ = a.Close(); _ = b.Close() }
			go pass(in, out)
			go pass(out, in)
		}
	}()
	return l
}

// over is a writer to a connection that waits while the link hangs.
func (l *link) over(conn net.Conn) io.Writer { return &overLink{l, conn} }

type overLink struct {
	link *link
	net.Conn
}

// Write implements io.Writer.
func (o *overLink) Write(p []byte) (int, error) {
	o.link.hung.RLock()
	defer o.link.hung.RUnlock()
	return o.Conn.Write(p)
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
	direct := deps.Database(t)
	database, err := url.Parse(direct)
	require.NoError(t, err)
	toDatabase := forward(t, "127.0.0.1:0", database.Host)
	database.Host = toDatabase.address
	store, err := models.Open(t.Context(), models.Options{URL: database.String(), Keys: keys, Logger: logger})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	w, err := New(
		Config{TaskQueue: t.Name(), Namespace: namespace, Dispatchers: 1, MetricsAddr: freeAddress(t)},
		Deps{Store: store, Temporal: temporal, Logger: logger},
	)
	require.NoError(t, err)

	ready := func() (status int, said string) {
		rw := httptest.NewRecorder()
		w.serveReadiness(rw, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return rw.Code, rw.Body.String()
	}
	until := func(status int, part string) {
		t.Helper()
		require.Eventually(t, func() bool {
			is, said := ready()
			return is == status && strings.Contains(said, part)
		}, time.Minute, 20*time.Millisecond, "%d, %s", status, part)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	status, said := ready()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, said, "the worker starts")
	until(http.StatusServiceUnavailable, "it waits: ") // for Temporal, which is not reached yet

	toTemporal := forward(t, reached, address)
	until(http.StatusOK, "ok\n")
	over, err := http.Get("http://" + w.cfg.MetricsAddr + "/readyz")
	require.NoError(t, err)
	require.NoError(t, over.Body.Close())
	require.Equal(t, http.StatusOK, over.StatusCode)

	w.readiness.mu.Lock()
	w.readiness.until, w.readiness.err = time.Now().Add(time.Hour), errors.New("was looked up")
	w.readiness.mu.Unlock()
	_, said = ready()
	require.Equal(t, "was looked up\n", said, "a probe that comes right after another asks nothing")
	w.readiness.mu.Lock()
	w.readiness.until = time.Time{}
	w.readiness.mu.Unlock()

	toDatabase.hung.Lock()
	until(http.StatusServiceUnavailable, "database: ")
	toDatabase.hung.Unlock()
	toTemporal.hung.Lock()
	until(http.StatusServiceUnavailable, "temporal: ask who polls")
	toTemporal.hung.Unlock()
	execute(t, direct, `ALTER TABLE goose_db_version RENAME TO away`)
	until(http.StatusServiceUnavailable, "migrations are missing: 00001_core, ")
	execute(t, direct, `ALTER TABLE away RENAME TO goose_db_version`)
	until(http.StatusOK, "ok\n")

	w.isStopping.Store(true)
	status, said = ready()
	require.Equal(t, http.StatusServiceUnavailable, status, "though it was ready a moment ago")
	require.Contains(t, said, "the worker stops")
	w.isStopping.Store(false)
	stop()
	require.NoError(t, <-ended)
	_, said = ready()
	require.Contains(t, said, "the worker stops")
}

func execute(t *testing.T, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
}
