package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/inbox"
)

var (
	summaryURL    = regexp.MustCompile(`\n  curl (\S+)`)
	summaryHeader = regexp.MustCompile(`-H '([^:]+): ([^']+)'`)
	summaryBody   = regexp.MustCompile(`-d '([^']+)'`)
)

// The curl that the summary offers works as printed, and its events arrive, signed.
func TestFirstCall(t *testing.T) {
	in := shared.inbox(t)
	var summary string
	eventually(t, 5*time.Second, func() error { // it is printed right after ready.json is there
		if summary = shared.out.String(); !summaryBody.MatchString(summary) {
			return errors.New("no summary")
		}
		return nil
	})
	body := summaryBody.FindStringSubmatch(summary)[1]
	request, err := http.NewRequest(http.MethodPost, summaryURL.FindStringSubmatch(summary)[1], strings.NewReader(body))
	require.NoError(t, err)
	headers := summaryHeader.FindAllStringSubmatch(summary, -1)
	require.Len(t, headers, 2)
	for _, h := range headers {
		request.Header.Set(h[1], h[2])
	}
	created, err := do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, created.status, "%s", created.body)
	var c conversation
	require.NoError(t, json.Unmarshal(created.body, &c))

	for _, d := range in.AwaitEvents(20*time.Second, "contact.created", "conversation.created") {
		require.True(t, d.Verified, "the official library verifies %s", d.Event)
		require.Equal(t, shared.TenantID, d.TenantID)
	}
	arrived := shared.awaitReceived(t, 20*time.Second, "ada@example.com", 2)
	require.ElementsMatch(t, []string{"contact.created", "conversation.created"}, eventTypes(arrived))
	require.Equal(t, c, shared.conversation(t, c.ID))
	require.Equal(t, "active", c.Status)
	require.Equal(t, 1, c.Version)
}

func TestSnoozeWakesOnTime(t *testing.T) {
	in := shared.inbox(t)
	c := shared.create(t, "snooze-1", "snooze@example.com")
	until := time.Now().Add(5 * time.Second).Truncate(time.Millisecond)
	require.Equal(t, 2, shared.snooze(t, c.ID, until).Version)
	woke := shared.awaitStatus(t, 7*time.Second, c.ID, "active")
	require.WithinRange(t, time.Now(), until, until.Add(2*time.Second), "the API shows it by then")
	require.WithinRange(t, woke.UpdatedAt, until, until.Add(2*time.Second))
	require.Equal(t, 3, woke.Version)

	got := in.Await(10*time.Second, "the wake", func(ds []inbox.Delivery) bool {
		return len(ds) > 0 && ds[len(ds)-1].Data.Conversation.Version == 3
	})
	event := got[len(got)-1]
	require.Equal(t, "conversation.updated", event.Event)
	require.True(t, event.Verified)
	require.WithinRange(t, event.At, until, until.Add(2*time.Second), "its event arrives by then")
	require.Equal(t, map[string]any{"from": "snoozed", "to": "active"}, event.Data.Changes["status"])
}

// A receiver that was down gets everything afterwards, each event once.
func TestReceiverThatWasDown(t *testing.T) {
	const n, email = 10, "down@example.com"
	refused := shared.received(t).Refused
	down, err := send(http.MethodPost, shared.ReceiverURL+"/down?seconds=4", "", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, down.status)
	for i := range n {
		shared.create(t, fmt.Sprintf("down-%d", i), email)
	}
	eventually(t, 20*time.Second, func() error {
		if now := shared.received(t).Refused; now < refused+1 {
			return errors.New("it has refused nothing")
		}
		return nil
	})
	require.Empty(t, shared.receivedOf(t, email), "it is still down")

	const owed = 1 + 2*n // contact.created once; conversation.created and message.received of each
	arrived := shared.awaitReceived(t, 40*time.Second, email, owed)
	have := map[string]int{}
	for _, event := range eventTypes(arrived) {
		have[event]++
	}
	require.Equal(t, map[string]int{"contact.created": 1, "conversation.created": n, "message.received": n}, have)

	// What comes after it has arrived: had anything been sent twice, it would be there by now.
	shared.create(t, "down-and-up", email)
	shared.awaitReceived(t, 20*time.Second, email, owed+2)
}
