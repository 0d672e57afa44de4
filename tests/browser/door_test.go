package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// door is what stands between browsers and the product: it counts who goes through, lets some wait, and can be shut.
type door struct {
	t    testing.TB
	next http.Handler

	mu     sync.Mutex
	shut   bool
	asked  []string                   // method and path with query
	inside map[string]int             // requests under way, by path
	cut    map[int]context.CancelFunc // ends them
	holds  map[string]chan struct{}   // by method and beginning of the path
	held   chan string                // each that has to wait is told here
	number int
	lose   string // method and beginning of the path of the next answer to be lost
}

func newDoor(t testing.TB, to string) *door {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	return &door{
		t: t,
		next: &httputil.ReverseProxy{
			Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		},
		inside: map[string]int{}, cut: map[int]context.CancelFunc{}, holds: map[string]chan struct{}{},
		held: make(chan string, 100),
	}
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	leave, wait := d.enter(r, cancel)
	defer leave()
	if wait != nil {
		d.held <- r.URL.Path
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	if d.loses(r) {
		d.next.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		panic(http.ErrAbortHandler)
	}
	d.next.ServeHTTP(w, r.WithContext(ctx))
}

// LoseAnswer carries the next request out that begins like this, and ends its connection without an answer.
func (d *door) LoseAnswer(prefix string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lose = prefix
}

func (d *door) loses(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lose == "" || !strings.HasPrefix(r.Method+" "+r.URL.RequestURI(), d.lose) {
		return false
	}
	d.lose = ""
	return true
}

func (d *door) enter(r *http.Request, cancel context.CancelFunc) (leave func(), wait chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what := r.Method + " " + r.URL.RequestURI()
	d.asked = append(d.asked, what)
	if d.shut {
		cancel()
	}
	d.number++
	number, path := d.number, r.URL.Path
	d.cut[number] = cancel
	d.inside[path]++
	for prefix, until := range d.holds {
		if strings.HasPrefix(what, prefix) {
			wait = until
		}
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.cut, number)
		d.inside[path]--
	}, wait
}

// Shut cuts every connection, and lets no one in until it is opened.
func (d *door) Shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	for _, cancel := range d.cut {
		cancel()
	}
}

func (d *door) Open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = false
}

// Hold lets requests wait that begin like this, such as "POST /v1/dock-sessions", until they are let go.
func (d *door) Hold(prefix string) (letGo func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	until := make(chan struct{})
	d.holds[prefix] = until
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.holds, prefix)
		close(until)
	}
}

// AwaitHeld waits until a request has to wait.
func (d *door) AwaitHeld() {
	d.t.Helper()
	select {
	case <-d.held:
	case <-time.After(soon):
		require.FailNow(d.t, "nobody came to the door")
	}
}

// Inside is how many requests of this path are under way.
func (d *door) Inside(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inside[path]
}

// Asked are the requests so far that begin like this.
func (d *door) Asked(prefix string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, what := range d.asked {
		if strings.HasPrefix(what, prefix) {
			found = append(found, what)
		}
	}
	return found
}
