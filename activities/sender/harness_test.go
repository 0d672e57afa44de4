package sender_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// local permits what tests need: plain http to this machine.
var local = target.Policy{AllowHTTP: true, Allow: []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
}}

// strict permits plain http, but nothing inside.
var strict = target.Policy{AllowHTTP: true}

// patient are limits that a loaded machine keeps; hasty ones are for tests that wait for them to run out.
func patient(p target.Policy) sender.Config {
	return sender.Config{Policy: p, Timeout: 20 * time.Second, ConnectTimeout: 10 * time.Second}
}

func hasty(p target.Policy) sender.Config {
	return sender.Config{Policy: p, Timeout: 800 * time.Millisecond, ConnectTimeout: 400 * time.Millisecond}
}

func newSender(t testing.TB, c sender.Config) *sender.Sender {
	t.Helper()
	s := sender.New(c)
	t.Cleanup(s.Close)
	return s
}

// endpoint is a server that counts its connections.
type endpoint struct {
	*httptest.Server
	conns atomic.Int32
}

func newEndpoint(t testing.TB, handler http.HandlerFunc, change ...func(*httptest.Server)) *endpoint {
	t.Helper()
	e := &endpoint{Server: httptest.NewUnstartedServer(handler)}
	e.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			e.conns.Add(1)
		}
	}
	e.Config.ErrorLog = discard
	start := e.Start
	for _, f := range change {
		f(e.Server)
		if e.TLS != nil {
			start = e.StartTLS
		}
	}
	start()
	t.Cleanup(e.Close)
	return e
}

// withHTTP2 makes an endpoint offer HTTP/2.
func withHTTP2(s *httptest.Server) {
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{} // of the test's certificate: what the server starts with adds to it
}

// newRawServer answers each connection by hand.
func newRawServer(t testing.TB, handle func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	return "http://" + listener.Addr().String()
}

// unused returns the address of a port on which nothing listens.
func unused(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

var key = signature.NewSecret()

func delivery(url string) sender.Delivery {
	return sender.Delivery{
		URL: url, Body: []byte(`{"event":"message.received","data":{"text":"Grüße"}}`),
		EventID: "0199b6f2-0000-7000-8000-000000000001", Event: "message.received",
		DeliveryID: "0199b6f2-0000-7000-8000-000000000002", Attempt: 3,
		Signers: []signature.Signer{key}, Secrets: []signature.Secret{key},
	}
}

var classes = []webhook.Class{
	webhook.ClassOK, webhook.ClassHTTP3xx, webhook.ClassHTTP4xx, webhook.ClassHTTP5xx, webhook.ClassTimeout,
	webhook.ClassConnect, webhook.ClassDNS, webhook.ClassTLS,
	webhook.ClassBlocked, webhook.ClassReset, webhook.ClassProtocol, webhook.ClassOwnFault,
}

// post makes one attempt and checks what holds for every outcome: nothing in it tells a tenant where the request went.
func post(t testing.TB, s *sender.Sender, to string) webhook.Attempt {
	t.Helper()
	return postCtx(t, context.Background(), s, to)
}

func postCtx(t testing.TB, ctx context.Context, s *sender.Sender, to string) webhook.Attempt {
	t.Helper()
	out := s.Post(ctx, s.Build(delivery(to), time.Now()))
	require.Contains(t, classes, out.Class)
	require.Equal(t, out.IsDelivered(), out.Error == "", "%+v", out)
	require.NotContains(t, out.Error, "127.0.0.1")
	require.NotContains(t, out.Error, "::1")
	require.Positive(t, out.Duration)
	if u, err := url.Parse(to); err == nil && len(u.Port()) > 3 {
		require.NotContains(t, out.Error, u.Port())
	}
	return out
}

// newDNS starts a name server and returns a resolver that asks it. Hosts not listed do not exist; "" for an address
// means that the server fails, "-" that it keeps silent. The entry "." is the answer about the root.
func newDNS(t testing.TB, hosts map[string]string) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := dnsAnswer(packet[:n], hosts); answer != nil {
				_, _ = socket.WriteTo(answer, from)
			}
		}
	}()
	// Go's resolver goes on asking a silent server after its caller has given up; without a socket it stops.
	var mu sync.Mutex
	var asking []net.Conn
	over := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		for _, conn := range asking {
			_ = conn.Close()
		}
		_ = socket.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return nil, net.ErrClosed
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp4", socket.LocalAddr().String())
		if err == nil {
			asking = append(asking, conn)
		}
		return conn, err
	}}
}

func dnsAnswer(query []byte, hosts map[string]string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Additionals = nil
	m.Response, m.RecursionAvailable = true, true
	q := m.Questions[0]
	name := q.Name.String()
	if name != "." {
		name = strings.TrimSuffix(name, ".")
	}
	address, known := hosts[name]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case address == "-":
		return nil
	case address == "":
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeNS:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.root-servers.net.")},
		}}
	case q.Type == dnsmessage.TypeA && netip.MustParseAddr(address).Is4():
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	case q.Type == dnsmessage.TypeAAAA && netip.MustParseAddr(address).Is6():
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(address).As16()},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// portOf returns the port in a server's URL.
func portOf(t testing.TB, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u.Port()
}

func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
