package sender_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/activities/sender"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
)

// request reads one request from a raw connection.
func request(conn net.Conn) bool {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return false
	}
	drain(r)
	return true
}

// untilClosed blocks until the other side hangs up.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestBrokenEndpoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handle func(*net.TCPConn)
		class  webhook.Class
		text   string
	}{
		"accepts and says nothing": {silent, webhook.ClassTimeout, "no answer from the endpoint within 800ms"},
		"half a header": {func(c *net.TCPConn) {
			request(c) // an answer before the request is another matter to net/http
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Slow: ")
			untilClosed(c)
		}, webhook.ClassTimeout, "no answer"},
		"closes": {func(c *net.TCPConn) { request(c) }, webhook.ClassReset, "closed the connection without an answer"},
		"resets": {func(c *net.TCPConn) {
			request(c)
			_ = c.SetLinger(0)
		}, webhook.ClassReset, "closed the connection without an answer"},
		"not HTTP": {func(c *net.TCPConn) {
			request(c)
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			untilClosed(c)
		}, webhook.ClassProtocol, "not valid HTTP"},
		"endless header": {func(c *net.TCPConn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-Filler: 0123456789012345678901234567890123456789\r\n"); err != nil {
					return
				}
			}
		}, webhook.ClassProtocol, "not valid HTTP"},
		"endless interim answers": {func(c *net.TCPConn) {
			request(c)
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
					return
				}
			}
		}, webhook.ClassProtocol, "not valid HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := patient(local)
			if c.class == webhook.ClassTimeout {
				config = hasty(local)
			}
			out := post(t, newSender(t, config), newRawServer(t, c.handle))
			require.Equal(t, c.class, out.Class, "%+v", out)
			require.Contains(t, out.Error, c.text)
			require.Zero(t, out.Status)
			require.Empty(t, out.Excerpt)
			require.NotContains(t, out.Error, "SSH")
			require.Less(t, out.Duration, 5*time.Second)
		})
	}
}

// silent takes what comes and answers nothing.
func silent(c *net.TCPConn) { untilClosed(c) }

// dribble answers with the status and then a byte at a time until the client goes away.
func dribble(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		w.WriteHeader(status)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}
}

// Regression: a 2xx whose body had not ended within the timeout was a failure, sent again for three days.
func TestAnAnswerIsDecidedByItsHeadersHoweverItsBodyEnds(t *testing.T) {
	t.Parallel()
	mute := func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for body, handler := range map[string]http.HandlerFunc{"dribbles": dribble(http.StatusOK), "is silent": mute} {
		for protocol, options := range map[string][]func(*httptest.Server){"HTTP/1": nil, "HTTP/2": {withHTTP2}} {
			t.Run(body+" over "+protocol, func(t *testing.T) {
				t.Parallel()
				ended := make(chan int, 1)
				e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
					handler(w, r) // until the sender closes the connection, or resets the stream
					ended <- r.ProtoMajor
				}, options...)
				config := patient(local)
				if options != nil {
					config = trusting(e, config)
				}
				s := newSender(t, config)
				for range 2 {
					out := post(t, s, e.URL)
					require.True(t, out.IsDelivered(), "%+v", out)
					require.Equal(t, 200, out.Status)
					require.Equal(t, body == "dribbles", out.Excerpt != "")
					require.GreaterOrEqual(t, out.Duration, sender.BodyTime)
					require.Less(t, out.Duration, config.Timeout/2, "a slot was held beyond the body's time")
					require.Equal(t, protocol, "HTTP/"+strconv.Itoa(<-ended))
				}
				wanted := map[string]int32{"HTTP/1": 2, "HTTP/2": 1}[protocol]
				require.Equal(t, wanted, e.conns.Load(), "HTTP/1 loses its connection, HTTP/2 only the stream")
			})
		}
	}
}

// The body has its time from the headers on, also when they came at the last moment.
func TestTheBodyOfALateAnswerStillHasItsTime(t *testing.T) {
	t.Parallel()
	config := hasty(local)
	config.Timeout = 5 * time.Second
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		pause(r, config.Timeout-300*time.Millisecond)
		w.(http.Flusher).Flush()
		pause(r, 500*time.Millisecond)
		_, _ = io.WriteString(w, "thanks")
	})
	out := post(t, newSender(t, config), e.URL)
	require.True(t, out.IsDelivered(), "%+v", out)
	require.Equal(t, "thanks", out.Excerpt)
	require.Greater(t, out.Duration, config.Timeout)
}

// pause takes its time over an answer, as long as the client waits for it.
func pause(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

func TestAFailureIsKnownByItsStatusEvenIfItsBodyDribbles(t *testing.T) {
	t.Parallel()
	out := post(t, newSender(t, hasty(local)), newEndpoint(t, dribble(500)).URL)
	require.Equal(t, webhook.ClassHTTP5xx, out.Class)
	out = post(t, newSender(t, hasty(local)), newEndpoint(t, dribble(410)).URL)
	require.True(t, out.IsGone())
}

func TestEndlessAnswersAreCutOff(t *testing.T) {
	var wrote atomic.Int64
	flood := func(length string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			drain(r)
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			chunk := make([]byte, 32<<10)
			for i := range chunk {
				chunk[i] = 'x'
			}
			for {
				n, err := w.Write(chunk)
				wrote.Add(int64(n))
				if err != nil {
					return
				}
			}
		}
	}
	for name, length := range map[string]string{"endless": "", "10 GB": "10737418240"} {
		t.Run(name, func(t *testing.T) {
			wrote.Store(0)
			e := newEndpoint(t, flood(length))
			s := newSender(t, patient(local))
			out := post(t, s, e.URL)
			require.True(t, out.IsDelivered())
			require.Len(t, out.Excerpt, sender.MaxExcerpt)
			require.Less(t, out.Duration, 10*time.Second)
			e.Close() // waits for the handler, whose writes fail once the connection is dropped
			require.Less(t, wrote.Load(), int64(32<<20), "more than the buffers of two sockets was taken")
		})
	}
}

func TestAPromiseNotKept(t *testing.T) {
	t.Parallel()
	promise := func(c *net.TCPConn) bool {
		ok := request(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nreceived")
		return ok
	}
	out := post(t, newSender(t, patient(local)), newRawServer(t, func(c *net.TCPConn) { promise(c) }))
	require.True(t, out.IsDelivered(), "the answer was given; its body is only for people")
	require.Equal(t, "received", out.Excerpt)

	out = post(t, newSender(t, hasty(local)), newRawServer(t, func(c *net.TCPConn) {
		promise(c)
		untilClosed(c)
	}))
	require.True(t, out.IsDelivered())
	require.Equal(t, "received", out.Excerpt)
}

func TestRefusedPort(t *testing.T) {
	out := post(t, newSender(t, patient(local)), "http://"+unused(t))
	require.Equal(t, webhook.ClassConnect, out.Class)
	require.Equal(t, "the endpoint refused the connection", out.Error)
	require.Error(t, out.Cause)
}

func withTLS(change func(*tls.Config)) func(*httptest.Server) {
	return func(s *httptest.Server) {
		s.TLS = &tls.Config{}
		change(s.TLS)
	}
}

func trusting(e *endpoint, c sender.Config) sender.Config {
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(e.Certificate())
	return c
}

func TestTLS(t *testing.T) {
	accept := func(http.ResponseWriter, *http.Request) {}
	e := newEndpoint(t, accept, withTLS(func(*tls.Config) {}))
	old := newEndpoint(t, accept, withTLS(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }))
	plain := newEndpoint(t, accept)
	port := portOf(t, e.URL)
	names := newDNS(t, map[string]string{"other.test": "127.0.0.1"})

	for name, c := range map[string]struct {
		url    string
		config sender.Config
		class  webhook.Class
		text   string
	}{
		"trusted":           {e.URL, trusting(e, patient(local)), webhook.ClassOK, ""},
		"unknown authority": {e.URL, patient(local), webhook.ClassTLS, "signed by an unknown authority"},
		"other name": {"https://other.test:" + port, trusting(e, patient(local)), webhook.ClassTLS,
			"not for its host name"},
		"too old": {old.URL, trusting(old, patient(local)), webhook.ClassTLS, "handshake with the endpoint failed"},
		"not TLS": {"https" + plain.URL[len("http"):], patient(local), webhook.ClassTLS,
			"does not speak TLS on this port"},
		"hangs up": {"https" + newRawServer(t, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1)) // the rest is unread, so closing resets
		})[len("http"):], patient(local), webhook.ClassTLS, "handshake with the endpoint failed"},
		"hangs": {"https" + newRawServer(t, silent)[len("http"):], hasty(local), webhook.ClassTimeout,
			"no connection to the endpoint within 400ms"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Resolver = names
			out := post(t, newSender(t, c.config), c.url)
			require.Equal(t, c.class, out.Class, "%+v", out)
			require.Contains(t, out.Error, c.text)
		})
	}
}

func TestAddressesInsideAreNotDialled(t *testing.T) {
	var hits atomic.Int32
	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	port := portOf(t, e.URL)
	c := patient(strict)
	c.Resolver = newDNS(t, map[string]string{
		"loopback.test": "127.0.0.1", "private.test": "10.0.0.1", "metadata.test": "169.254.169.254",
		"azure.test": "168.63.129.16", "mapped.test": "::ffff:127.0.0.1", "nat64.test": "64:ff9b::7f00:1",
		"sixtofour.test": "2002:7f00:1::", "unspecified.test": "0.0.0.0", "v6.test": "::1",
	})
	s := newSender(t, c)
	closed := portOf(t, "http://"+unused(t))
	var wait sync.WaitGroup
	outcomes := make(chan webhook.Attempt, 100)
	for _, host := range []string{
		"loopback.test", "private.test", "metadata.test", "azure.test", "mapped.test", "nat64.test", "sixtofour.test",
		"unspecified.test", "v6.test", "not-there.test", // a name that does not exist looks the same
	} {
		for _, p := range []string{port, closed} { // and so do open and closed ports
			wait.Go(func() { outcomes <- s.Post(t.Context(), s.Build(delivery("http://"+host+":"+p+"/"), time.Now())) })
		}
	}
	wait.Wait()
	close(outcomes)
	seen := map[string]int{}
	for out := range outcomes {
		require.Error(t, out.Cause, "for the operator's log")
		out.Cause = nil
		seen[fmt.Sprintf("%+v", out)]++
	}
	require.Len(t, seen, 1, "nothing of an outcome tells one address from another, or from none: %v", seen)
	for out := range seen {
		require.Contains(t, out, "Class:dns Error:"+target.NoAddress+" Duration:1s Excerpt:")
	}
	require.Zero(t, hits.Load())
}

func TestURLsAreCheckedAgainWhenSending(t *testing.T) {
	s := newSender(t, patient(target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}))
	for _, raw := range []string{
		"http://example.com/", "https://127.1/", "https://0x7f000001/", "https://user:pw@8.8.8.8/", "https://8.8.8.8/#x",
		"https://[fe80::1%25lo]/", "https://①②⑦.⓪.⓪.①/", "not a url", "",
	} {
		out := post(t, s, raw)
		require.Equal(t, webhook.ClassBlocked, out.Class, raw)
		require.Contains(t, out.Error, "the URL ")
	}
}

func TestNameResolution(t *testing.T) {
	t.Parallel()
	const none, ours = target.NoAddress, "our name resolution failed"
	for name, c := range map[string]struct {
		hosts map[string]string
		class webhook.Class
		text  string
	}{
		"no such name":    {map[string]string{".": "::1"}, webhook.ClassDNS, none},
		"and no root":     {map[string]string{".": ""}, webhook.ClassDNS, none},
		"domain fails":    {map[string]string{"x.test": "", ".": "::1"}, webhook.ClassDNS, none},
		"domain silent":   {map[string]string{"x.test": "-", ".": "::1"}, webhook.ClassDNS, none},
		"closed network":  {map[string]string{"x.test": ""}, webhook.ClassDNS, none},
		"resolver fails":  {map[string]string{"x.test": "", ".": ""}, webhook.ClassOwnFault, ours},
		"resolver silent": {map[string]string{"x.test": "-", ".": "-"}, webhook.ClassOwnFault, ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := patient(strict)
			if c.hosts["x.test"] == "-" {
				config.ConnectTimeout = 500 * time.Millisecond
			}
			config.Resolver = newDNS(t, c.hosts)
			out := post(t, newSender(t, config), "http://x.test/")
			require.Equal(t, c.class, out.Class, "%+v", out)
			require.Contains(t, out.Error, c.text)
		})
	}
}

func TestShutdownIsNotTheEndpointsFault(t *testing.T) {
	arrived := make(chan struct{})
	e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	out := postCtx(t, ctx, newSender(t, patient(local)), e.URL)
	require.True(t, out.IsOwnFault())
	require.Contains(t, out.Error, "interrupted on our side")
	require.ErrorIs(t, out.Cause, context.Canceled)
}

func TestADeadlineOfTheCallerIsNotTheEndpointsFault(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	out := postCtx(t, ctx, newSender(t, patient(local)), newRawServer(t, silent))
	require.True(t, out.IsOwnFault())
}
