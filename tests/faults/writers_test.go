package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/inbox"
)

var writersTags = []string{"a", "b", "c", "d", "e", "f"}

// Many writers that change the same conversations in opposite orders never bring the API to an error of its own; the
// versions have no gap, and an ordered webhook sees them rise (P1.2, P1.5, P4.5).
func TestManyWritersOnFewConversations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, _ := w.subscribe(func(s *webhook.NewSubscription) { s.Ordering = webhook.OrderingConversation })
	w.startAPI()
	w.start("worker")
	c := w.writer(-1)
	var conversations []uuid.UUID
	for i := range 5 {
		id, err := c.create(t.Context(), fmt.Sprintf("contended-%d", i))
		require.NoError(t, err)
		conversations = append(conversations, id)
	}
	var agents []uuid.UUID
	for _, name := range []string{"Grace", "Edsger"} {
		agent, err := w.store.Accounts.CreateAgent(t.Context(), w.tenant.ID, account.NewAgent{
			Name: name, Email: name + "@example.com", Role: account.RoleAgent,
		})
		require.NoError(t, err)
		agents = append(agents, agent.ID)
	}
	w.logf("ready")

	rounds := sized(1, 20)
	w.drive(50, func(ctx context.Context, c *writer, i int) (bool, error) {
		if i >= 50*rounds {
			return false, nil
		}
		return true, c.change(ctx, conversations, agents)
	}).finish(2 * time.Minute)
	for _, id := range conversations { // whatever they left: nothing due
		r, err := c.call(t.Context(), http.MethodPost, "/v1/conversations/"+id.String()+"/archive", nil)
		require.NoError(t, err)
		require.True(t, r.ok(), "%d %s", r.status, r.body)
	}
	w.logf("all is answered")
	w.settle(2 * time.Minute)
	w.logf("settled")
	w.requireNothingSilent(t)
	w.ledger.do(func() { require.Zero(t, w.ledger.statuses[http.StatusServiceUnavailable], "answers of 503") })
	require.Zero(t, w.balance("a snooze that ended more or less than once"), "duplicates without a killed worker")
	require.Equal(t, int(w.ledger.posted.Load()), row[int](w, `SELECT count(*) FROM messages`)-len(conversations),
		"messages that were answered, against those that there are beside the first")
	require.Equal(t, row[int](w, `SELECT count(*) FROM messages`), row[int](w, `SELECT count(*) FROM (SELECT DISTINCT conversation_id,
		version FROM events WHERE type IN ('message.received', 'message.sent')) versions`), "each message has a version of its own")
	for _, id := range conversations {
		// A version that two transactions have made is there twice, each with its time (P1.3).
		versions := rows[int64](w, `SELECT version FROM (SELECT version, created_at FROM events WHERE conversation_id = $1
			UNION SELECT version, created_at FROM conversation_timeline WHERE conversation_id = $1) made ORDER BY version`, id)
		last := row[int64](w, `SELECT version FROM conversations WHERE id = $1`, id)
		require.Greater(t, last, int64(rounds*10), "the writers changed it")
		require.Len(t, versions, int(last), "versions, each made once")
		require.Equal(t, []int64{1, last}, []int64{versions[0], versions[last-1]}, "versions without gap")
		requireRising(t, in.Accepted(), id, last)
	}
}

// Creations and changes that bring several new tags at once, in opposite orders, make them in one order: transactions
// do not wait for each other in a circle (P1.2). PostgreSQL resolves such a circle and counts it, and the API would
// try again; so only its count shows it.
func TestNewTagsInOppositeOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// A tag takes its time, so that the writer beside has begun with the other end.
	w.exec(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$`)
	w.exec(`CREATE TRIGGER dawdle BEFORE INSERT ON tags FOR EACH ROW EXECUTE FUNCTION dawdle()`)
	api := w.startAPI()
	const writers = 8
	var conversations []uuid.UUID
	for i := range writers {
		id, err := w.writer(-1).create(t.Context(), fmt.Sprintf("tagged-%d", i))
		require.NoError(t, err)
		conversations = append(conversations, id)
	}
	for round := range sized(12, 200) {
		var tags []string
		for i := range 10 {
			tags = append(tags, fmt.Sprintf("round-%d-%d", round, i))
		}
		group, ctx := errgroup.WithContext(t.Context())
		for i := range writers {
			mine := slices.Clone(tags)
			if i%2 == 1 {
				slices.Reverse(mine)
			}
			group.Go(func() error {
				c := w.writer(i)
				if i < writers/2 {
					return c.expect(ctx, http.MethodPatch, "/v1/conversations/"+conversations[i].String(), object{"tags": mine})
				}
				body := order(fmt.Sprintf("order-%d-%d", round, i), i)
				body["tags"] = mine
				return c.expect(ctx, http.MethodPost, "/v1/conversations/outbound", body)
			})
		}
		require.NoError(t, group.Wait())
	}
	require.Equal(t, 2+10*sized(12, 200), row[int](w, `SELECT count(*) FROM tags`))
	api.kill() // its connections tell what they have counted when they end
	eventually(t, time.Minute, "its connections have ended", func() bool {
		return row[int](w, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = $1`, api.name()) == 0
	})
	require.Zero(t, row[int](w, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`), "deadlocks")
}

// requireRising checks that a conversation's events arrived in the order in which they happened.
func requireRising(t *testing.T, arrived []inbox.Delivery, id uuid.UUID, last int64) {
	t.Helper()
	var before inbox.Delivery
	for _, d := range arrived {
		if d.Data.Conversation.ID != id {
			continue
		}
		at, was := d.Data.Conversation.Version, before.Data.Conversation.Version
		inOrder := at == was+1 || at == was && d.ID > before.ID
		require.True(t, inOrder, "version %d, event %s arrived after version %d, event %s", at, d.ID, was, before.ID)
		before = d
	}
	require.Equal(t, last, before.Data.Conversation.Version)
}

// change makes one change to some of the conversations, in an order of its own, as an agent who has selected them
// would: by a call for each, or by one for all, which with an Idempotency-Key is a single transaction.
func (c *writer) change(ctx context.Context, conversations, agents []uuid.UUID) error {
	conversations = slices.Clone(conversations)
	c.rng.Shuffle(len(conversations), func(i, j int) {
		conversations[i], conversations[j] = conversations[j], conversations[i]
	})
	tags := slices.Clone(writersTags)
	if c.rng.IntN(2) == 0 {
		slices.Reverse(tags)
	}
	if how := c.rng.IntN(4); how < 2 {
		some := conversations[:2+c.rng.IntN(len(conversations)-1)]
		return c.changeInBulk(ctx, append(some, some[0]), how == 0, tags[0], agents)
	}
	change := c.rng.IntN(6)
	for _, id := range conversations {
		if err := c.changeOne(ctx, "/v1/conversations/"+id.String(), change, tags, agents); err != nil {
			return err
		}
	}
	return nil
}

// changeInBulk makes one of all changes that there are in bulk, but for archiving, after which there is no other.
func (c *writer) changeInBulk(ctx context.Context, ids []uuid.UUID, whole bool, tag string, agents []uuid.UUID) error {
	body := []object{
		{"action": "resolve"}, {"action": "reopen"}, {"action": "unsnooze"},
		{"action": "snooze", "until": c.later()},
		{"action": "assign", "assigneeId": agents[c.rng.IntN(len(agents))]},
		{"action": "addTag", "tag": tag}, {"action": "removeTag", "tag": tag},
	}[c.rng.IntN(7)]
	body["ids"] = ids
	call := c.call
	if whole {
		call = c.once
	}
	r, err := call(ctx, http.MethodPost, "/v1/conversations/bulk", body)
	if err != nil {
		return err
	}
	var answer struct {
		Data []struct {
			ID      uuid.UUID
			Version *int64
			Error   *struct{ Code string }
		}
	}
	if err := json.Unmarshal(r.body, &answer); err != nil || !r.ok() {
		return fmt.Errorf("bulk %v: %d %s", body, r.status, r.body)
	}
	if len(answer.Data) != len(ids)-1 {
		return fmt.Errorf("bulk %v: %d results for %d conversations", body, len(answer.Data), len(ids)-1)
	}
	for i, result := range answer.Data {
		if result.ID != ids[i] || result.Version == nil && (result.Error == nil || result.Error.Code != "INVALID_TRANSITION") {
			return fmt.Errorf("bulk %v: %s", body, r.body)
		}
	}
	return nil
}

// later is a time for a snooze that does not end while the test runs.
func (c *writer) later() string {
	return time.Now().Add(time.Hour + time.Duration(c.rng.IntN(3600))*time.Second).UTC().Format(time.RFC3339)
}

// changeOne makes one change to a conversation: a sequence of tags, or one of a pair of opposites. That the conversation
// is not in the state for it is an answer.
func (c *writer) changeOne(ctx context.Context, path string, change int, tags []string, agents []uuid.UUID) error {
	either := func(one, other string) string {
		if c.rng.IntN(2) == 0 {
			return one
		}
		return other
	}
	switch change {
	case 0: // a few tags, in the one order or the other
		method := either(http.MethodPut, http.MethodDelete)
		for _, tag := range tags[:1+c.rng.IntN(3)] {
			if err := c.expect(ctx, method, path+"/tags/"+tag, nil); err != nil {
				return err
			}
		}
		return nil
	case 5: // several at once, in the one order or the other
		return c.expect(ctx, http.MethodPatch, path, object{"tags": tags[:2+c.rng.IntN(4)]})
	case 1:
		return c.expect(ctx, http.MethodPost, path+"/assign", object{"assigneeId": agents[c.rng.IntN(len(agents))]})
	case 2:
		if either("snooze", "unsnooze") == "unsnooze" {
			return c.expect(ctx, http.MethodPost, path+"/unsnooze", nil)
		}
		return c.expect(ctx, http.MethodPost, path+"/snooze", object{"until": c.later()})
	case 3:
		return c.expect(ctx, http.MethodPost, path+"/"+either("resolve", "reopen"), nil)
	default:
		r, err := c.call(ctx, http.MethodPost, path+"/messages",
			object{"text": "Still here.", "direction": either("inbound", "outbound")})
		if err == nil && r.status != http.StatusCreated {
			err = fmt.Errorf("message: %d %s", r.status, r.body)
		}
		c.w.ledger.posted.Add(1)
		return err
	}
}

func (c *writer) expect(ctx context.Context, method, path string, body any) error {
	r, err := c.call(ctx, method, path, body)
	if err == nil && !r.ok() && (r.status != http.StatusConflict || r.field("error", "code") != "INVALID_TRANSITION") {
		err = fmt.Errorf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return err
}
