// Package receiver is the webhook endpoint of the local stack: it takes deliveries, verifies their signatures with the
// official Standard Webhooks library, as a customer's code would, and shows them on a page that updates itself.
package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// keep is how many deliveries are remembered, the newest.
	keep = 500
	// maxBody bounds a delivery's body. Atender's own are far smaller.
	maxBody = 1 << 20
	// maxDown bounds how long POST /down makes the receiver fail, in seconds: a day.
	maxDown = 24 * 60 * 60
)

// Delivery is one request that arrived at /hooks while the receiver was up.
type Delivery struct {
	Number     int64             `json:"number"` // counts from 1, in order of arrival
	At         time.Time         `json:"at"`
	ID         string            `json:"id"`        // the webhook-id header: the same for every attempt at one delivery
	Event      string            `json:"event"`     // its type; empty if the body has none
	Reference  string            `json:"reference"` // of the conversation: the caller's own, or its number
	Verified   bool              `json:"verified"`
	Problem    string            `json:"problem,omitempty"` // why it is not verified
	DelayedBy  float64           `json:"delayedBySeconds"`  // from the event's own time to its arrival; 0 if unknown
	Headers    map[string]string `json:"headers"`
	Body       json.RawMessage   `json:"body,omitempty"` // if it is JSON
	Unreadable string            `json:"unreadable,omitempty"`
}

// Receiver is the endpoint and its memory. The zero value is not usable; make one with New.
type Receiver struct {
	now func() time.Time

	mu         sync.Mutex
	verifiers  []*standardwebhooks.Webhook
	deliveries []Delivery // oldest first
	total      int64      // deliveries ever; the number of the latest
	cleared    int64      // the number of the latest that was forgotten on request
	refused    int64      // while down
	downUntil  time.Time
}

// New makes a receiver that knows no secret yet: until SetSecrets nothing it gets is verified.
func New() *Receiver { return &Receiver{now: time.Now} }

// SetSecrets replaces the secrets (whsec_…) that signatures are verified by: one for each subscription that points
// here. Errors: a secret that is not base64.
func (r *Receiver) SetSecrets(secrets ...string) error {
	verifiers := make([]*standardwebhooks.Webhook, 0, len(secrets))
	for i, secret := range secrets {
		v, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return fmt.Errorf("webhook secret %d of %d is not whsec_ and base64", i+1, len(secrets))
		}
		verifiers = append(verifiers, v)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifiers = verifiers
	return nil
}

// Serve listens on addr and serves until stop is called, which waits for the requests under way.
func (r *Receiver) Serve(addr string) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: r.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // ends with Close
	}()
	return func() {
		_ = server.Close() // requests here take no time worth waiting for
		<-ended
	}, nil
}

// accept takes one delivery.
func (r *Receiver) accept(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			http.Error(w, "larger than 1 MiB", http.StatusRequestEntityTooLarge)
		}
		return
	}
	if left := r.refuse(); left > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(left.Seconds())+1))
		http.Error(w, "down, as told by POST /down", http.StatusServiceUnavailable)
		return
	}
	r.remember(req.Header, body)
	w.WriteHeader(http.StatusNoContent)
}

// refuse counts a delivery that comes while the receiver is down and returns for how long it still is.
func (r *Receiver) refuse() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.downUntil.Sub(r.now())
	if left > 0 {
		r.refused++
	}
	return left
}

func (r *Receiver) remember(header http.Header, body []byte) {
	d := Delivery{At: r.now().UTC(), ID: header.Get(standardwebhooks.HeaderWebhookID), Headers: map[string]string{}}
	for name, values := range header {
		d.Headers[name] = strings.Join(values, ", ")
	}
	d.read(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	d.Verified, d.Problem = r.verify(header, body)
	r.total++
	d.Number = r.total
	if len(r.deliveries) == keep {
		r.deliveries = r.deliveries[1:]
	}
	r.deliveries = append(r.deliveries, d)
}

// read takes from an event what the page shows of it in one line.
func (d *Delivery) read(body []byte) {
	if !json.Valid(body) {
		d.Unreadable = strings.ToValidUTF8(string(body), "\uFFFD")
		return
	}
	d.Body = body
	var event struct {
		Event     string    `json:"event"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			Conversation struct {
				Number            json.Number `json:"number"`
				ExternalReference string      `json:"externalReference"`
				ID                string      `json:"id"`
			} `json:"conversation"`
		} `json:"data"`
	}
	// An event of another shape is shown all the same, with as much as could be read.
	_ = json.Unmarshal(body, &event)
	d.Event = event.Event
	c := event.Data.Conversation
	switch {
	case c.ExternalReference != "":
		d.Reference = c.ExternalReference
	case c.Number != "":
		d.Reference = "#" + c.Number.String()
	default:
		d.Reference = c.ID
	}
	if !event.Timestamp.IsZero() {
		d.DelayedBy = d.At.Sub(event.Timestamp).Seconds()
	}
}

// verify checks the signature by each secret: a sender has one for each subscription.
func (r *Receiver) verify(header http.Header, body []byte) (bool, string) {
	if len(r.verifiers) == 0 {
		return false, "no secret is known here"
	}
	var err error
	for _, v := range r.verifiers {
		if err = v.Verify(body, header); err == nil {
			return true, ""
		}
	}
	return false, err.Error()
}
