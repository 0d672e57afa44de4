package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operation is one thing that was asked of the API, with when and what came of it. Times are Unix nanoseconds of the
// machine's clock, which all processes share.
type operation struct {
	key      string // appears in the event that it causes; unique in the run
	intended int64  // when it was meant to be sent; in a closed loop when it was
	answered int64
	status   int // HTTP status; 0 when there was no answer
	err      error
	warmup   bool
	kind     string // timers: what is due; wake, warning or breach
}

func (o operation) accepted() bool { return o.status >= 200 && o.status < 300 }

// uncertain tells whether it may have happened though the API did not say so.
func (o operation) uncertain() bool { return o.status == 0 || o.status >= 500 }

// arrival is one request that the receiver got.
type arrival struct {
	WebhookID    string
	At           int64 // Unix nanoseconds
	Path         string
	Key          string
	Conversation string
	Version      int64
	BadSignature string // why; empty if it was right or is not in the sample
}

// balance is the exact ledger: what was accepted against what arrived.
type balance struct {
	Sent     int            `json:"sent"`
	Accepted int            `json:"accepted"`
	Refused  map[string]int `json:"refused,omitempty"` // by status, or by error without an answer
	Arrived  int            `json:"arrived"`           // operations whose event arrived
	Requests int            `json:"requests"`          // that the receiver got
	// Losses were accepted and their event never arrived.
	Losses int `json:"losses"`
	// Duplicates are requests beyond the first for a webhook-id, and events beyond the first for an operation.
	Duplicates        int `json:"duplicates"`
	SignatureFailures int `json:"signatureFailures"`
	// Unexpected events belong to no operation that was accepted, nor to one that may have happened.
	Unexpected int `json:"unexpected"`
	// OutOfOrder are first arrivals of a version below one of the same conversation that had arrived: allowed, since
	// the subscription is not an ordered one.
	OutOfOrder int      `json:"outOfOrder"`
	Examples   []string `json:"examples,omitempty"` // of what is wrong

	first map[string]int64 // arrival of each key
	last  int64            // first arrival of the latest key
}

const maxExamples = 5

func (b *balance) example(format string, args ...any) {
	if len(b.Examples) < maxExamples {
		b.Examples = append(b.Examples, fmt.Sprintf(format, args...))
	}
}

// newBalance holds arrivals against operations.
func newBalance(ops []operation, arrivals []arrival) balance {
	b := balance{Sent: len(ops), Requests: len(arrivals), Refused: map[string]int{}, first: map[string]int64{}}
	b.readArrivals(arrivals)
	known := make(map[string]bool, len(ops))
	for _, o := range ops {
		at, arrived := b.first[o.key]
		known[o.key] = o.accepted() || o.uncertain()
		switch {
		case o.accepted():
			b.Accepted++
			if !arrived {
				b.Losses++
				b.example("lost: %s, answered %d at %s", o.key, o.status, stamp(o.answered))
				continue
			}
			b.last = max(b.last, at)
		case o.err != nil && o.status == 0:
			b.Refused["no answer: "+o.err.Error()]++
		default:
			b.Refused[strconv.Itoa(o.status)]++
		}
		if arrived {
			b.Arrived++
		}
	}
	for key, at := range b.first {
		if !known[key] {
			b.Unexpected++
			b.example("unexpected: %q at %s", key, stamp(at))
		}
	}
	return b
}

func (b *balance) readArrivals(arrivals []arrival) {
	slices.SortStableFunc(arrivals, func(x, y arrival) int { return int(x.At - y.At) })
	ids := make(map[string]bool, len(arrivals))
	highest := map[string]int64{}
	for _, a := range arrivals {
		if a.BadSignature != "" {
			b.SignatureFailures++
			b.example("signature of %s: %s", a.WebhookID, a.BadSignature)
		}
		_, again := b.first[a.Key]
		if ids[a.WebhookID] || again {
			b.Duplicates++
			b.example("again: webhook-id %s, %s at %s", a.WebhookID, a.Key, stamp(a.At))
			ids[a.WebhookID] = true
			continue
		}
		ids[a.WebhookID] = true
		b.first[a.Key] = a.At
		if a.Version < highest[a.Conversation] {
			b.OutOfOrder++
		}
		highest[a.Conversation] = max(highest[a.Conversation], a.Version)
	}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("15:04:05.000000") }

// faults says why the ledger does not balance; nothing if it does.
func (b *balance) faults() []string {
	var why []string
	refused := 0 // such calls are in no percentile: the slowest of all may be among them
	for _, n := range b.Refused {
		refused += n
	}
	for _, f := range []struct {
		n    int
		what string
	}{
		{b.Losses, "events accepted, but never arrived"},
		{b.Duplicates, "events arrived more than once"},
		{b.SignatureFailures, "events with a wrong signature"},
		{b.Unexpected, "events that nobody had sent"},
		{refused, "calls refused, or without an answer"},
	} {
		if f.n > 0 {
			why = append(why, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if b.Accepted == 0 {
		why = append(why, "nothing was accepted")
	}
	return why
}

// body are the parts of an event that the ledger reads.
type body struct {
	Event string `json:"event"`
	Data  struct {
		Conversation struct {
			ID                string  `json:"id"`
			Version           int64   `json:"version"`
			ExternalReference *string `json:"externalReference"`
		} `json:"conversation"`
		Message *struct {
			Text *string `json:"text"`
		} `json:"message"`
	} `json:"data"`
}

// key names the operation that an event comes from: the first word of the message, else the reference of the
// conversation, else its id. A tripwire of the SLA is one beside the change of the conversation that comes with it.
func (e body) key() string {
	switch {
	case strings.HasPrefix(e.Event, "sla.") && e.Data.Conversation.ExternalReference != nil:
		return *e.Data.Conversation.ExternalReference + "/" + e.Event
	case e.Data.Message != nil && e.Data.Message.Text != nil:
		word, _, _ := strings.Cut(*e.Data.Message.Text, " ")
		return word
	case e.Data.Conversation.ExternalReference != nil:
		return *e.Data.Conversation.ExternalReference
	default:
		return e.Data.Conversation.ID
	}
}

// read fills in what an arrival's body says.
func (a *arrival) read(content []byte) {
	var e body
	if err := json.Unmarshal(content, &e); err != nil {
		a.Key, a.BadSignature = "not JSON: "+a.WebhookID, "the body is not JSON: "+err.Error()
		return
	}
	a.Key, a.Conversation, a.Version = e.key(), e.Data.Conversation.ID, e.Data.Conversation.Version
}
