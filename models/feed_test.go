package models_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
)

// sequence runs a sequencer of the store until the test ends, and returns what ends it before.
func (b *bench) sequence(s *models.Store, q feed.Sequencer) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Feed.RunSequencer(ctx, q) }()
	stop = func() { cancel(); <-done }
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) feed(q feed.Query) feed.Page {
	b.t.Helper()
	page, err := b.Feed.Read(b.t.Context(), b.tenant.ID, q)
	require.NoError(b.t, err)
	require.NotEmpty(b.t, page.Next)
	return page
}

// sequenced waits until every committed event has a position.
func (b *bench) sequenced() {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return b.count(`SELECT count(*) FROM events WHERE position IS NULL`) == 0
	}, 10*time.Second, 5*time.Millisecond)
}

// insertEvent puts an event into a transaction, as the write path would at that time.
const insertEvent = `INSERT INTO events (id, tenant_id, type, conversation_id, version, payload, created_at)
	VALUES ($1, $2, 'conversation.updated', $3, 1, '{}', $4)`

// P6.1: an event that is committed late, though it is the older one, comes after what was shown before.
func TestALateCommitDoesNotSlipBehindACursor(t *testing.T) {
	b := setupAlone(t)
	b.sequence(b.Store, feed.Sequencer{})
	old, young := time.Now().Add(-time.Minute), time.Now()
	early, late := ident.NewSequence(old).Next(), ident.NewSequence(young).Next()
	first, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	second, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = first.ExecContext(t.Context(), insertEvent, early, b.tenant.ID, uuid.New(), old)
	require.NoError(t, err)
	_, err = second.ExecContext(t.Context(), insertEvent, late, b.tenant.ID, uuid.New(), young)
	require.NoError(t, err)
	require.NoError(t, second.Commit())
	b.sequenced()
	page := b.feed(feed.Query{})
	require.Len(t, page.Events, 1)
	require.Equal(t, late, page.Events[0].ID)
	require.Empty(t, b.feed(feed.Query{After: page.Next}).Events)
	require.NoError(t, first.Commit())
	b.sequenced()
	rest := b.feed(feed.Query{After: page.Next})
	require.Len(t, rest.Events, 1)
	require.Equal(t, early, rest.Events[0].ID)
	require.False(t, rest.HasMore)
	require.Equal(t, rest.Next, b.feed(feed.Query{After: rest.Next}).Next, "nothing new: the same place")
}

// reading is what a reader has seen of the feed.
type reading struct {
	events   []feed.Event
	versions map[uuid.UUID]int64
}

// read goes on from page to page until done says so and nothing is left.
func (r *reading) read(b *bench, done func() bool, limit int) error {
	r.versions = map[uuid.UUID]int64{}
	after := ""
	for {
		last := done()
		page, err := b.Feed.Read(b.t.Context(), b.tenant.ID, feed.Query{After: after, Limit: limit})
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := r.see(e); err != nil {
				return err
			}
		}
		after = page.Next
		if last && len(page.Events) == 0 {
			return nil
		}
	}
}

func (r *reading) see(e feed.Event) error {
	var p struct {
		Data struct{ Conversation struct{ Version int64 } }
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return err
	}
	if id, v := e.ConversationID, p.Data.Conversation.Version; id != nil {
		if v < r.versions[*id] {
			return fmt.Errorf("conversation %s: version %d after %d", id, v, r.versions[*id])
		}
		r.versions[*id] = v
	}
	r.events = append(r.events, e)
	return nil
}

// P6: writers, two sequencers of which the one that works is killed again and again, and a reader that pages all the time:
// it sees every event once, and each conversation's versions rise. ✗ sequencer: another takes the lock.
func TestAReaderSeesEverythingOnceWhileSequencersDie(t *testing.T) {
	b := setupAlone(t)
	var led, leading atomic.Int32
	for _, s := range []*models.Store{b.Store, b.open()} {
		b.sequence(s, feed.Sequencer{Lead: func(leads bool) {
			if leads {
				led.Add(1)
				if leading.Add(1) > 1 {
					t.Error("two sequencers lead")
				}
				return
			}
			leading.Add(-1)
		}})
	}
	conversations := make([]uuid.UUID, 5)
	for i := range conversations {
		conversations[i] = b.conversation(fmt.Sprint(i)).ID
	}
	var written atomic.Bool
	var r reading
	read := make(chan error, 1)
	go func() { read <- r.read(b, func() bool { return written.Load() }, 7) }()

	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 40 {
				_, err := b.Conversations.PostMessage(
					t.Context(),
					b.tenant.ID,
					conversations[(w+i)%5],
					b.actor,
					conversation.NewMessage{
						Direction: conversation.Outbound, Text: text("Hello"), Resolve: false,
					},
				)
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	for range 3 {
		require.Eventually(t, func() bool { return leading.Load() == 1 }, 10*time.Second, time.Millisecond)
		before := led.Load()
		b.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		require.Eventually(t, func() bool { return led.Load() > before }, 10*time.Second, time.Millisecond, "another takes over")
	}
	writers.Wait()
	b.sequenced()
	written.Store(true)
	require.NoError(t, <-read)

	seen := make([]uuid.UUID, len(r.events))
	for i, e := range r.events {
		seen[i] = e.ID
	}
	var inOrder []uuid.UUID
	require.NoError(t, b.DB.Main.Raw(`SELECT id FROM events ORDER BY position`).Scan(&inOrder).Error)
	require.Equal(t, inOrder, seen, "in the order of the positions")
	slices.SortFunc(seen, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	var all []uuid.UUID
	for _, e := range b.events() {
		all = append(all, e.id)
	}
	require.Equal(t, all, seen)
	require.GreaterOrEqual(t, len(all), 320)
}

// The counter outlives the events: positions go on rising after a restart with an empty table.
func TestPositionsGoOnAfterARestart(t *testing.T) {
	b := setupAlone(t)
	stop := b.sequence(b.Store, feed.Sequencer{})
	b.conversation("a")
	b.sequenced()
	last := b.feed(feed.Query{})
	stop()
	before := b.count(`SELECT max(position) FROM events`)
	b.exec(`DELETE FROM events`)
	b.sequence(b.open(), feed.Sequencer{})
	b.conversation("b")
	b.sequenced()
	page := b.feed(feed.Query{After: last.Next})
	require.NotEmpty(t, page.Events)
	require.Greater(t, b.count(`SELECT min(position) FROM events`), before)
}

func TestFeedFiltersAndPages(t *testing.T) {
	b := setupAlone(t)
	b.sequence(b.Store, feed.Sequencer{})
	one, two := b.conversation("one"), b.conversation("two")
	for range 3 {
		b.post(one.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("a")})
		b.post(two.ID, conversation.NewMessage{Direction: conversation.Outbound, Text: text("b")})
	}
	b.sequenced()
	all := b.feed(feed.Query{Limit: 200})
	require.Equal(t, len(b.events()), len(all.Events))
	require.False(t, all.HasMore)
	exact := b.feed(feed.Query{Limit: len(all.Events)})
	require.False(t, exact.HasMore)
	require.True(t, b.feed(feed.Query{Limit: len(all.Events) - 1}).HasMore)

	page := b.feed(feed.Query{ConversationID: &two.ID, Types: []string{"message.sent"}, Limit: 2})
	require.Len(t, page.Events, 2)
	require.True(t, page.HasMore)
	rest := b.feed(feed.Query{ConversationID: &two.ID, Types: []string{"message.sent"}, Limit: 2, After: page.Next})
	require.Len(t, rest.Events, 1)
	require.False(t, rest.HasMore)
	require.Equal(t, all.Next, rest.Next, "what was looked through is behind the cursor")
	require.Empty(t, b.feed(feed.Query{After: rest.Next}).Events)

	// A filter that matches nothing goes forward by what it has looked through.
	b.exec(`INSERT INTO events (id, tenant_id, type, payload, created_at)
		SELECT `+ident.SQL("$2::bigint", "n")+`, $1, 'contact.updated', '{}', now() FROM generate_series(1, 7000) n`,
		b.tenant.ID, ident.Tick(time.Now()))
	b.sequenced()
	q := feed.Query{Types: []string{"tag.added"}, After: rest.Next}
	page = b.feed(q)
	require.Empty(t, page.Events)
	require.True(t, page.HasMore)
	q.After = page.Next
	page = b.feed(q)
	require.Empty(t, page.Events)
	require.False(t, page.HasMore)

	_, err := b.Feed.Read(t.Context(), b.tenant.ID, feed.Query{After: "cDk5OTk5OTk"}) // of a database that was ahead of this one
	require.ErrorContains(t, err, "VALIDATION_FAILED")
}

// weekOf makes the partitions of a past week, and returns a time in it.
func (b *bench) weekOf(age time.Duration) time.Time {
	b.t.Helper()
	at := time.Now().UTC().Add(-age).Truncate(24 * time.Hour)
	from := at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
	for _, table := range []string{"events", "deliveries", "attempts"} {
		b.exec(
			fmt.Sprintf(`CREATE TABLE %s_old%d PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')`, table, int(age.Hours()), table,
				ident.Floor(from), ident.Floor(from.AddDate(0, 0, 7))),
		)
	}
	return from.Add(time.Hour)
}

// past puts a conversation's creation, with its deliveries and an attempt, into the past.
func (b *bench) past(at time.Time, tenant uuid.UUID, state string) {
	b.t.Helper()
	ids := ident.NewSequence(at)
	event := ids.Next()
	b.exec(insertEvent, event, tenant, uuid.New(), at)
	b.exec(`INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at, created_at)
		VALUES ($1, $2, $2, $3, 'conversation.updated', 1, 0, $4, $5, $5)`, ids.Next(), tenant, event, state, at)
	b.exec(`INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms, class)
		VALUES ($1, $2, $2, $2, 1, $3, 1, 'ok')`, ids.Next(), tenant, at)
}

const day = 24 * time.Hour

// P10: whole weeks that are old enough go, with all they hold; a week with a delivery that is owed stays as a whole; a
// reader who was not as far hears of it, and one whose events are all there does not.
func TestRetentionDropsWeeks(t *testing.T) {
	b := setupAlone(t)
	quiet, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Quiet"})
	require.NoError(t, err)
	quietStart, err := b.Feed.Read(t.Context(), quiet.ID, feed.Query{})
	require.NoError(t, err)
	start := b.feed(feed.Query{})

	gone, owed, unsequenced, recent := b.weekOf(90*day), b.weekOf(75*day), b.weekOf(60*day), b.weekOf(20*day)
	stray := time.Now().Add(-120 * day)
	stop := b.sequence(b.Store, feed.Sequencer{})
	b.past(stray, b.tenant.ID, "failed")
	b.sequenced()
	b.past(gone, b.tenant.ID, "delivered")
	b.sequenced()
	afterGone := b.feed(feed.Query{})
	b.past(owed, b.tenant.ID, "pending")
	b.past(recent, b.tenant.ID, "delivered")
	b.past(recent.Add(time.Second), quiet.ID, "delivered")
	b.sequenced()
	stop()
	b.past(unsequenced, b.tenant.ID, "delivered")

	done, err := b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.NoError(t, err)
	require.Equal(t, []string{
		"deliveries_old2160", "deliveries_old1440", "attempts_old2160", "attempts_old1440", "events_old2160",
	}, done.Dropped)
	require.Equal(t, []string{
		"deliveries_old1800: deliveries are pending", "attempts_old1800: deliveries of its week are kept",
		"events_old1800: deliveries of its week are kept", "events_old1440: events have no position yet",
	}, done.Kept)
	require.EqualValues(t, 3, done.Strays)
	require.Equal(t, 4, b.count(`SELECT count(*) FROM events`))

	_, err = b.Feed.Read(t.Context(), b.tenant.ID, feed.Query{After: start.Next})
	require.ErrorContains(t, err, "CURSOR_EXPIRED")
	require.Len(t, b.feed(feed.Query{After: afterGone.Next}).Events, 2, "nothing after this one is gone")
	require.Len(t, b.feed(feed.Query{}).Events, 2)
	page, err := b.Feed.Read(t.Context(), quiet.ID, feed.Query{After: quietStart.Next})
	require.NoError(t, err, "none of this tenant's events is gone")
	require.Len(t, page.Events, 1)

	b.exec(`UPDATE deliveries SET state = 'cancelled'`)
	b.sequence(b.Store, feed.Sequencer{})
	b.sequenced()
	done, err = b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.NoError(t, err)
	require.Equal(t, []string{"deliveries_old1800", "attempts_old1800", "events_old1800", "events_old1440"}, done.Dropped)
	require.Empty(t, done.Kept)
	again, err := b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.NoError(t, err)
	require.Equal(t, postgres.Retained{}, again)
	require.Equal(t, 2, b.count(`SELECT count(*) FROM events`))
}

// A delivery that is newer than its event keeps the event's week, too.
func TestEventsOfNewerDeliveriesStay(t *testing.T) {
	b := setupAlone(t)
	at := b.weekOf(90 * day)
	b.past(at, b.tenant.ID, "delivered")
	b.sequence(b.Store, feed.Sequencer{})
	b.sequenced()
	b.exec(`INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at, created_at)
		SELECT $1, tenant_id, subscription_id, event_id, event_type, seq, shard, 'leased', now(), now() FROM deliveries`, ident.New())
	done, err := b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.NoError(t, err)
	require.Equal(t, []string{"events_old2160: deliveries of its events are pending"}, done.Kept)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM events`))
}

// A table that is in use is left for the next time, and its other users are not held up for long.
func TestRetentionDoesNotWaitForLong(t *testing.T) {
	b := setupAlone(t)
	b.weekOf(90 * day)
	reader, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = reader.ExecContext(t.Context(), `SELECT count(*) FROM deliveries`)
	require.NoError(t, err)
	done, err := b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.ErrorContains(t, err, "deliveries_old2160")
	require.Empty(t, done.Dropped)
	require.NoError(t, reader.Rollback())
	done, err = b.DB.Retain(t.Context(), time.Now(), 30*day)
	require.NoError(t, err)
	require.Len(t, done.Dropped, 3)
}
