package sender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/atender/atender/models/retry"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
)

// Post sends the request once and says what came of it. Only 2xx is success; redirects are not followed. The outcome is
// decided when the status and headers are there, which they must be within Config.Timeout; the body is for people to read
// and gets BodyTime more. Post returns then, or at most three seconds later if there is no address to send to, or as soon as
// ctx ends: that is our own doing and never charged to the endpoint, unless the answer was there already.
func (s *Sender) Post(ctx context.Context, r Request) webhook.Attempt {
	start := time.Now()
	out := s.post(ctx, r)
	out.Duration = time.Since(start)
	if withoutAddress(out) {
		alike(ctx, &out)
	}
	return out
}

func (s *Sender) post(ctx context.Context, r Request) webhook.Attempt {
	if err := s.config.Policy.CheckURL(r.URL); err != nil { // rules may be stricter now than at registration
		return urlRefused(err)
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(s.config.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer limit.Stop()
	var seen progress
	traced := httptrace.WithClientTrace(limited, seen.trace())
	req, err := http.NewRequestWithContext(traced, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return webhook.Attempt{Class: webhook.ClassBlocked, Error: "the URL is not valid", Cause: err}
	}
	req.Header = r.Header.Clone()
	// An endpoint may close a kept connection at the moment we use it again, which is a failure of neither. Transport then
	// takes a new one, but for a POST only if told that repeating does no harm (webhook-id sees to that). With no value
	// the header is not sent (documentation of http.Transport).
	req.Header["X-Idempotency-Key"] = nil

	// The transport is used without http.Client, so there is nothing that could follow a redirect or keep a cookie.
	answer, err := s.transport.RoundTrip(req)
	if err != nil {
		seen.late.Store(errors.Is(context.Cause(limited), context.DeadlineExceeded))
		return s.failed(ctx, &seen, err)
	}
	// Closing a body that has not ended closes the connection of HTTP/1, and resets the stream of HTTP/2.
	defer func() { _ = answer.Body.Close() }()
	out := report(answer, time.Now())
	if answer.StatusCode < http.StatusOK {
		// After a 101 the body is the connection itself, which net/http leaves to us with no deadline: an endpoint that keeps it
		// open would be read for ever.
		return out
	}
	limit.Reset(BodyTime)
	out.Excerpt = readExcerpt(answer.Body)
	return out
}

func urlRefused(err error) webhook.Attempt {
	out := webhook.Attempt{Class: webhook.ClassBlocked, Error: "the URL is not allowed", Cause: err}
	var wrong *target.Error
	if errors.As(err, &wrong) {
		out.Error = "the URL " + wrong.Message
	}
	return out
}

// report says what an answer was. What it means for the delivery is webhook.Decide's.
func report(answer *http.Response, now time.Time) webhook.Attempt {
	status := answer.StatusCode
	out := webhook.Attempt{Status: status, Error: fmt.Sprintf("the endpoint answered %d", status)}
	if text := http.StatusText(status); text != "" {
		out.Error += " " + text
	}
	switch {
	case status >= 200 && status < 300:
		return webhook.Attempt{Status: status, Class: webhook.ClassOK}
	case status >= 300 && status < 400:
		out.Class = webhook.ClassHTTP3xx
		out.Error += ": redirects are not followed, set the webhook's URL to the final address"
	case status >= 400 && status < 500:
		out.Class = webhook.ClassHTTP4xx
	case status >= 500 && status < 600:
		out.Class = webhook.ClassHTTP5xx
	default:
		out.Class = webhook.ClassProtocol
		out.Error = fmt.Sprintf("the endpoint answered %d, which is not a final HTTP status", status)
	}
	out.RetryAfter, _ = retry.ParseRetryAfter(answer.Header.Get("Retry-After"), now)
	return out
}

// readExcerpt reads at most MaxAnswer bytes, so that a connection with a normal answer can be used again and one with
// an endless answer is dropped, and returns the start as an excerpt, also of a body that breaks off or is called off.
func readExcerpt(body io.Reader) string {
	read, _ := io.ReadAll(io.LimitReader(body, MaxAnswer)) // the status is the answer, however its body ends
	return clean(read[:min(len(read), MaxExcerpt+utf8.UTFMax)])
}

// clean makes text fit to be stored and shown: valid UTF-8, control characters and those that turn the direction of
// writing around replaced, at most MaxExcerpt bytes.
func clean(raw []byte) string {
	var b strings.Builder
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		raw = raw[size:]
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			r = ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > MaxExcerpt {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
