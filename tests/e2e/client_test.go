package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/inbox"
)

var httpClient = &http.Client{Timeout: 20 * time.Second}

// answer is what an HTTP call brought.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one call as a program of a customer's would; body is JSON, nothing when empty.
func send(method, url, key, body string) (answer, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return do(request)
}

// do makes a call. What the API answers is held against the document.
func do(request *http.Request) (answer, error) {
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if path := request.URL.EscapedPath(); err == nil && strings.HasPrefix(path, "/v1/") {
		err = conformance.Served().Answer(request.Method, path, response.StatusCode, response.Header, content)
		if err != nil {
			err = final{err}
		}
	}
	return answer{response.StatusCode, response.Header, content}, err
}

// get reads a page that needs no credentials.
func get(t *testing.T, url string) answer {
	t.Helper()
	a, err := send(http.MethodGet, url, "", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "%s: %s", url, a.body)
	return a
}

// call calls the API with the stack's key, expects a status and reads the answer.
func (s *stack) call(t *testing.T, status int, into any, method, path, body string) {
	t.Helper()
	a, err := send(method, s.APIURL+path, s.APIKey, body)
	require.NoError(t, err)
	require.Equal(t, status, a.status, "%s %s: %s", method, path, a.body)
	if into != nil {
		require.NoError(t, json.Unmarshal(a.body, into))
	}
}

// conversation is what these tests look at of one.
type conversation struct {
	ID                string    `json:"id"`
	Number            int64     `json:"number"`
	ExternalReference string    `json:"externalReference"`
	Subject           string    `json:"subject"`
	Status            string    `json:"status"`
	Version           int       `json:"version"`
	UpdatedAt         time.Time `json:"updatedAt"`
}

// order is the body that makes a conversation with a first message.
func order(reference, email string) string {
	return fmt.Sprintf(`{"externalReference": %q, "subject": "Where is it?", "contact": {"email": %q},
		"outboundContext": {"originalMessage": "It has not come."}}`, reference, email)
}

func (s *stack) create(t *testing.T, reference, email string) (c conversation) {
	t.Helper()
	s.call(t, http.StatusCreated, &c, http.MethodPost, "/v1/conversations/outbound", order(reference, email))
	require.Equal(t, reference, c.ExternalReference)
	return c
}

func (s *stack) conversation(t *testing.T, id string) (c conversation) {
	t.Helper()
	s.call(t, http.StatusOK, &c, http.MethodGet, "/v1/conversations/"+id, "")
	return c
}

func (s *stack) snooze(t *testing.T, id string, until time.Time) (c conversation) {
	t.Helper()
	s.call(t, http.StatusOK, &c, http.MethodPost, "/v1/conversations/"+id+"/snooze",
		fmt.Sprintf(`{"until": %q}`, until.UTC().Format(time.RFC3339Nano)))
	require.Equal(t, "snoozed", c.Status)
	return c
}

// awaitStatus polls the API until a conversation has a status.
func (s *stack) awaitStatus(t *testing.T, within time.Duration, id, status string) (c conversation) {
	t.Helper()
	eventually(t, within, func() error {
		c = s.conversation(t, id)
		if c.Status != status {
			return fmt.Errorf("it is %s, not %s", c.Status, status)
		}
		return nil
	})
	return c
}

// inbox opens a receiver of the test's own and subscribes it to all events.
func (s *stack) inbox(t *testing.T) *inbox.Inbox {
	t.Helper()
	in := inbox.Open(t)
	var hook struct{ ID, Secret string }
	s.call(t, http.StatusCreated, &hook, http.MethodPost, "/v1/webhooks",
		fmt.Sprintf(`{"name": "inbox", "url": %q, "events": ["*"]}`, in.URL()))
	in.Expect(hook.Secret)
	t.Cleanup(func() { s.call(t, http.StatusNoContent, nil, http.MethodDelete, "/v1/webhooks/"+hook.ID, "") })
	return in
}

// delivery is one that arrived at the stack's built-in receiver.
type delivery struct {
	ID       string          `json:"id"` // webhook-id
	Event    string          `json:"event"`
	Verified bool            `json:"verified"`
	Problem  string          `json:"problem"`
	Body     json.RawMessage `json:"body"`
}

// receiverLog is what the receiver's events.json says.
type receiverLog struct {
	Refused    int        `json:"refusedWhileDown"`
	Deliveries []delivery `json:"deliveries"`
}

func (s *stack) received(t *testing.T) (l receiverLog) {
	t.Helper()
	require.NoError(t, json.Unmarshal(get(t, s.ReceiverURL+"/events.json").body, &l))
	return l
}

// receivedOf are the deliveries about one contact, which stands in every event.
func (s *stack) receivedOf(t *testing.T, email string) (about []delivery) {
	t.Helper()
	for _, d := range s.received(t).Deliveries {
		if bytes.Contains(d.Body, []byte(email)) {
			about = append(about, d)
		}
	}
	return about
}

// awaitReceived waits until n deliveries about a contact have arrived; each has to be verified, and none come twice.
func (s *stack) awaitReceived(t *testing.T, within time.Duration, email string, n int) []delivery {
	t.Helper()
	var about []delivery
	eventually(t, within, func() error {
		if about = s.receivedOf(t, email); len(about) < n {
			return fmt.Errorf("%d of %d events about %s have arrived", len(about), n, email)
		}
		return nil
	})
	requireOnce(t, about, n)
	return about
}

func requireOnce(t *testing.T, about []delivery, n int) {
	t.Helper()
	ids := map[string]int{}
	for _, d := range about {
		ids[d.ID]++
		require.True(t, d.Verified, "%s: %s", d.Event, d.Problem)
	}
	for id, times := range ids {
		require.Equal(t, 1, times, "webhook-id %s", id)
	}
	require.Len(t, ids, n)
}

func eventTypes(deliveries []delivery) (types []string) {
	for _, d := range deliveries {
		types = append(types, d.Event)
	}
	return types
}
