package browser

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Site is a web server on a port of its own: an origin. Its pages report to the test with fetch("/report", {body: text}).
type Site struct {
	t      testing.TB
	Origin string

	mu      sync.Mutex
	reports []string
}

// Serve starts a site by one of this machine's names, 127.0.0.1 or localhost, which are different origins on the same
// port too.
func Serve(t testing.TB, name string, handler http.Handler) *Site {
	t.Helper()
	s := &Site{t: t}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("POST /report", s.take)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	s.Origin = "http://" + net.JoinHostPort(name, port)
	return s
}

func (s *Site) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, string(body))
	w.WriteHeader(http.StatusNoContent)
}

// Reports are what the pages have reported so far.
func (s *Site) Reports() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reports)
}

// Await waits for a report that begins like this, and returns the rest of it.
func (s *Site) Await(prefix string) string {
	s.t.Helper()
	var rest string
	require.Eventually(s.t, func() bool {
		for _, report := range s.Reports() {
			if after, found := strings.CutPrefix(report, prefix); found {
				rest = after
				return true
			}
		}
		return false
	}, patience, pollEvery, "nobody reported %q", prefix)
	return rest
}

// Count waits until there are n reports that begin like this, and a moment for there to be more.
func (s *Site) Count(prefix string, n int) {
	s.t.Helper()
	count := func() (found int) {
		for _, report := range s.Reports() {
			if strings.HasPrefix(report, prefix) {
				found++
			}
		}
		return found
	}
	require.Eventually(s.t, func() bool { return count() >= n }, patience, pollEvery, "fewer than %d times %q", n, prefix)
	require.Never(s.t, func() bool { return count() > n }, settle, pollEvery, "more than %d times %q", n, prefix)
}

// settle is the moment in which what must not happen would have.
const settle = 400 * time.Millisecond
