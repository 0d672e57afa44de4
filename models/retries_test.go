package models_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/webhook"
)

// owing makes a webhook whose first deliveries have all failed once, and are due again as given.
func (b *bench) owing(due ...time.Time) (uuid.UUID, []webhook.Delivery) {
	b.t.Helper()
	sub := b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	require.GreaterOrEqual(b.t, len(claimed), len(due))
	for i, d := range claimed {
		if i < len(due) {
			b.record(owner, failed(d, due[i]))
		} else {
			b.record(owner, delivered(d))
		}
	}
	return sub.ID, claimed[:len(due)]
}

// Regression: the worker that had claimed a retry was gone, the workflow slept until the next one that was pending, hours later,
// and nothing told it when the lease had run out (P4.4, P4.7).
func TestALeaseThatMayRunOutIsNotSleptThrough(t *testing.T) {
	b := setup(t)
	now := time.Now()
	sub, _ := b.owing(now.Add(-time.Second), now.Add(8*time.Hour))
	claimed, err := b.Webhooks.ClaimRetries(t.Context(), uuid.New(), sub, 10)
	require.NoError(t, err)
	require.Len(t, claimed, 1)

	st := b.arm(sub)
	require.Equal(t, 2, st.Pending)
	require.WithinRange(t, *st.NextDue, now, now.Add(time.Minute), "it looks again when the lease ends")
}

// Regression: the sweeper looked at what a workflow was armed for, and not at whether a retry waited all the same (P4.7).
func TestARetryThatIsLateIsSignalledWhateverItsWorkflowIsArmedFor(t *testing.T) {
	b := setup(t)
	sub, _ := b.owing(time.Now().Add(-time.Minute), time.Now().Add(8*time.Hour))
	b.exec(`UPDATE subscriptions SET retry_armed_for = now() + interval '8 hours'`)
	b.exec(`DELETE FROM outbox`)
	n, err := b.Webhooks.SignalLateRetries(t.Context(), 5*time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM outbox WHERE target_id = $1`, sub))

	n, err = b.Webhooks.SignalLateRetries(t.Context(), 5*time.Second)
	require.NoError(t, err)
	require.Zero(t, n, "it waits in the outbox already")
	b.exec(`UPDATE outbox SET kind = 'retrx'`) // of a newer version, or damaged
	n, err = b.Webhooks.SignalLateRetries(t.Context(), 5*time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "a row that tells its workflow nothing of retries does not stand in for one")
}

// Regression: a retry that had to wait for an earlier delivery of its conversation kept its workflow looking every second.
func TestARetryOutOfTurnWaitsForTheOneBeforeIt(t *testing.T) {
	b := setup(t)
	sub := b.subscribe(ordered)
	b.conversation("a")
	owner, now := uuid.New(), time.Now()
	var turn []webhook.Delivery
	for range 2 {
		for _, d := range b.claim(owner, 100) {
			if d.EventType == "contact.created" {
				b.record(owner, delivered(d))
				continue
			}
			turn = append(turn, d)
			b.record(owner, failed(d, now.Add(-time.Second)))
			b.exec(`UPDATE deliveries SET state = 'failed' WHERE id = $1`, d.ID) // finally: the next may go
		}
	}
	require.Len(t, turn, 2)
	b.exec(`UPDATE deliveries SET state = 'pending' WHERE id = $1`, turn[1].ID)

	b.exec(`UPDATE deliveries SET state = 'pending', due_at = now() + interval '3 hours' WHERE id = $1`, turn[0].ID)
	require.WithinDuration(t, now.Add(3*time.Hour), *b.arm(sub.ID).NextDue, time.Minute, "behind a retry it waits for that one")
	n, err := b.Webhooks.SignalLateRetries(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, n, "and the sweeper leaves it in peace")

	b.exec(`UPDATE deliveries SET attempts = 0, due_at = now() WHERE id = $1`, turn[0].ID)
	require.WithinRange(t, *b.arm(sub.ID).NextDue, now.Add(5*time.Second), time.Now().Add(11*time.Second),
		"behind a first attempt, which sends no signal, it looks again soon")
	b.exec(`UPDATE deliveries SET state = 'delivered' WHERE id = $1`, turn[0].ID)
	require.WithinRange(t, *b.arm(sub.ID).NextDue, now.Add(-2*time.Second), now, "now it is its turn")
}

// Regression: when the answer to a commit was lost, the outcomes were recorded once more, and failures counted double.
func TestOutcomesRecordedAgainCountOnce(t *testing.T) {
	b := setup(t)
	sub := b.subscribe()
	b.conversation("a")
	owner := uuid.New()
	claimed := b.claim(owner, 100)
	results := make([]webhook.Outcome, len(claimed))
	for i, d := range claimed {
		results[i] = failed(d, time.Now().Add(time.Hour))
	}
	for range 2 {
		require.NoError(t, b.Webhooks.RecordOutcomes(t.Context(), owner, results))
	}
	require.Equal(t, len(claimed), b.count(`SELECT count(*) FROM attempts`))
	require.Equal(t, len(claimed), b.count(`SELECT failures FROM subscriptions WHERE id = $1`, sub.ID))
	require.Equal(t, 1, b.count(`SELECT max(attempts) FROM deliveries`))
}

// cutter ends the connection of a transaction that commits, once: the answer is lost.
type cutter struct {
	b    *bench
	done bool
}

// TraceQueryStart implements pgx.QueryTracer.
func (c *cutter) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if data.SQL == "commit" && c.b != nil && !c.done {
		c.done = true
		c.b.exec(`SELECT pg_terminate_backend($1)`, conn.PgConn().PID())
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*cutter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Regression: a client was told that nothing had changed when that was unknown, and would have repeated a message.
func TestACommitWithoutAnAnswerIsNotCalledNothing(t *testing.T) {
	cut := &cutter{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = cut })
	c := b.conversation("a")
	cut.b = b
	_, err := b.Conversations.PostMessage(t.Context(), b.tenant.ID, c.ID, b.actor,
		conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")})
	p, ok := problem.As(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, problem.Unavailable, p.Kind)
	require.Equal(t, "unknown", p.Details["outcome"])
	require.Contains(t, p.Message, "it may have been made, or not")
}

// Regression: making next week's partitions waited for a dump to end, and all other transactions behind it.
func TestPartitionsAreNotWaitedForBehindAReader(t *testing.T) {
	b := setupAlone(t)
	last := time.Now().UTC().AddDate(0, 0, 21)
	year, week := last.ISOWeek()
	name := fmt.Sprintf("events_%dw%02d", year, week)
	b.exec(`DROP TABLE ` + name)
	reader, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback() }()
	_, err = reader.ExecContext(t.Context(), `LOCK TABLE events IN ACCESS SHARE MODE`)
	require.NoError(t, err)

	limited, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	require.ErrorContains(t, b.DB.EnsurePartitions(limited), "lock timeout")
	require.NoError(t, reader.Rollback())
	require.NoError(t, b.DB.EnsurePartitions(t.Context()))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM pg_class WHERE relname = $1`, name))
}
