package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// feed is a reader of /v1/events that goes on from every page's cursor, and what it has seen so far (P6).
type feed struct {
	client *writer
	cursor string
	seen   map[string]bool // by event
	order  []string
	latest map[uuid.UUID]feedItem // by conversation
}

type feedItem struct {
	ID             string
	ConversationID *uuid.UUID
	Payload        struct {
		Data struct{ Conversation struct{ Version int64 } }
	}
}

func (w *world) feed() *feed {
	return &feed{client: w.writer(-1), seen: map[string]bool{}, latest: map[uuid.UUID]feedItem{}}
}

// page reads on. A patient reader asks until it is answered. The error is what the feed must never do.
func (f *feed) page(ctx context.Context) (more bool, err error) {
	path := "/v1/events?limit=200"
	if f.cursor != "" {
		path += "&after=" + url.QueryEscape(f.cursor)
	}
	r, _, err := f.client.insist(ctx, http.MethodGet, path, nil)
	if err != nil {
		return false, err
	}
	var page struct {
		Data       []feedItem
		NextCursor string
		HasMore    bool
	}
	if err := json.Unmarshal(r.body, &page); err != nil || !r.ok() {
		return false, fmt.Errorf("feed: %d %s", r.status, r.body)
	}
	f.cursor = page.NextCursor
	for _, e := range page.Data {
		if err := f.add(e); err != nil {
			return false, err
		}
	}
	return page.HasMore, nil
}

// add takes an event in: once, and behind those of its conversation that happened before it.
func (f *feed) add(e feedItem) error {
	if f.seen[e.ID] {
		return fmt.Errorf("feed: event %s came twice", e.ID)
	}
	f.seen[e.ID] = true
	f.order = append(f.order, e.ID)
	if e.ConversationID == nil {
		return nil
	}
	version := e.Payload.Data.Conversation.Version
	if was, any := f.latest[*e.ConversationID]; any && !rises(was.Payload.Data.Conversation.Version, was.ID, version, e.ID) {
		return fmt.Errorf("feed: conversation %s: version %d, event %s came after version %d, event %s",
			*e.ConversationID, version, e.ID, was.Payload.Data.Conversation.Version, was.ID)
	}
	f.latest[*e.ConversationID] = e
	return nil
}

// follow reads until it is stopped, never far behind.
func (f *feed) follow(ctx context.Context) error {
	for {
		more, err := f.page(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was stopped; what it was about to read is read later
		}
		if err != nil {
			return err
		}
		if !more {
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// finish reads to the end and compares what was seen with the table: each event once, in the order of the positions.
func (f *feed) finish() {
	w := f.client.w
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = f.page(w.t.Context())
		require.NoError(w.t, err)
	}
	there := rows[string](w, `SELECT id::text FROM events WHERE tenant_id = $1 ORDER BY position`, w.tenant.ID)
	require.Len(w.t, f.order, len(there), "events that the feed has shown, against those that there are")
	if at := firstDifference(f.order, there); at >= 0 {
		require.FailNow(w.t, "the feed is not in the order of the positions", "at %d: %s, not %s", at, f.order[at], there[at])
	}
}

func firstDifference(a, b []string) int {
	return slices.IndexFunc(a, func() func(string) bool {
		i := -1
		return func(v string) bool { i++; return i >= len(b) || v != b[i] }
	}())
}

// balanceFeed reads the feed whole, over an API that runs.
func (w *world) balanceFeed() {
	w.t.Helper()
	if !slices.ContainsFunc(w.apis, (*process).running) {
		w.startAPI()
	}
	w.feed().finish()
}

// The reader of the feed finds what it is there for.
func TestFeedReader(t *testing.T) {
	conversation := uuid.New()
	item := func(id string, version int64) (e feedItem) {
		e.ID, e.ConversationID = id, &conversation
		e.Payload.Data.Conversation.Version = version
		return e
	}
	type all = []feedItem
	for name, c := range map[string]struct {
		items all
		wrong string
	}{
		"once, in order":     {items: all{item("a", 1), item("b", 1), item("a2", 2), {ID: "x"}}},
		"twice":              {items: all{item("a", 1), item("a", 1)}, wrong: "twice"},
		"an earlier version": {items: all{item("a", 2), item("b", 1)}, wrong: "version 1, event b came after version 2"},
		"an earlier event":   {items: all{item("b", 1), item("a", 1)}, wrong: "event a came after version 1, event b"},
	} {
		t.Run(name, func(t *testing.T) {
			f := (&world{t: t}).feed()
			var wrong error
			for _, e := range c.items {
				if err := f.add(e); err != nil {
					wrong = err
				}
			}
			if c.wrong == "" {
				require.NoError(t, wrong)
			} else {
				require.ErrorContains(t, wrong, c.wrong)
			}
		})
	}
	require.Equal(t, -1, firstDifference([]string{"a", "b"}, []string{"a", "b"}))
	require.Equal(t, 1, firstDifference([]string{"a", "b"}, []string{"a", "c"}))
}
