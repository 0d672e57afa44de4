package browser

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
// port too. Its origin is its own until the test ends.
func Serve(t testing.TB, name string, handler http.Handler) *Site {
	t.Helper()
	s := &Site{t: t}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("POST /report", s.take)
	p := takePlace(name)
	p.handler.Store(mux)
	t.Cleanup(p.giveBack)
	s.Origin = p.origin
	return s
}

// A place is an origin that one test has after the other: what a browser may keep of it, such as compiled scripts, it need
// not load again. What pages keep there is forgotten between two tests, see wipe.
type place struct {
	name, origin string
	server       *httptest.Server
	handler      atomic.Pointer[http.ServeMux] // nil between two tests
}

// places are those that no test has, by name, and the origins of all.
var places struct {
	sync.Mutex
	free    map[string][]*place
	origins []string
}

func takePlace(name string) *place {
	places.Lock()
	defer places.Unlock()
	if free := places.free[name]; len(free) > 0 {
		places.free[name] = free[:len(free)-1]
		return free[len(free)-1]
	}
	p := &place{name: name}
	p.server = httptest.NewServer(p)
	p.origin = "http://" + net.JoinHostPort(name, strconv.Itoa(p.server.Listener.Addr().(*net.TCPAddr).Port))
	places.origins = append(places.origins, p.origin)
	return p
}

// origins are those of all places so far.
func origins() []string {
	places.Lock()
	defer places.Unlock()
	return slices.Clone(places.origins)
}

// giveBack lets another test have the place: none of this test's requests is under way there any more.
func (p *place) giveBack() {
	p.handler.Store(nil)
	p.server.CloseClientConnections()
	places.Lock()
	defer places.Unlock()
	if places.free == nil {
		places.free = map[string][]*place{}
	}
	places.free[p.name] = append(places.free[p.name], p)
}

// lobbyPath is where every place has a page without anything, also between two tests.
const lobbyPath = "/.lobby"

// ServeHTTP implements http.Handler.
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == lobbyPath {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>Lobby</title>`) // the reader may be gone
		return
	}
	handler := p.handler.Load()
	if handler == nil {
		panic(http.ErrAbortHandler) // no test is here
	}
	handler.ServeHTTP(w, r)
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
