package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
)

// progress notes how far an attempt came, for what is said about its failure. The transport calls it from goroutines
// of its own.
type progress struct {
	connected atomic.Bool // there was a connection, with TLS done
	badTLS    atomic.Bool // the TLS handshake failed
	late      atomic.Bool // the time for an answer was over, so that the request was called off
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				p.badTLS.Store(true)
			}
		},
	}
}

// proxyError is a failure of the proxy, or its refusal to connect.
type proxyError struct {
	cause  error // the proxy could not be reached
	status int   // what it answered to CONNECT, if it could
	denied bool  // by its rules
}

// Error implements error.
func (e *proxyError) Error() string {
	if e.cause != nil {
		return "proxy: " + e.cause.Error()
	}
	return fmt.Sprintf("proxy answered %d to CONNECT", e.status)
}

// Unwrap returns the cause.
func (e *proxyError) Unwrap() error { return e.cause }

// failed says what a request without an answer means. Every text is one of ours: those of the errors underneath have
// addresses in them. ctx is the caller's: if it has ended, the failure is our own doing.
func (s *Sender) failed(ctx context.Context, seen *progress, err error) webhook.Attempt {
	if ctx.Err() != nil {
		return ourFault("the attempt was interrupted on our side", err)
	}
	if out, ok := proxyFailure(err); ok {
		return out
	}
	var blocked *target.BlockedError
	var unresolved *net.DNSError
	isLate := seen.late.Load() || isTimeout(err)
	switch {
	case errors.As(err, &blocked):
		return noAddress(err)
	case errors.As(err, &unresolved):
		return s.dnsFailure(ctx, unresolved, err)
	case exhausted(err):
		return ourFault("we could not open a connection", err)
	case isLate && !seen.connected.Load():
		return failure(webhook.ClassTimeout, fmt.Sprintf("no connection to the endpoint within %s", s.config.ConnectTimeout), err)
	case isLate:
		return failure(webhook.ClassTimeout, fmt.Sprintf("no answer from the endpoint within %s", s.config.Timeout), err)
	case seen.badTLS.Load():
		return failure(webhook.ClassTLS, tlsReason(err), err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure(webhook.ClassConnect, "the endpoint refused the connection", err)
	case !seen.connected.Load():
		return failure(webhook.ClassConnect, "the endpoint could not be reached", err)
	case brokeOff(err):
		return failure(webhook.ClassReset, "the endpoint closed the connection without an answer", err)
	}
	return failure(webhook.ClassProtocol, "the endpoint's answer is not valid HTTP", err)
}

func failure(class webhook.Class, text string, err error) webhook.Attempt {
	return webhook.Attempt{Class: class, Error: text, Cause: err}
}

// noAddress is the one outcome of a host that has no address to send to, whether its name is unknown, its name servers
// fail or the address is not public. Told apart, they would tell a tenant which names exist inside. The operator finds
// the cause in the log.
func noAddress(err error) webhook.Attempt { return failure(webhook.ClassDNS, target.NoAddress, err) }

// addressStep is what the time of an attempt without an address is rounded up to. A name that is answered from inside is
// answered within milliseconds, and one that has to be asked for abroad takes longer; in steps of a second they are alike.
const addressStep = time.Second

// withoutAddress reports whether an attempt may have failed for want of an address to send to.
func withoutAddress(out webhook.Attempt) bool {
	var proxy *proxyError
	return out.Class == webhook.ClassDNS || out.Class == webhook.ClassConnect && errors.As(out.Cause, &proxy)
}

// alike waits until an attempt without an address has taken a whole number of steps, and says that it took that long.
func alike(ctx context.Context, out *webhook.Attempt) {
	steps := (out.Duration + addressStep - 1).Truncate(addressStep)
	select {
	case <-time.After(steps - out.Duration):
	case <-ctx.Done(): // the process ends: the outcome stays what it is
	}
	out.Duration = steps
}

func ourFault(text string, err error) webhook.Attempt {
	return webhook.Attempt{Class: webhook.ClassOwnFault, Error: text, Cause: err}
}

// proxyFailure divides the blame between the proxy and the endpoint behind it: a proxy that is away, wants a password
// or has an error of its own is ours; one that says it cannot reach the endpoint (502, 504) speaks of the endpoint.
func proxyFailure(err error) (webhook.Attempt, bool) {
	var proxy *proxyError
	var op *net.OpError
	switch {
	case errors.As(err, &proxy) && (proxy.denied || proxy.status == http.StatusBadGateway ||
		proxy.status == http.StatusGatewayTimeout):
		// Proxies answer 502 for a name that they cannot resolve as well as for an endpoint that is down, and some for an
		// address that they refuse: these are one outcome, as without a proxy noAddress is.
		return failure(webhook.ClassConnect, "the endpoint could not be reached: check its host name, "+
			"that its address is public, and that it is up", err), true
	case proxy != nil, errors.As(err, &op) && op.Op == "proxyconnect":
		return ourFault("our proxy for outgoing requests failed", err), true
	}
	return webhook.Attempt{}, false
}

// dnsFailure divides the blame between our resolver and the endpoint's domain. A name that does not exist is the
// endpoint's. No answer, or one that the resolver failed, is either's: it is ours only if the resolver cannot answer
// anything else. Otherwise a domain with broken name servers would never use up its retries.
func (s *Sender) dnsFailure(ctx context.Context, unresolved *net.DNSError, err error) webhook.Attempt {
	if unresolved.IsNotFound || s.resolver.works(ctx) {
		return noAddress(err)
	}
	return ourFault("our name resolution failed", err)
}

// exhausted reports whether this machine had no descriptor, memory or port left for a connection. Linux gives
// EADDRNOTAVAIL for the last of these, but for IPv6 also where there is no IPv6 at all: that is not for us to be
// charged with, or an endpoint with only IPv6 would be tried for ever.
func exhausted(err error) bool {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	var op *net.OpError
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !errors.As(err, &op) {
		return false
	}
	addr, ok := op.Addr.(*net.TCPAddr)
	return ok && addr.IP.To4() != nil
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func tlsReason(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "the endpoint's certificate is signed by an unknown authority, or its chain is incomplete"
	case errors.As(err, &name):
		return "the endpoint's certificate is not for its host name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the endpoint's certificate has expired or is not valid yet"
	case errors.As(err, &verification):
		return "the endpoint's certificate is not valid"
	case errors.As(err, &record):
		return "the endpoint does not speak TLS on this port"
	}
	return "the TLS handshake with the endpoint failed (TLS 1.2 or later is needed)"
}

// brokeOff reports whether the connection, or in HTTP/2 the stream, ended before the answer. The errors of the
// transport for some of these are not exported.
func brokeOff(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE,
		syscall.ECONNABORTED} {
		if errors.Is(err, end) {
			return true
		}
	}
	text := err.Error()
	for _, end := range []string{"server closed idle connection", "stream error", "GOAWAY", "connection lost"} {
		if strings.Contains(text, end) {
			return true
		}
	}
	return false
}
