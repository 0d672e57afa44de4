package sender_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/webhook"
)

var discard = log.New(io.Discard, "", 0)

func TestStatusDecides(t *testing.T) {
	for status, want := range map[int]struct {
		class webhook.Class
		text  string
	}{
		200: {webhook.ClassOK, ""},
		201: {webhook.ClassOK, ""},
		204: {webhook.ClassOK, ""},
		299: {webhook.ClassOK, ""},
		301: {webhook.ClassHTTP3xx, "answered 301 Moved Permanently: redirects are not followed"},
		304: {webhook.ClassHTTP3xx, "redirects are not followed"},
		307: {webhook.ClassHTTP3xx, "redirects are not followed"},
		400: {webhook.ClassHTTP4xx, "answered 400 Bad Request"},
		404: {webhook.ClassHTTP4xx, "answered 404 Not Found"},
		410: {webhook.ClassHTTP4xx, "answered 410 Gone"},
		429: {webhook.ClassHTTP4xx, "answered 429 Too Many Requests"},
		500: {webhook.ClassHTTP5xx, "answered 500 Internal Server Error"},
		503: {webhook.ClassHTTP5xx, "answered 503 Service Unavailable"},
		599: {webhook.ClassHTTP5xx, "answered 599"},
		777: {webhook.ClassProtocol, "answered 777, which is not a final HTTP status"},
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			var hits atomic.Int32
			e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				if r.URL.Path == "/followed" {
					return
				}
				w.Header().Set("Location", "/followed")
				w.WriteHeader(status)
			})
			out := post(t, newSender(t, patient(local)), e.URL+"/hook")
			require.Equal(t, status, out.Status)
			require.Equal(t, want.class, out.Class)
			require.Equal(t, status == 410, out.IsGone())
			require.Contains(t, out.Error, want.text)
			require.EqualValues(t, 1, hits.Load(), "a redirect was followed")
		})
	}
}

func TestRetryAfterIsReadFromEveryFailure(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		header   string
		from, to time.Duration
	}{
		"429 seconds":  {429, "120", 2 * time.Minute, 2 * time.Minute},
		"503 seconds":  {503, "7", 7 * time.Second, 7 * time.Second},
		"429 date":     {429, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 58 * time.Minute, time.Hour},
		"503 date":     {503, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 58 * time.Minute, time.Hour},
		"over a day":   {429, "1000000", 24 * time.Hour, 24 * time.Hour},
		"past date":    {503, "Sun, 06 Nov 1994 08:49:37 GMT", 0, 0},
		"negative":     {429, "-5", 0, 0},
		"garbage":      {503, "later", 0, 0},
		"missing":      {429, "", 0, 0},
		"other status": {500, "120", 2 * time.Minute, 2 * time.Minute}, // whether it counts Decide says
		"success":      {200, "120", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
			})
			out := post(t, newSender(t, patient(local)), e.URL)
			require.GreaterOrEqual(t, out.RetryAfter, c.from)
			require.LessOrEqual(t, out.RetryAfter, c.to)
		})
	}
}

func TestTheRequestIsThatOfTheDocumentation(t *testing.T) {
	type seen struct {
		header        http.Header
		host          string
		length        int64
		transfer      []string
		body          []byte
		method, proto string
	}
	got := make(chan seen, 1)
	e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Header, r.Host, r.ContentLength, r.TransferEncoding, body, r.Method, r.Proto}
	})
	c := patient(local)
	c.UserAgentVersion = "1.2.3"
	s := newSender(t, c)
	d := delivery(e.URL)
	old := signature.NewSecret()
	d.Signers, d.Secrets = append(d.Signers, old), append(d.Secrets, old)
	d.Custom = map[string]string{
		"Authorization": "Bearer abc", "X-Tenant": "7",
		// Attempts to take over what is ours, or what HTTP needs.
		"Host": "inner.example", "Content-Length": "1", "content-type": "text/plain", "Transfer-Encoding": "chunked",
		"User-Agent": "evil", "webhook-id": "evil", "Webhook-Signature": "evil", "webhook-timestamp": "1",
		"X-Atender-Event": "evil", "x-atender-signature": "evil", "X-Atender-Attempt": "99", "Connection": "close",
		"Metadata-Flavor": "Google", "X-Bad": "a\r\nX-Injected: 1", "X-Idempotency-Key": "1", "Accept-Encoding": "gzip",
		// What was stored before it was refused: words of a proxy or gateway.
		"True-Client-IP": "10.0.0.1", "X_Remote_User": "root", "CF-Connecting-IP": "10.0.0.1", "X-Original-URL": "/admin",
	}
	at := time.Now()
	out := s.Post(t.Context(), s.Build(d, at))
	require.True(t, out.IsDelivered(), "%+v", out)

	r := <-got
	require.Equal(t, http.MethodPost, r.method)
	require.Equal(t, strings.TrimPrefix(e.URL, "http://"), r.host)
	require.Equal(t, string(d.Body), string(r.body))
	require.EqualValues(t, len(d.Body), r.length)
	require.Empty(t, r.transfer)
	for _, secret := range []signature.Secret{key, old} {
		w, err := official.NewWebhook(secret.Reveal())
		require.NoError(t, err)
		require.NoError(t, w.Verify(r.body, r.header))
		require.NoError(t, signature.VerifyAtender(r.header.Get("X-Atender-Signature"), r.body, at, time.Minute, secret))
	}
	r.header.Del("Webhook-Signature")
	r.header.Del("X-Atender-Signature")
	require.Equal(t, http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {"54"}, "User-Agent": {"Atender-Webhooks/1.2.3"},
		"Webhook-Id": {d.EventID}, "Webhook-Timestamp": {unix(at)},
		"X-Atender-Event": {d.Event}, "X-Atender-Delivery": {d.DeliveryID}, "X-Atender-Attempt": {"3"},
		"Authorization": {"Bearer abc"}, "X-Tenant": {"7"},
	}, r.header)
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func TestWithoutASecretThereIsNoAtenderSignature(t *testing.T) {
	s := newSender(t, patient(local))
	d := delivery("https://example.com")
	pair := signature.NewKeyPair()
	d.Signers, d.Secrets = []signature.Signer{pair}, nil
	at := time.Now()
	r := s.Build(d, at)
	require.NotContains(t, r.Header, "X-Atender-Signature")
	require.NoError(t, signature.VerifyStandard(d.EventID, unix(at), r.Header.Get("webhook-signature"), d.Body, at,
		time.Minute, pair.Public()))
}

func TestLoggableHidesCustomValues(t *testing.T) {
	s := newSender(t, patient(local))
	d := delivery("https://example.com")
	d.Custom = map[string]string{"authorization": "Bearer abc"}
	logged := s.Build(d, time.Now()).Loggable()
	require.Equal(t, "[hidden]", logged["Authorization"])
	require.Equal(t, d.EventID, logged["Webhook-Id"])
	require.Equal(t, "3", logged["X-Atender-Attempt"])
	require.Len(t, logged, 10)
}

// Receivers are told of the attempt's span where the operator wants it, and then of no other.
func TestTheTraceparentIsSentWhenItIsConfigured(t *testing.T) {
	d := delivery("https://example.com")
	d.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	require.NotContains(t, newSender(t, patient(local)).Build(d, time.Now()).Header, "Traceparent")
	telling := patient(local)
	telling.SendTraceparent = true
	s := newSender(t, telling)
	require.Equal(t, d.Traceparent, s.Build(d, time.Now()).Header.Get("traceparent"))
	d.Custom = map[string]string{"Traceparent": "the tenant's"}
	require.Equal(t, []string{d.Traceparent}, s.Build(d, time.Now()).Header["Traceparent"])
	d.Traceparent = ""
	require.Equal(t, "the tenant's", s.Build(d, time.Now()).Header.Get("traceparent"))
}

func TestExcerpt(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"empty":              {"", ""},
		"short":              {"ok", "ok"},
		"line breaks":        {"a\r\nb\tc", "a  b c"},
		"control characters": {"a\x00b\x1b[31mc\x7f\u0085", "a\ufffdb\ufffd[31mc\ufffd\ufffd"},
		"turned around":      {"a\u202eb\u2066c", "a\ufffdb\ufffdc"},
		"not UTF-8":          {"a\xff\xfeb", "a\ufffd\ufffdb"},
		"long":               {strings.Repeat("x", 5000), strings.Repeat("x", 1024)},
		"cut inside a rune":  {strings.Repeat("x", 1023) + "ä" + "y", strings.Repeat("x", 1023)},
		"grown by cleaning":  {strings.Repeat("\x00", 1024), strings.Repeat("\ufffd", 341)},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, c.body)
			})
			out := post(t, newSender(t, patient(local)), e.URL)
			require.Equal(t, c.want, out.Excerpt)
			require.True(t, utf8.ValidString(out.Excerpt))
			require.LessOrEqual(t, len(out.Excerpt), sender.MaxExcerpt)
		})
	}
}

func TestACompressedAnswerIsNotUnfolded(t *testing.T) {
	accepts := make(chan string, 1)
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		accepts <- r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("\x1f\x8b not really gzip"))
	})
	out := post(t, newSender(t, patient(local)), e.URL)
	require.True(t, out.IsDelivered())
	require.Empty(t, <-accepts)
	require.Contains(t, out.Excerpt, "not really gzip")
}

// Regression: after a 101 net/http leaves the connection to its caller, and an endpoint that kept it open was read for ever.
func TestAProtocolThatWasNotAskedForIsNoAnswer(t *testing.T) {
	ended := make(chan struct{})
	url := newRawServer(t, func(conn *net.TCPConn) {
		defer close(ended)
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the sender hangs up
	})
	out := post(t, newSender(t, patient(local)), url)
	require.Equal(t, webhook.ClassProtocol, out.Class)
	require.Contains(t, out.Error, "answered 101, which is not a final HTTP status")
	<-ended
}
