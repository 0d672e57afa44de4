package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/tests/conformance"
)

// httpClient is every writer's. A request that a killed process leaves unanswered fails at once, one that a paused
// service holds up is answered by the API within its own limit of 25 s.
var httpClient = &http.Client{
	Timeout:   40 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// field reads a string at a path of the answer's JSON; empty when it is not there.
func (r reply) field(path ...string) string {
	var at any
	if json.Unmarshal(r.body, &at) != nil {
		return ""
	}
	for _, name := range path {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	text, _ := at.(string)
	return text
}

func (r reply) ok() bool { return r.status/100 == 2 }

// writer is one client of the API, with randomness of its own.
type writer struct {
	tags []string // of what it creates, besides those of an order
	w    *world
	rng  *rand.Rand
	n    int // calls made

	aside []aside // conversations to go on with, those put aside first at the front
}

// aside is a conversation that nothing happens to until a time.
type aside struct {
	id    uuid.UUID
	until time.Time
}

func (w *world) writer(i int) *writer {
	source := rand.NewPCG(*seedFlag, nameHash(fmt.Sprint(w.t.Name(), i)))
	return &writer{w: w, rng: rand.New(source), n: i} //nolint:gosec // repeatable, not secret
}

// call makes one request, of the APIs in turn, and notes what it was answered with. err is that there was no answer.
func (c *writer) call(ctx context.Context, method, path string, body any) (reply, error) {
	return c.callAs(ctx, c.w.key, method, path, body)
}

// callAs makes a call with another key, or the token of a dock session.
func (c *writer) callAs(ctx context.Context, key, method, path string, body any) (reply, error) {
	return c.send(ctx, http.Header{"Authorization": {"Bearer " + key}}, method, path, body)
}

// once makes a call with an Idempotency-Key of its own.
func (c *writer) once(ctx context.Context, method, path string, body any) (reply, error) {
	return c.send(ctx, c.keyed(), method, path, body)
}

// keyed are headers with an Idempotency-Key that no other call has.
func (c *writer) keyed() http.Header {
	return http.Header{"Authorization": {"Bearer " + c.w.key}, "Idempotency-Key": {uuid.NewString()}}
}

// insistOnce repeats a POST with one Idempotency-Key until it is answered: it happens once, and the answer is always the
// first one (P7).
func (c *writer) insistOnce(ctx context.Context, path string, body any) (r reply, tries int, err error) {
	header := c.keyed()
	r, tries, err = c.untilAnswered(ctx, func() (reply, error) { return c.send(ctx, header, http.MethodPost, path, body) })
	if err == nil && c.rng.IntN(20) == 0 { // as if this answer had not come
		var again reply
		again, _, err = c.untilAnswered(ctx, func() (reply, error) { return c.send(ctx, header, http.MethodPost, path, body) })
		same := again.status == r.status && bytes.Equal(again.body, r.body) && again.header.Get("Idempotency-Replayed") != ""
		if err == nil && !same {
			err = fmt.Errorf("POST %s with a key: %d %s, and then %d %s", path, r.status, r.body, again.status, again.body)
		}
		r = again
	}
	if err == nil && r.header.Get("Idempotency-Replayed") != "" {
		c.w.ledger.do(func() { c.w.ledger.replayed++ })
	}
	return r, tries, err
}

// checked makes calls outside the ledger through next, and holds their answers against the document.
func (w *world) checked(next http.RoundTripper) http.RoundTripper {
	return conformance.Transport(next, func(err error) { w.t.Errorf("an answer that the document does not admit: %v", err) })
}

func (c *writer) send(ctx context.Context, header http.Header, method, path string, body any) (reply, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return reply{}, err
		}
	}
	c.n++
	api := c.w.apis[c.n%len(c.w.apis)]
	request, err := http.NewRequestWithContext(ctx, method, "http://"+api.addr+path, bytes.NewReader(content))
	if err != nil {
		return reply{}, err
	}
	request.Header = header
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := httpClient.Do(request)
	if err != nil {
		c.w.ledger.unanswered()
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	r := reply{status: answer.StatusCode, header: answer.Header}
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		c.w.ledger.unanswered()
		return r, err
	}
	c.w.ledger.answered(api, method, path, r)
	return r, nil
}

// retryPause is what a patient client waits before it asks again, the longer the more often it has asked. In the full form
// it does not get longer: what is away is to be asked for by many.
func retryPause(tries int) time.Duration {
	const first, last = 25 * time.Millisecond, 250 * time.Millisecond
	return sized(min(time.Duration(tries)*first, last), first)
}

// insist repeats a call until it is answered with something else than that the API is away.
func (c *writer) insist(ctx context.Context, method, path string, body any) (r reply, tries int, err error) {
	return c.untilAnswered(ctx, func() (reply, error) { return c.call(ctx, method, path, body) })
}

func (c *writer) untilAnswered(ctx context.Context, call func() (reply, error)) (r reply, tries int, err error) {
	for tries = 1; ; tries++ {
		r, err = call()
		inProgress := r.status == http.StatusConflict && r.field("error", "code") == "IDEMPOTENCY_IN_PROGRESS"
		if err == nil && r.status != http.StatusServiceUnavailable && !inProgress {
			return r, tries, nil
		}
		select {
		case <-ctx.Done():
			return r, tries, ctx.Err()
		case <-time.After(retryPause(tries)):
		}
	}
}

type object = map[string]any

// order is a new conversation with a message and two tags, of one of a few customers.
func order(reference string, customer int) object {
	return object{
		"externalReference": reference, "subject": "Where is it?",
		"contact":         object{"email": fmt.Sprintf("customer-%d@example.com", customer)},
		"outboundContext": object{"originalMessage": "It has not come."},
		"tags":            []string{"vip", "refund"},
	}
}

// create makes a conversation as a careful client does: it asks until it has an answer. That the conversation exists is
// as good an answer after a try that got none.
func (c *writer) create(ctx context.Context, reference string) (uuid.UUID, error) {
	body := order(reference, c.rng.IntN(100))
	body["tags"] = append(body["tags"].([]string), c.tags...)
	r, tries, err := c.insist(ctx, http.MethodPost, "/v1/conversations/outbound", body)
	if err != nil {
		return uuid.Nil, err
	}
	text := r.field("id")
	if r.status == http.StatusConflict && tries > 1 {
		text = r.field("error", "details", "conversationId")
	} else if r.status != http.StatusCreated {
		return uuid.Nil, fmt.Errorf("create %s, try %d: %d %s", reference, tries, r.status, r.body)
	}
	id, err := uuid.Parse(text)
	if err == nil {
		c.w.ledger.create(reference, id, r.status == http.StatusCreated)
	}
	return id, err
}

// createOnce makes a conversation with an Idempotency-Key: however often it has to ask, it is told of the creation.
func (c *writer) createOnce(ctx context.Context, reference string) (uuid.UUID, error) {
	r, tries, err := c.insistOnce(ctx, "/v1/conversations/outbound", order(reference, c.rng.IntN(100)))
	if err != nil {
		return uuid.Nil, err
	}
	if r.status != http.StatusCreated {
		return uuid.Nil, fmt.Errorf("create %s with a key, try %d: %d %s", reference, tries, r.status, r.body)
	}
	id, err := uuid.Parse(r.field("id"))
	if err == nil {
		c.w.ledger.create(reference, id, true)
	}
	return id, err
}

// messageOnce posts a message that nothing but its Idempotency-Key keeps from being there twice; its text is the only one
// of its kind.
func (c *writer) messageOnce(ctx context.Context, conversation uuid.UUID, direction, text string) error {
	r, tries, err := c.insistOnce(ctx, "/v1/conversations/"+conversation.String()+"/messages",
		object{"direction": direction, "text": onceMark + text})
	if err != nil {
		return err
	}
	if r.status != http.StatusCreated {
		return fmt.Errorf("message %s with a key, try %d: %d %s", text, tries, r.status, r.body)
	}
	id, err := uuid.Parse(r.field("id"))
	if err == nil {
		c.w.ledger.message(id)
	}
	return err
}

// onceMark begins the texts that must be there once.
const onceMark = "once: "

// message posts a message, inbound or outbound, that repeating does not double.
func (c *writer) message(ctx context.Context, conversation uuid.UUID, direction, externalID string) error {
	r, tries, err := c.insist(ctx, http.MethodPost, "/v1/conversations/"+conversation.String()+"/messages",
		object{"direction": direction, "text": "On its way.", "externalId": externalID})
	if err != nil {
		return err
	}
	if r.status != http.StatusCreated && (r.status != http.StatusOK || tries == 1) {
		return fmt.Errorf("message %s, try %d: %d %s", externalID, tries, r.status, r.body)
	}
	id, err := uuid.Parse(r.field("id"))
	if err == nil {
		c.w.ledger.message(id)
	}
	return err
}

// snooze puts a conversation to sleep for a while that begins now; it gives up trying when the while is over.
func (c *writer) snooze(ctx context.Context, conversation uuid.UUID, span time.Duration) error {
	until := time.Now().Add(span).Truncate(time.Millisecond)
	r, tries, err := c.insist(ctx, http.MethodPost, "/v1/conversations/"+conversation.String()+"/snooze",
		object{"until": until.UTC().Format(time.RFC3339Nano)})
	switch {
	case err != nil:
		return err
	case r.ok():
		c.w.ledger.snooze(conversation, until)
		return nil
	case tries > 1 && r.status == http.StatusBadRequest: // it is over, whether or not it had begun
		return nil
	default:
		return fmt.Errorf("snooze, try %d: %d %s", tries, r.status, r.body)
	}
}

// resolve marks a conversation done; after a try that got no answer it may be done already.
func (c *writer) resolve(ctx context.Context, conversation uuid.UUID) error {
	r, tries, err := c.insist(ctx, http.MethodPost, "/v1/conversations/"+conversation.String()+"/resolve", nil)
	switch {
	case err != nil:
		return err
	case r.ok():
		c.w.ledger.resolve(conversation)
		return nil
	case tries > 1 && r.status == http.StatusConflict:
		return nil
	default:
		return fmt.Errorf("resolve, try %d: %d %s", tries, r.status, r.body)
	}
}

// load is writers at work in the background.
type load struct {
	w      *world
	cancel context.CancelFunc
	done   sync.WaitGroup
	made   atomic.Int64 // operations that were answered
	enough atomic.Bool  // nothing more is begun
}

// drive starts n writers that do f again and again, with rising numbers, until it says that there is no more to do or the
// load is stopped. What f reports fails the test.
func (w *world) drive(n int, f func(ctx context.Context, c *writer, i int) (more bool, err error)) *load {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	l := &load{w: w, cancel: cancel}
	var next atomic.Int64
	for i := range n {
		c := w.writer(i)
		l.done.Go(func() {
			for ctx.Err() == nil && !l.enough.Load() {
				more, err := f(ctx, c, int(next.Add(1))-1)
				if err != nil && ctx.Err() == nil {
					w.t.Errorf("writer: %v", err)
					return
				}
				if err != nil || !more {
					return
				}
				l.made.Add(1)
				if w.pace > 0 {
					<-time.After(w.pace)
				}
			}
		})
	}
	w.t.Cleanup(l.stop)
	return l
}

// creates drives n writers that create conversations until there are total of them; total 0 is until they are stopped.
func (w *world) creates(writers, total int) *load {
	w.t.Helper()
	return w.drive(writers, func(ctx context.Context, c *writer, i int) (bool, error) {
		if total > 0 && i >= total {
			return false, nil
		}
		_, err := c.create(ctx, fmt.Sprintf("order-%d", i))
		return true, err
	})
}

// halt lets no writer begin anything more and waits until what is under way is answered.
func (l *load) halt() {
	l.w.t.Helper()
	l.enough.Store(true)
	l.finish(2 * time.Minute)
}

// stop calls off what is under way, and waits.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

// finish waits until there is no more to do.
func (l *load) finish(within time.Duration) {
	l.w.t.Helper()
	over := make(chan struct{})
	go func() {
		l.done.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(within):
		l.w.t.Fatalf("the load did not end within %s", within)
	}
	if l.w.t.Failed() {
		l.w.t.FailNow()
	}
}

// await waits for n more operations to be answered.
func (l *load) await(within time.Duration, n int) {
	l.w.t.Helper()
	until := l.made.Load() + int64(n)
	eventually(l.w.t, within, fmt.Sprintf("%d more answers", n), func() bool { return l.made.Load() >= until })
}

// reach waits until n operations are answered, to the hundredth of a second.
func (l *load) reach(n int64) {
	l.w.t.Helper()
	for deadline := time.Now().Add(time.Minute); l.made.Load() < n; <-time.After(5 * time.Millisecond) {
		if l.w.t.Failed() || time.Now().After(deadline) {
			l.w.t.Fatalf("%d operations of %d were answered", l.made.Load(), n)
		}
	}
}

// envelope tells whether an answer is an error as the API promises them.
func envelope(r reply) bool {
	return strings.HasPrefix(r.header.Get("Content-Type"), "application/json") &&
		r.field("error", "code") != "" && r.field("error", "message") != "" && r.field("requestId") != ""
}
