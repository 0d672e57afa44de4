// Package inbox is a webhook receiver for tests: it verifies what arrives with the official Standard Webhooks library,
// as an integration developer would, holds it against the served document, and remembers it.
package inbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/conformance"
)

// Delivery is one request that arrived.
type Delivery struct {
	ID       string // webhook-id
	Delivery string // which of the subscriptions' deliveries it is
	At       time.Time
	Header   http.Header
	Body     string
	Verified bool // by the official library
	Status   int  // what was answered

	Event    string
	TenantID string
	Data     Data
}

// Data are the parts of an event that tests look at.
type Data struct {
	Conversation wire.Conversation
	Message      wire.Message
	Changes      map[string]any
	Actor        wire.Actor
	SLA          Crossing
}

// Crossing is what sla.warning and sla.breached tell of a tripwire.
type Crossing struct {
	Metric     sla.Metric
	PolicyID   uuid.UUID
	PolicyName string
	State      sla.State
	Cycle      int
	StartedAt  wire.Time
	DueAt      wire.Time
	CrossedAt  wire.Time
}

// Cut is the status of an answer that is none: the connection is broken off.
const Cut = 999

// Inbox is a receiver. Its zero answer is 200.
type Inbox struct {
	t      testing.TB
	server *httptest.Server

	mu         sync.Mutex
	secrets    []string
	answer     func(Delivery) int
	hold       func(Delivery)
	handler    http.Handler
	lean       bool
	accepted   int
	deliveries []Delivery
	news       chan struct{} // closed and replaced at each arrival
}

// Open starts a receiver, which is closed when the test ends.
func Open(t testing.TB, options ...Option) *Inbox {
	t.Helper()
	i := &Inbox{t: t, news: make(chan struct{})}
	conformance.Served() // read before there are senders that wait
	for _, o := range options {
		o(i)
	}
	i.server = httptest.NewServer(http.HandlerFunc(i.receive))
	t.Cleanup(i.server.Close)
	return i
}

// Option changes what a receiver does from the beginning.
type Option func(*Inbox)

// Lean has it keep what identifies a delivery and its conversation's version and status, and no more: for large runs.
func Lean(i *Inbox) { i.lean = true }

// URL is where the receiver listens.
func (i *Inbox) URL() string { return i.server.URL + "/hook" }

// Expect sets the secrets that signatures are verified with: one of them is enough.
func (i *Inbox) Expect(secrets ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.secrets = secrets
}

// Answer sets what decides the status of an answer; nil for always 200.
func (i *Inbox) Answer(f func(Delivery) int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

// Hold sets what happens before a request is answered, after it was noted: it may wait. nil for nothing.
func (i *Inbox) Hold(f func(Delivery)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hold = f
}

// Replace has requests handled by h instead, which records nothing.
func (i *Inbox) Replace(h http.Handler) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handler = h
}

func (i *Inbox) receive(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	handler := i.handler
	i.mu.Unlock()
	if handler != nil {
		handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender went away
	}
	d := Delivery{
		ID: r.Header.Get("Webhook-Id"), Delivery: r.Header.Get("X-Atender-Delivery"),
		At: time.Now(), Header: r.Header.Clone(), Body: string(body), Status: http.StatusOK,
	}
	var envelope struct {
		Event, TenantID string
		Data            Data
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		i.t.Errorf("what arrived is not JSON: %v: %s", err, body)
	} else if err := conformance.Served().Delivery(r.Header, body); err != nil {
		i.t.Errorf("a delivery that the document does not admit: %v", err)
	}
	d.Event, d.TenantID, d.Data = envelope.Event, envelope.TenantID, envelope.Data
	i.mu.Lock()
	d.Verified = slices.ContainsFunc(i.secrets, func(secret string) bool {
		wh, err := standardwebhooks.NewWebhook(secret)
		return err == nil && wh.Verify(body, r.Header) == nil
	})
	if i.answer != nil {
		d.Status = i.answer(d)
	}
	hold := i.hold
	i.keep(d)
	i.mu.Unlock()
	if hold != nil {
		hold(d)
	}
	if d.Status == Cut {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(d.Status)
}

// keep notes a delivery. The lock is held.
func (i *Inbox) keep(d Delivery) {
	if d.Status < 300 {
		i.accepted++
	}
	if i.lean {
		c := d.Data.Conversation
		d.Header, d.Body = nil, ""
		d.Data = Data{Conversation: wire.Conversation{ID: c.ID, Version: c.Version, Status: c.Status}}
	}
	i.deliveries = append(i.deliveries, d)
	close(i.news)
	i.news = make(chan struct{})
}

// Count is how many deliveries were answered with success so far, repeated ones included.
func (i *Inbox) Count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.accepted
}

// All are the deliveries so far, in the order of arrival.
func (i *Inbox) All() []Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.deliveries)
}

// Accepted are those that were answered with success.
func (i *Inbox) Accepted() []Delivery {
	return slices.DeleteFunc(i.All(), func(d Delivery) bool { return d.Status >= 300 })
}

// Await waits until what was accepted satisfies the condition, and returns it. It fails the test after the deadline.
func (i *Inbox) Await(within time.Duration, what string, condition func([]Delivery) bool) []Delivery {
	i.t.Helper()
	deadline := time.After(within)
	for {
		i.mu.Lock()
		news := i.news
		i.mu.Unlock()
		got := i.Accepted()
		if condition(got) {
			return got
		}
		select {
		case <-news:
		case <-deadline:
			require.Fail(i.t, "did not arrive in time: "+what, "%d of %d accepted: %v", len(got), len(i.All()), Events(got))
		}
	}
}

// AwaitEvents waits until all the named events were accepted.
func (i *Inbox) AwaitEvents(within time.Duration, events ...string) []Delivery {
	i.t.Helper()
	return i.Await(within, "events", func(got []Delivery) bool {
		have := Events(got)
		for _, e := range events {
			at := slices.Index(have, e)
			if at < 0 {
				return false
			}
			have = slices.Delete(have, at, at+1)
		}
		return true
	})
}

// Events are the types of deliveries.
func Events(ds []Delivery) []string {
	events := make([]string, len(ds))
	for i, d := range ds {
		events[i] = d.Event
	}
	return events
}
