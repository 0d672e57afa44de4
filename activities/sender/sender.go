// Package sender makes one attempt to deliver a webhook: one HTTP request, within fixed limits of time and size, to an
// address that may be dialled, with an outcome that says what it means for the delivery and that a tenant may read.
package sender

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/atender/atender/models/target"
)

// Limits of one attempt.
const (
	MaxAnswer  = 64 << 10 // bytes of an answer's body that are read, and of its header
	MaxExcerpt = 1 << 10  // bytes of an answer's body that are kept
	// BodyTime is how long an answer's body is read, from its headers on. The delivery is decided by then: the time is for
	// an ordinary body to end, so that its connection can be used again, and an endless one must not hold a slot for longer.
	BodyTime = time.Second
)

// Config is what a Sender needs to know. Zero values are the production defaults named below.
type Config struct {
	// Policy says where requests may go. It is asked again for every URL and every connection.
	Policy target.Policy
	// ProxyURL is an http, https or socks5 proxy that all requests go through; nil for none. The proxy of the
	// environment (HTTPS_PROXY) is never used. With a proxy it is the proxy that sees the address dialled, so it must
	// do what Policy.DialControl does here.
	ProxyURL *url.URL
	// UserAgentVersion stands in "User-Agent: Atender-Webhooks/<version>"; default "dev".
	UserAgentVersion string
	// SendTraceparent has receivers told of the attempt's span, in the header traceparent, so that their traces go
	// on from ours.
	SendTraceparent bool
	// RootCAs are the authorities that endpoints' certificates are verified with; nil for those of the system.
	RootCAs *x509.CertPool
	// Resolver resolves the hosts of URLs; nil for Go's own resolver with the system's configuration. (The C library's
	// takes "127.1" for an address.)
	Resolver *net.Resolver

	// Timeout bounds the exchange until the answer's headers are there; default 10 s. The body gets BodyTime more.
	Timeout time.Duration
	// ConnectTimeout bounds name resolution and connecting together, and then the TLS handshake; default 5 s.
	ConnectTimeout time.Duration
	// IdleTimeout is how long a connection is kept for reuse; default 90 s.
	IdleTimeout time.Duration
	// MaxIdleConnsPerHost is how many connections to one host are kept for reuse; default 64, which is more than a
	// subscription has requests in flight, so that a steady stream of requests makes no new connections.
	MaxIdleConnsPerHost int
	// MaxIdleConns is how many connections are kept for reuse in all; default 1024.
	MaxIdleConns int
	// MaxConnsPerHost bounds the connections to one host; 0 for no bound but the callers' requests in flight. Requests
	// over it wait, and their waiting counts as the endpoint's time: it is a last defence, not a way to throttle.
	MaxConnsPerHost int
}

func (c Config) withDefaults() Config {
	c.UserAgentVersion = cmp.Or(c.UserAgentVersion, "dev")
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 90*time.Second)
	c.MaxIdleConnsPerHost = cmp.Or(c.MaxIdleConnsPerHost, 64)
	c.MaxIdleConns = cmp.Or(c.MaxIdleConns, 1024)
	if c.Resolver == nil {
		c.Resolver = &net.Resolver{PreferGo: true}
	}
	return c
}

// Sender posts webhooks. It may be used by many goroutines at once; connections are shared between them.
type Sender struct {
	config    Config
	transport *http.Transport
	resolver  *resolverCheck
}

// New makes a Sender. Close it to drop its idle connections.
func New(config Config) *Sender {
	c := config.withDefaults()
	return &Sender{config: c, transport: newTransport(c), resolver: newResolverCheck(c)}
}

// Close drops the idle connections. Requests under way are not disturbed.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

func newTransport(c Config) *http.Transport {
	guarded := &net.Dialer{Timeout: c.ConnectTimeout, Resolver: c.Resolver, Control: c.Policy.DialControl()}
	t := &http.Transport{
		DialContext:            guarded.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the limits are on what comes over the wire; nothing is to unfold behind them
		MaxResponseHeaderBytes: MaxAnswer,
		MaxIdleConns:           c.MaxIdleConns,
		MaxIdleConnsPerHost:    c.MaxIdleConnsPerHost,
		MaxConnsPerHost:        c.MaxConnsPerHost,
		IdleConnTimeout:        c.IdleTimeout,
		// All requests to a host share one HTTP/2 connection. If it dies silently, every one of them would run into its
		// timeout until the kernel gives up, minutes later; a ping finds out in time for the next attempt.
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: c.Timeout, PingTimeout: c.ConnectTimeout, WriteByteTimeout: c.Timeout,
		},
	}
	if c.ProxyURL != nil {
		t.Proxy = http.ProxyURL(c.ProxyURL)
		t.OnProxyConnectResponse = checkProxyAnswer
		t.DialContext = proxyDialer(c, guarded)
	}
	return t
}

// proxyDialer dials the proxy, wherever it is, and guards every other address.
func proxyDialer(c Config, guarded *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	port := c.ProxyURL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[c.ProxyURL.Scheme]
		port = cmp.Or(port, "1080")
	}
	proxy := net.JoinHostPort(c.ProxyURL.Hostname(), port)
	free := &net.Dialer{Timeout: c.ConnectTimeout, Resolver: c.Resolver}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == proxy {
			conn, err := free.DialContext(ctx, network, address)
			if err != nil {
				return nil, &proxyError{cause: err}
			}
			return conn, nil
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// checkProxyAnswer refuses what is not 200 as an answer to CONNECT, keeping the status for the question whose fault it
// is. Transport would make a bare text of it.
func checkProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	// Smokescreen refuses an address with 407 and this header; a 407 without it asks for a password.
	denied := answer.StatusCode == http.StatusForbidden ||
		answer.StatusCode == http.StatusProxyAuthRequired && answer.Header.Get("X-Smokescreen-Error") != ""
	return &proxyError{status: answer.StatusCode, denied: denied}
}
