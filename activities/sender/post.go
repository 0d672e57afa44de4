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

// Post sends the request once and says what came of it. Only 2xx is success; redirects are not followed. It returns
// within Config.Timeout, plus at most three seconds if there is no address to send to, or as soon as ctx ends: that is
// our own doing and never charged to the endpoint, unless the answer was there already.
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
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
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
		return s.failed(ctx, &seen, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode < http.StatusOK {
		// After a 101 the body is the connection itself, which net/http leaves to us with no deadline: an endpoint that keeps it
		// open would be read for ever.
		return report(answer, time.Now())
	}
	excerpt, err := readAnswer(answer.Body)
	out := report(answer, time.Now())
	out.Excerpt = excerpt
	if err == nil || !out.IsDelivered() {
		return out
	}
	return s.unfinished(ctx, out, err)
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

// unfinished reports a 2xx whose body did not come to an end. One that dribbles beyond the limit has not kept it; one
// that broke off has: the status is the answer, the body is only for people to read.
func (s *Sender) unfinished(ctx context.Context, out webhook.Attempt, err error) webhook.Attempt {
	if ctx.Err() != nil || !isTimeout(err) {
		return out
	}
	out.Class, out.Cause = webhook.ClassTimeout, err
	out.Error = fmt.Sprintf("the endpoint answered %d but did not finish its answer within %s", out.Status,
		s.config.Timeout)
	return out
}

// readAnswer reads at most MaxAnswer bytes, so that a connection with a normal answer can be used again and one with
// an endless answer is dropped, and returns the start as an excerpt, also when reading fails.
func readAnswer(body io.Reader) (excerpt string, err error) {
	read, err := io.ReadAll(io.LimitReader(body, MaxAnswer))
	return clean(read[:min(len(read), MaxExcerpt+utf8.UTFMax)]), err
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
