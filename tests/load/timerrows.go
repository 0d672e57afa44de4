package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// madeVersion is the version of the conversations that are made in bulk.
const madeVersion = 2

const day = 24 * time.Hour

// clockTargets are those of the run's policy: only the first reply is due before ten days are over.
func clockTargets() map[sla.Metric]sla.Targets {
	days := func(normal, high, urgent float64) sla.Targets {
		seconds := func(d float64) int64 { return int64(d * day.Seconds()) }
		return sla.Targets{Normal: seconds(normal), High: seconds(high), Urgent: seconds(urgent)}
	}
	return map[sla.Metric]sla.Targets{
		sla.FirstReply: days(2, 4, 6), sla.AllMessages: days(10, 12, 14), sla.Resolution: days(20, 25, 30),
	}
}

// policy makes a policy with all three metrics for everything the tenant has; none without --sla.
func (b *bench) policy(ctx context.Context) (*wire.SLAPolicy, error) {
	if b.p.SLA == 0 {
		return nil, nil
	}
	p, err := b.store.Worktime.CreateSLAPolicy(ctx, b.tenant, worktime.NewSLAPolicy{Name: "Load", Targets: clockTargets()})
	if err != nil {
		return nil, err
	}
	_, err = b.store.Worktime.CreateSLAAssignment(ctx, b.tenant, worktime.NewSLAAssignment{PolicyID: p.ID})
	return &p, err
}

// timerRow is a conversation that waits for something.
type timerRow struct {
	key                          string
	kind                         string // of what is next
	due                          time.Time
	status                       string
	snoozedUntil, opened, slaDue *time.Time
	slaState                     *string
	clocks                       []sla.Clock
	created                      time.Time
}

// timerRowMaker makes the rows of a run.
type timerRowMaker struct {
	share       float64
	policy      *wire.SLAPolicy
	timeVersion int64
	now         time.Time
}

// row is the i-th conversation, in which something is due at the given time. Of those with clocks, every other one is
// due for a warning, and in the others what is left is the breach, if they are due in the window.
func (m *timerRowMaker) row(ctx context.Context, i int, due time.Time, pending bool) timerRow {
	r := timerRow{key: fmt.Sprintf("load-timer-%d", i), due: due, created: m.now}
	nth := int(float64(i+1) * m.share)
	if nth == int(float64(i)*m.share) {
		r.kind, r.status, r.snoozedUntil, r.clocks = "wake", "snoozed", &r.due, []sla.Clock{}
		return r
	}
	targets := clockTargets()[sla.FirstReply]
	r.kind, r.status, r.created = "warning", "active", due.Add(-time.Duration(targets.Normal)*time.Second)
	if nth%2 == 0 && !pending {
		r.kind, r.created = "breach", due.Add(-time.Duration(targets.Urgent)*time.Second)
	}
	board := m.clocks(ctx, r.created)
	r.opened, r.clocks, r.slaDue = &r.created, board.Clocks(), board.NextDue()
	state := string(board.Worst())
	r.slaState = &state
	return r
}

// operations are what must arrive at the receiver when the row is due. The first has the row's kind, a second stands for the
// tripwire that is told beside it.
func (r timerRow) operations(made time.Time) []operation {
	o := operation{key: r.key, kind: r.kind, intended: r.due.UnixNano(), status: 201, answered: made.UnixNano()}
	ops := []operation{o}
	for _, event := range eventsOf[r.kind][1:] {
		o.key, o.kind = r.key+"/"+event, ""
		ops = append(ops, o)
	}
	return ops
}

// clocks are those of a conversation that a customer began at a time.
func (m *timerRowMaker) clocks(ctx context.Context, created time.Time) *sla.Board {
	targets := clockTargets()
	terms := func(metric sla.Metric) (sla.Terms, bool) {
		return sla.Terms{PolicyID: m.policy.ID, PolicyName: m.policy.Name, Targets: targets[metric]}, true
	}
	board := sla.Open(ctx, sla.Progress{}, nil, m.timeVersion, terms, created)
	board.On(lifecycle.Fact{Kind: lifecycle.Created}, created)
	board.On(lifecycle.Fact{Kind: lifecycle.MessageReceived}, created)
	board.Advance(m.now)
	return board
}

// timerRows makes the conversations with their outbox rows in one transaction: what the write path leaves behind, less the
// events and the timeline, which do not matter here. It returns what is due in the window, earliest first.
func (b *bench) timerRows(ctx context.Context, policy *wire.SLAPolicy) ([]operation, error) {
	total := b.p.N + b.p.Pending
	progress("making %d conversations, the first of which is due in %s", total, b.p.Lead)
	m := timerRowMaker{share: b.p.SLA, policy: policy, now: time.Now().UTC().Truncate(time.Microsecond)}
	ops := make([]operation, 0, b.p.N)
	err := pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		var next int64
		err := tx.QueryRow(ctx, `UPDATE conversation_numbers n SET next = n.next + $2 FROM tenants t
			WHERE n.tenant_id = $1 AND t.id = n.tenant_id RETURNING n.next, t.time_version`, b.tenant, total).Scan(&next, &m.timeVersion)
		if err != nil {
			return err
		}
		contact := uuid.Must(uuid.NewV7())
		_, err = tx.Exec(ctx, `INSERT INTO contacts (tenant_id, id, name, email, created_at, updated_at)
			VALUES ($1, $2, 'Load Customer', 'timers@customers.example', $3, $3)`, b.tenant, contact, m.now)
		if err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"conversations"}, []string{
			"tenant_id", "id", "chain_id", "number", "external_reference", "subject", "channel", "status", "engagement",
			"contact_id", "snoozed_until", "next_due_at", "version", "created_at", "updated_at", "opened_at", "waiting_since",
			"clocks", "time_version", "sla_state", "sla_due_at",
		}, pgx.CopyFromSlice(total, func(i int) ([]any, error) {
			due, pending := m.now.Add(b.p.Lead+b.p.Window*time.Duration(i)/time.Duration(b.p.N)), i >= b.p.N
			if pending {
				due = m.now.Add(day + time.Duration(i)*10*time.Millisecond)
			}
			r := m.row(ctx, i, due, pending)
			if !pending {
				ops = append(ops, r.operations(m.now)...)
			}
			clocks, err := json.Marshal(r.clocks)
			id := uuid.Must(uuid.NewV7())
			return []any{
				[16]byte(b.tenant), [16]byte(id), [16]byte(id), next - int64(total-i), r.key, "Where is my order?", "email",
				r.status, "pending", [16]byte(contact), r.snoozedUntil, r.due, int64(madeVersion), r.created, m.now, r.opened,
				r.opened, clocks, m.timeVersion, r.slaState, r.slaDue,
			}, err
		}))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at, sla_state)
			SELECT tenant_id, id, status, updated_at, sla_state FROM conversations WHERE tenant_id = $1`, b.tenant)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO outbox (tenant_id, kind, target_id, status, priority, due_at, available_at, created_at)
			SELECT tenant_id, 'conversation', id, status, 2, next_due_at, $2, $2 FROM conversations WHERE tenant_id = $1
			ORDER BY next_due_at`, b.tenant, m.now)
		return err
	})
	return ops, err
}
