package sender_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/webhook"
)

var testTime = time.Unix(1700000000, 0)

func TestConnectionsAreReused(t *testing.T) {
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		_, _ = w.Write(make([]byte, 60<<10)) // all of it is read, or the connection would be lost
	})
	s := newSender(t, patient(local))
	for range 30 {
		require.True(t, post(t, s, e.URL).IsDelivered())
	}
	require.EqualValues(t, 1, e.conns.Load())
}

// inParallel makes n attempts that are all under way at the same time: the endpoint answers none before it has seen
// all (see together).
func inParallel(t *testing.T, s *sender.Sender, to string, n int) {
	t.Helper()
	var all sync.WaitGroup
	var delivered atomic.Int32
	for range n {
		all.Go(func() {
			if s.Post(t.Context(), s.Build(delivery(to), testTime)).IsDelivered() {
				delivered.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, n, delivered.Load())
}

// together is a handler that lets requests go in groups of n.
func together(n int, protocol *atomic.Int32) http.HandlerFunc {
	var mu sync.Mutex
	waiting, gate := 0, make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		protocol.Store(int32(r.ProtoMajor))
		mu.Lock()
		mine := gate
		if waiting++; waiting == n {
			waiting, gate = 0, make(chan struct{})
			close(mine)
		}
		mu.Unlock()
		select {
		case <-mine:
			_, _ = io.WriteString(w, "ok")
		case <-r.Context().Done():
		}
	}
}

func TestIdleConnectionsAreKeptForABurst(t *testing.T) {
	var protocol atomic.Int32
	e := newEndpoint(t, together(20, &protocol))
	s := newSender(t, patient(local))
	for range 5 {
		inParallel(t, s, e.URL, 20)
	}
	require.EqualValues(t, 1, protocol.Load())
	// The default of net/http would keep 2 and make 18 new ones each time. A few more than 20 are possible, when an
	// attempt is faster than the noting of the last one's connection as idle.
	require.GreaterOrEqual(t, e.conns.Load(), int32(20))
	require.LessOrEqual(t, e.conns.Load(), int32(40))
}

// Regression: of a first burst some connections were still being made when all of it had been answered, over others.
func TestHTTP2IsUsedWhereOffered(t *testing.T) {
	var protocol atomic.Int32
	burst := together(20, &protocol)
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			drain(r)
			return
		}
		burst(w, r)
	}, withHTTP2)
	s := newSender(t, trusting(e, patient(local)))
	require.True(t, post(t, s, e.URL+"/first").IsDelivered()) // until it is known that HTTP/2 is offered, each may dial
	for range 3 {
		inParallel(t, s, e.URL, 20)
	}
	require.EqualValues(t, 2, protocol.Load())
	require.EqualValues(t, 1, e.conns.Load())
}

func TestAnEndlessAnswerOverHTTP2(t *testing.T) {
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 32<<10))
		}
	}, withHTTP2)
	s := newSender(t, trusting(e, patient(local)))
	for range 3 {
		require.True(t, post(t, s, e.URL).IsDelivered())
	}
	require.EqualValues(t, 1, e.conns.Load(), "only the stream is given up, not the connection")
}

// An endpoint that keeps connections for a few seconds (Node's default is 5) will close one just as it is used again.
func TestAConnectionClosedWhileIdleIsNotAFailure(t *testing.T) {
	var conns, requests atomic.Int32
	to := newRawServer(t, func(c *net.TCPConn) {
		conns.Add(1)
		in := bufio.NewReader(c)
		for i := 0; ; i++ {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			drain(r)
			requests.Add(1)
			if i == 1 {
				return // the second request on a connection gets no answer
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	s := newSender(t, patient(local))
	for range 3 {
		require.True(t, post(t, s, to).IsDelivered())
	}
	require.EqualValues(t, 3, conns.Load())
	require.EqualValues(t, 5, requests.Load())
}

// newProxy is a proxy that answers CONNECT with the status, and tunnels if it is 200. The header is added to answers.
func newProxy(t *testing.T, status int, header http.Header) (*url.URL, *atomic.Int32) {
	t.Helper()
	var used atomic.Int32
	p := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		used.Add(1)
		for name, values := range header {
			w.Header()[name] = values
		}
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		inner, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		outer, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = inner.Close()
			return
		}
		copyAndClose := func(to io.Writer, from io.Reader) {
			_, _ = io.Copy(to, from)
			_ = inner.Close()
			_ = outer.Close()
		}
		// The server may have read the hello's first bytes by now. Both end when the sender closes its connection; goleak
		// sees if they do not.
		go copyAndClose(inner, read)
		go copyAndClose(outer, inner)
	})
	u, err := url.Parse(p.URL)
	require.NoError(t, err)
	return u, &used
}

func TestProxy(t *testing.T) {
	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) {}, withTLS(func(*tls.Config) {}))
	closed := "https://" + unused(t)
	smokescreen := http.Header{"X-Smokescreen-Error": {"egress proxying is denied"}}
	for name, c := range map[string]struct {
		status int
		header http.Header
		url    string
		class  webhook.Class
	}{
		"tunnels":             {200, nil, e.URL, webhook.ClassOK},
		"endpoint is away":    {200, nil, closed, webhook.ClassConnect},
		"gateway timeout":     {504, nil, e.URL, webhook.ClassConnect},
		"forbids":             {403, nil, e.URL, webhook.ClassConnect},
		"smokescreen forbids": {407, smokescreen, e.URL, webhook.ClassConnect},
		"wants a password":    {407, nil, e.URL, webhook.ClassOwnFault},
		"has an error":        {500, nil, e.URL, webhook.ClassOwnFault},
		"is overloaded":       {503, nil, e.URL, webhook.ClassOwnFault},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, used := newProxy(t, c.status, c.header)
			config := trusting(e, patient(local))
			config.ProxyURL = proxy
			s := newSender(t, config)
			out := post(t, s, c.url)
			require.Equal(t, c.class, out.Class, "%+v", out)
			if c.class == webhook.ClassConnect { // an unknown name, an address refused and an endpoint that is down
				require.Contains(t, out.Error, "the endpoint could not be reached: check its host name")
				require.Equal(t, time.Second, out.Duration)
			}
			require.Positive(t, used.Load())
			s.Close() // ends the tunnels
		})
	}
}

func TestAProxyThatIsAwayIsOurFault(t *testing.T) {
	for name, proxy := range map[string]string{
		"refuses": "http://" + unused(t), "unknown name": "http://proxy.test:3128", "no TLS": "https" + newRawServer(t,
			func(c *net.TCPConn) { _, _ = io.WriteString(c, "nonsense") })[len("http"):],
	} {
		t.Run(name, func(t *testing.T) {
			config := patient(local)
			var err error
			config.ProxyURL, err = url.Parse(proxy)
			require.NoError(t, err)
			config.Resolver = newDNS(t, nil)
			out := post(t, newSender(t, config), "https://example.com/")
			require.True(t, out.IsOwnFault(), "%+v", out)
			require.Contains(t, out.Error, "our proxy")
		})
	}
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy, used := newProxy(t, http.StatusOK, nil)
	t.Setenv("HTTP_PROXY", proxy.String())
	t.Setenv("HTTPS_PROXY", proxy.String())
	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) {})
	config := patient(local)
	config.Resolver = newDNS(t, map[string]string{"hook.test": "127.0.0.1"}) // net/http never proxies 127.0.0.1
	out := post(t, newSender(t, config), "http://hook.test:"+portOf(t, e.URL))
	require.True(t, out.IsDelivered(), "%+v", out)
	require.Zero(t, used.Load())
}
