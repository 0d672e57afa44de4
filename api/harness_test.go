package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/validation"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/deps"
)

// harness is the API on a database of its own, with a tenant and its keys.
type harness struct {
	t       testing.TB
	store   *models.Store
	server  *Server
	log     *logBuffer
	url     string // of the database
	live    account.Tenant
	sandbox account.Tenant
	key     string // of the live tenant, with full_access
}

// opened is what tests share one after the other: a store over a database, and its log.
type opened struct {
	store *models.Store
	log   *logBuffer
	url   string
}

var spares = deps.Spares[opened]{Open: func(t testing.TB, url string) (opened, func()) {
	o := open(t, url)
	return o, o.store.Close
}}

// newHarness is a harness over a database without rows, whose store other tests have used: see deps.Spares.
func newHarness(t testing.TB) *harness {
	t.Helper()
	o := spares.Take(t)
	o.log.clear()
	return harnessOver(t, o)
}

// newHarnessAlone is a harness over a new database and a new store.
func newHarnessAlone(t testing.TB) *harness {
	t.Helper()
	o := open(t, deps.Database(t))
	t.Cleanup(o.store.Close)
	return harnessOver(t, o)
}

func open(t testing.TB, url string) opened {
	t.Helper()
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	o := opened{log: &logBuffer{}, url: url}
	o.store, err = models.Open(t.Context(), models.Options{
		URL: url, Keys: keys, Logger: loggerTo(o.log), HashPassword: password.HashCheaply,
		Targets: target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	require.NoError(t, err)
	return o
}

func loggerTo(log *logBuffer) *slog.Logger {
	return logging.New(log, false, slog.LevelDebug)
}

func harnessOver(t testing.TB, o opened) *harness {
	t.Helper()
	h := &harness{t: t, log: o.log, url: o.url, store: o.store}
	var err error
	h.server, err = New(Config{Version: "test"}, Deps{Store: h.store, Logger: loggerTo(h.log)})
	require.NoError(t, err)
	h.live, h.sandbox, err = h.store.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Shop"})
	require.NoError(t, err)
	h.key = h.newKey(h.live, "full_access")
	return h
}

// addressOf is an address of the test's own: what a process remembers of the addresses of its callers outlives a test.
func addressOf(t testing.TB) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(t.Name()))
	n := sum.Sum32()
	return fmt.Sprintf("198.%d.%d.%d:1234", 18+(n>>16)&1, n>>8&0xff, n&0xff)
}

func (h *harness) newKey(tenant account.Tenant, scopes ...string) string {
	h.t.Helper()
	_, plain, err := h.store.Keys.Create(
		h.t.Context(),
		tenant.ID,
		account.NewKey{Name: "test key", Scopes: scopes, Tier: "custom"},
	)
	require.NoError(h.t, err)
	return plain
}

// answer is what a request got, its body decoded if it is JSON.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	text   string
	body   map[string]any
}

// call makes a request with the harness's key. A body that is not a string is sent as JSON; headers are name, value, ….
// Whatever comes back is held against the OpenAPI document.
func (h *harness) call(method, path string, body any, headers ...string) answer {
	h.t.Helper()
	return send(h.t, h.server.Handler(), method, path, body, append([]string{"Authorization", "Bearer " + h.key}, headers...)...)
}

func send(t testing.TB, handler http.Handler, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		require.NoError(t, err)
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequest(method, path, reader)
	r.RemoteAddr = addressOf(t)
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	a := answer{t: t, status: w.Code, header: w.Header(), text: w.Body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a.body), a.text)
	}
	checkAnswer(t, r, a)
	return a
}

// want checks the status and returns the answer.
func (a answer) want(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.text)
	return a
}

// refused checks that the answer is an error with the code, and returns its details.
func (a answer) refused(status int, code string) map[string]any {
	a.t.Helper()
	a.want(status)
	e, _ := a.body["error"].(map[string]any)
	require.Equal(a.t, code, e["code"], a.text)
	require.Equal(a.t, a.header.Get("X-Request-Id"), a.body["requestId"])
	details, _ := e["details"].(map[string]any)
	return details
}

// wrong returns what a 400 says of the fields, as field:code.
func (a answer) wrong() []string {
	a.t.Helper()
	var out []string
	for _, f := range a.refused(400, "VALIDATION_FAILED")["fields"].([]any) {
		f := f.(map[string]any)
		require.NotEmpty(a.t, f["message"])
		out = append(out, f["field"].(string)+":"+f["code"].(string))
	}
	return out
}

func (a answer) string(field string) string {
	a.t.Helper()
	s, ok := a.body[field].(string)
	require.True(a.t, ok, "%s in %s", field, a.text)
	return s
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	var out []map[string]any
	for _, item := range a.body["data"].([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}

// document is what the server checks requests against.
func document() *validation.Document {
	doc, err := readDocument()
	if err != nil {
		panic(err)
	}
	return doc
}

// served is the document as clients get it, which answers and events are held against.
var served = sync.OnceValue(func() *conformance.Document {
	doc, err := conformance.Read(document().JSON)
	if err != nil {
		panic(err)
	}
	return doc
})

// checkAnswer holds an answer against the served document.
func checkAnswer(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	require.NoError(t, served().Answer(r.Method, r.URL.EscapedPath(), a.status, a.header, []byte(a.text)))
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// twice makes a request with a header that has two values.
func (h *harness) twice(method, path string, body any, header, a, b string) answer {
	h.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(h.t, err)
	r := httptest.NewRequest(method, path, bytes.NewReader(text))
	r.RemoteAddr = addressOf(h.t)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+h.key)
	r.Header[header] = []string{a, b}
	w := httptest.NewRecorder()
	h.server.Handler().ServeHTTP(w, r)
	out := answer{t: h.t, status: w.Code, header: w.Header(), text: w.Body.String()}
	require.NoError(h.t, json.Unmarshal(w.Body.Bytes(), &out.body), out.text)
	checkAnswer(h.t, r, out)
	return out
}

// exec changes the database behind the store's back.
func (h *harness) exec(query string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.url)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(h.t.Context(), query, args...)
	require.NoError(h.t, err)
}

// payload is an event as it is stored, and as webhooks carry it.
func (h *harness) payload(event string) (text string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.url)
	require.NoError(h.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(h.t, conn.QueryRow(h.t.Context(), `SELECT payload FROM events WHERE id = $1`, event).Scan(&text))
	return text
}
