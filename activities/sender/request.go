package sender

import (
	"net/http"
	"strconv"
	"time"

	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/traced"
)

// Delivery is what a request is made from: one event, on its way to one subscription, for the Attempt-th time.
type Delivery struct {
	URL        string
	Body       []byte // sent and signed byte for byte
	EventID    string // webhook-id: the same for every attempt and endpoint; must not have a dot in it
	Event      string // the event's type, e.g. "message.received"
	DeliveryID string
	Attempt    int                // from 1
	Signers    []signature.Signer // the keys of webhook-signature, newest first
	Secrets    []signature.Secret // the keys of X-Atender-Signature, newest first; none with ed25519 alone
	Custom     map[string]string  // the subscription's own headers
	// Traceparent is the attempt's span, which is sent along if the Sender's configuration says so; "" for none.
	Traceparent string
}

// Request is what Post sends.
type Request struct {
	URL    string
	Body   []byte
	Header http.Header
}

// ownHeaders are the headers that Build sets itself, in canonical form.
var ownHeaders = map[string]bool{
	"Content-Type": true, "User-Agent": true, "Webhook-Id": true, "Webhook-Timestamp": true, "Webhook-Signature": true,
	"X-Atender-Signature": true, "X-Atender-Event": true, "X-Atender-Delivery": true, "X-Atender-Attempt": true,
}

// Build makes the request of one attempt at the given time. Custom headers are added, but cannot
// take the place of ours; one that the rules forbid (target.Sendable) is left out rather than failing the delivery.
func (s *Sender) Build(d Delivery, at time.Time) Request {
	h := make(http.Header, len(ownHeaders)+len(d.Custom))
	for name, value := range target.Sendable(d.Custom) {
		h.Set(name, value)
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Atender-Webhooks/"+s.config.UserAgentVersion)
	h.Set(signature.HeaderID, d.EventID)
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	if value := signature.Standard(d.EventID, at, d.Body, d.Signers...); value != "" {
		h.Set(signature.HeaderStandard, value)
	}
	if value := signature.Atender(at, d.Body, d.Secrets...); value != "" {
		h.Set(signature.HeaderAtender, value)
	}
	h.Set("X-Atender-Event", d.Event)
	h.Set("X-Atender-Delivery", d.DeliveryID)
	h.Set("X-Atender-Attempt", strconv.Itoa(d.Attempt))
	if d.Traceparent != "" && s.config.SendTraceparent {
		h.Set(traced.Header, d.Traceparent)
	}
	return Request{URL: d.URL, Body: d.Body, Header: h}
}

// Loggable returns the headers for the record of an attempt: those of ours with their values, and the names of custom
// ones, whose values are secrets, with "[hidden]".
func (r Request) Loggable() map[string]string {
	out := make(map[string]string, len(r.Header))
	for name := range r.Header {
		out[name] = "[hidden]"
		if ownHeaders[name] {
			out[name] = r.Header.Get(name)
		}
	}
	return out
}
