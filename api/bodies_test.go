package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/api/middleware"
	"github.com/atender/atender/api/validation"
)

// sender is a client that sends what it likes, when it likes.
type sender struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, server *httptest.Server) *sender {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return &sender{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// begin sends the head of a request with a body of the length, -1 for chunked, and the beginning of the body.
func (s *sender) begin(method, path, key string, length int, body string) {
	s.t.Helper()
	size := fmt.Sprintf("Content-Length: %d", length)
	if length < 0 {
		size = "Transfer-Encoding: chunked"
		body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	}
	_, err := fmt.Fprintf(s.conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\n%s\r\n\r\n%s", method, path, key, size, body)
	require.NoError(s.t, err)
}

// reply is an answer that was read to its end.
type reply struct {
	StatusCode int
	Close      bool
	Header     http.Header
}

// answer reads an answer, and the text of its body.
func (s *sender) answer() (reply, string) {
	s.t.Helper()
	a, err := http.ReadResponse(s.in, nil)
	require.NoError(s.t, err)
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	require.NoError(s.t, err)
	return reply{a.StatusCode, a.Close, a.Header}, string(text)
}

func (s *sender) refused(status int, code string) reply {
	s.t.Helper()
	a, text := s.answer()
	require.Equal(s.t, status, a.StatusCode, text)
	require.Contains(s.t, text, `"`+code+`"`)
	return a
}

// A body that does not come holds nothing for longer than its grace, whether its length is told or not, and whether the
// route takes one.
func TestABodyThatTricklesIsCutOff(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewServer(h.server.Handler())
	t.Cleanup(server.Close)
	began := time.Now()
	var senders []*sender
	for _, length := range []int{1000, 1 << 20, -1} {
		s := dial(t, server)
		s.begin("POST", "/v1/conversations/outbound", h.key, length, `{"subject":`)
		senders = append(senders, s)
	}
	unread := dial(t, server)
	unread.begin("GET", "/v1/me", h.key, 1000, "x")
	nothing := dial(t, server)
	nothing.begin("POST", "/v1/conversations/"+h.newConversation("1")+"/resolve", h.key, 1000, "{")
	for _, s := range senders {
		a := s.refused(408, "REQUEST_TIMEOUT")
		require.True(t, a.Close)
		_, err := s.in.ReadByte()
		require.Error(t, err, "the connection is closed")
	}
	nothing.refused(400, "not_allowed")
	a, _ := unread.answer()
	require.Equal(t, 200, a.StatusCode)
	require.True(t, a.Close)
	require.Less(t, time.Since(began), intake.Grace+20*time.Second, "not when the test's own patience ends")

	steady := dial(t, server) // in pieces, over longer than the grace, and fast enough
	body := `{"externalReference":"slow","subject":"s","contact":{"email":"a@example.com"}}`
	body += strings.Repeat(" ", 90_000-len(body))
	steady.begin("POST", "/v1/conversations/outbound", h.key, len(body), "")
	for sent := 0; sent < len(body); sent += 10_000 {
		_, err := io.WriteString(steady.conn, body[sent:sent+10_000])
		require.NoError(t, err)
		<-time.After(300 * time.Millisecond)
	}
	a, text := steady.answer()
	require.Equal(t, 201, a.StatusCode, text)
	again := strings.Replace(body, "slow", "more", 1) // the connection is good for more
	steady.begin("POST", "/v1/conversations/outbound", h.key, len(again), again)
	a, text = steady.answer()
	require.Equal(t, 201, a.StatusCode, text)
}

// One key holds its share of bytes, all of them together what a process may; small bodies go by.
func TestBytesOfBodiesAreBudgeted(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewServer(h.server.Handler())
	t.Cleanup(server.Close)
	const path, each = "/v1/conversations/outbound", intake.KeyShare / validation.MaxBody
	keys := []string{h.key}
	for range intake.MaxHeldLarge / intake.KeyShare {
		keys = append(keys, h.newKey(h.live, "full_access"))
	}
	last := h.newKey(h.sandbox, "full_access")
	refused := func(key string) *sender {
		s := dial(t, server)
		s.begin("POST", path, key, validation.MaxBody, "{")
		return s
	}
	var held []*sender
	hold := func(key string) {
		for range each {
			s := dial(t, server)
			s.begin("POST", path, key, validation.MaxBody, "{")
			held = append(held, s)
		}
	}
	hold(keys[0])
	// Which comes first is the server's: of one more than there is room for, one is refused at once.
	held = append(held, refused(keys[0]))
	statuses := map[int]int{}
	for _, s := range held {
		a, text := s.answer()
		statuses[a.StatusCode]++
		if a.StatusCode == 429 {
			require.Contains(t, text, "BODY_BUDGET")
			require.Equal(t, "1", a.Header.Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{408: each, 429: 1}, statuses)

	// The answer comes before the bytes are given back.
	require.Eventually(t, func() bool { return h.server.intake.Held() == 0 }, 10*time.Second, time.Millisecond)
	held = nil
	for _, key := range keys[1:] { // which is all that large bodies may hold
		hold(key)
	}
	held = append(held, refused(last))
	h.call("POST", path, least("small"), "Authorization", "Bearer "+last).want(201)
	statuses = map[int]int{}
	for _, s := range held {
		a, _ := s.answer()
		statuses[a.StatusCode]++
		if a.StatusCode == 503 {
			require.Equal(t, "1", a.Header.Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{408: intake.MaxHeldLarge / validation.MaxBody, 503: 1}, statuses)
	h.call("POST", path, `{"x":"`+strings.Repeat("x", 1<<19)+`"}`).want(400) // there is room again
}

// Where no key is needed, and where there is nothing to say, bodies are short.
func TestBodiesWithoutAKeyAreShort(t *testing.T) {
	h := newHarness(t)
	long := `{"email":"` + strings.Repeat("x", validation.MaxPublicBody) + `"}`
	for path, kind := range map[string]string{
		"/console/session": "application/json", "/console/sign-in": "application/x-www-form-urlencoded",
	} {
		send(t, h.server.Handler(), "POST", path, long, "Origin", ownOrigin, "Content-Type", kind).refused(413, "BODY_TOO_LARGE")
	}
	require.Equal(t, []string{"body:not_allowed"},
		h.call("POST", "/v1/conversations/"+h.newConversation("1")+"/resolve",
			strings.Repeat(" ", validation.MaxPublicBody+1)).wrong())
	for key, op := range document().Operations {
		if op.Public {
			require.Equal(t, int64(validation.MaxPublicBody), op.MaxBody(), key)
		}
	}
}

// What makes a query costly is refused before it is taken apart, on every route.
func TestQueriesAreBounded(t *testing.T) {
	h := newHarness(t)
	for _, path := range []string{"/v1/conversations", "/v1/me", "/console/sign-in", "/console", "/healthz", "/nowhere"} {
		require.Equal(t, []string{"query:too_many"},
			h.call("GET", path+"?a"+strings.Repeat("&a", middleware.MaxParameters), nil).wrong(), path)
		require.Equal(t, []string{"query:too_long"},
			h.call("GET", path+"?a="+strings.Repeat("x", middleware.MaxQuery), nil).wrong(), path)
	}
}

// A call with an Idempotency-Key is decoded once more within its transaction; large bodies pass there, too.
func TestLargeBodiesPass(t *testing.T) {
	h := newHarness(t)
	body := `{"text":"` + strings.Repeat("x", 200<<10) + `"}`
	path := "/v1/conversations/" + h.newConversation("1") + "/messages"
	first := h.call("POST", path, body, "Idempotency-Key", "a").want(201)
	require.Equal(t, first.body, h.call("POST", path, body, "Idempotency-Key", "a").want(201).body)
	h.call("POST", path, body).want(201)
	h.call("POST", path, `{"txt":1,"text":"`+strings.Repeat("x", 200<<10)+`"}`).wrong()
	h.call("POST", path, body).want(201)
}
