package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
)

// Result is what came of one attempt and what it makes of the delivery.
type Result struct {
	Delivery  Delivery
	StartedAt time.Time
	Duration  time.Duration
	Status    int // HTTP status, 0 if there was no answer
	Class     string
	Error     string
	Excerpt   string

	State   DeliveryState // delivered, failed, or pending for another attempt
	DueAt   time.Time     // pending: when
	Failure string        // failed: why for good, upper snake
	Counted bool          // false for a failure on our side, which is not the endpoint's (P5.6)
	Disable string        // not empty: disable the subscription at once, for this reason
	Probe   bool          // of an open circuit
	Jitter  float64       // in [-1, 1], for the next probe

	attempt uuid.UUID // the attempt's id, from the first try to record it on
}

func (r Result) failed() bool { return r.Counted && r.State != DeliveryDelivered }

// RecordOutcomes writes the outcomes of a claim in one transaction (P4.3): the attempts, the deliveries' new state as far as the
// owner still holds their leases, the endpoints' health (P5), and, where more attempts are owed sooner than a
// subscription's retry workflow is armed for, one outbox row for it. A crash before it leaves the leases to run out, and
// the deliveries are sent again under the same webhook-id. After an error it may be called again with the same slice: if
// all that was lost is the answer of the commit, nothing is recorded, or held against an endpoint, a second time.
func (s *Store) RecordOutcomes(ctx context.Context, owner uuid.UUID, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	if recorded, err := s.isRecorded(ctx, results[0]); recorded || err != nil {
		return err
	}
	for i := range results {
		if results[i].attempt == uuid.Nil {
			results[i].attempt = ident.New()
		}
	}
	var marks []string
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		// The lock also keeps a retry workflow from ending, or arming for later, before this commits (P4.7).
		troubled, err := lockSubscriptions(tx, failingIn(results))
		if err != nil {
			return err
		}
		healed, poke := applyCircuit(troubled, results)
		wellAgain, err := recordStates(ctx, tx, owner, results, troubled)
		if err != nil {
			return err
		}
		if marks, err = resumeDeliveries(ctx, tx, append(healed, wellAgain...), time.Now()); err != nil {
			return err
		}
		if err := saveHealth(ctx, tx, troubled); err != nil {
			return err
		}
		pokes, err := signalRetries(ctx, tx, results, troubled, poke)
		marks = append(append(marks, pokes...), failingNotices(troubled, poke)...)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Delivery.Ordered { // the next one of its conversation may go (P4.5)
			marks = append(marks, outbox.TopicDeliveries(r.Delivery.Shard))
		}
	}
	s.db.Wakeups.Mark(marks...)
	return nil
}

// isRecorded tells whether the batch of a result that somebody tried to record before was recorded: all of it, or nothing.
func (s *Store) isRecorded(ctx context.Context, r Result) (is bool, err error) {
	if r.attempt == uuid.Nil {
		return false, nil // nobody tried
	}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT EXISTS (SELECT FROM attempts WHERE id = ? AND tenant_id = ?)`,
		r.attempt, r.Delivery.TenantID).Scan(&is).Error
	return is, postgres.Translate(err)
}

// failingNotices tell consoles of webhooks whose circuit has opened, or which were switched off.
func failingNotices(troubled []Subscription, opened []uuid.UUID) (topics []string) {
	for _, sub := range troubled {
		if slices.Contains(opened, sub.ID) || !sub.IsActive {
			topics = append(topics, feed.Notice(sub.TenantID, feed.NoticeWebhook, sub.ID, 0))
		}
	}
	return topics
}

// failingIn are the subscriptions whose health the results put in question: those with a failure.
func failingIn(results []Result) []uuid.UUID {
	var ids []uuid.UUID
	for _, r := range results {
		if (r.failed() || r.Disable != "" || r.Probe) && !slices.Contains(ids, r.Delivery.SubscriptionID) {
			ids = append(ids, r.Delivery.SubscriptionID)
		}
	}
	return ids
}

// applyCircuit lets the circuits of the troubled subscriptions see the results, in the order in which they came. It returns
// those, as they were before, whose circuit closed, and the ids of those whose retry workflow must hear of it.
func applyCircuit(troubled []Subscription, results []Result) (healed []Subscription, poke []uuid.UUID) {
	inOrder := slices.Clone(results)
	slices.SortStableFunc(inOrder, func(a, b Result) int {
		return a.StartedAt.Add(a.Duration).Compare(b.StartedAt.Add(b.Duration))
	})
	for i := range troubled {
		sub := &troubled[i]
		before, state := *sub, sub.circuit()
		for _, r := range inOrder {
			if r.Delivery.SubscriptionID != sub.ID {
				continue
			}
			at := r.StartedAt.Add(r.Duration)
			switch {
			case r.State == DeliveryDelivered:
				state = state.Succeed()
			case r.failed():
				state = state.Fail(r.Delivery.ID, r.Probe, at, r.Jitter)
			case r.Probe: // our own fault: no news of the endpoint
				state = state.Postpone(at, r.Jitter)
			}
			if r.Probe {
				sub.LastProbe = &r.Delivery.ID
			}
			if r.Disable != "" && sub.IsActive {
				sub.IsActive, sub.DisabledReason = false, &r.Disable
			}
			if reason := disabledFailing; sub.IsActive && state.GivenUp(at) {
				sub.IsActive, sub.DisabledReason = false, &reason
			}
		}
		sub.setCircuit(state)
		switch {
		case before.circuit().Open() && !state.Open():
			healed = append(healed, before)
		case !before.circuit().Open() && state.Open():
			poke = append(poke, sub.ID) // it has probes to make
		}
	}
	return healed, poke
}

// recordStates writes attempts and states in one statement. Subscriptions that had only successes, and had been failing,
// are well again with it; those whose circuit closed so are returned as they were before.
func recordStates(
	ctx context.Context, tx *gorm.DB, owner uuid.UUID, results []Result, troubled []Subscription,
) ([]Subscription, error) {
	byID := func(a, b Result) int { return slices.Compare(a.Delivery.ID[:], b.Delivery.ID[:]) }
	least, greatest := slices.MinFunc(results, byID).Delivery.ID, slices.MaxFunc(results, byID).Delivery.ID
	var st postgres.Statement
	st.With("result", `SELECT * FROM `+unnestResults(&st, results))
	st.With("attempt", `INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms,
			status, class, error, excerpt)
		SELECT attempt_id, tenant_id, id, subscription_id, number, started_at, duration_ms, status, class, error, excerpt FROM result`)
	// The bounds let the planner leave out the other partitions.
	st.With("recorded", `UPDATE deliveries d SET state = r.state, attempts = d.attempts + r.counted::int, failure = r.failure,
			due_at = CASE WHEN r.state = 'pending' THEN r.due_at ELSE d.due_at END,
			first_attempt_at = coalesce(d.first_attempt_at, CASE WHEN r.counted THEN r.started_at END),
			finished_at = CASE WHEN r.state <> 'pending' THEN clock_timestamp() END, leased_until = NULL, lease_owner = NULL
		FROM result r WHERE d.id = r.id AND d.id >= `+st.Arg(least)+` AND d.id <= `+st.Arg(greatest)+`
			AND d.lease_owner = `+st.Arg(owner)+` AND d.state IN ('leased', 'pending')`)
	st.With("ailing", `SELECT id, tenant_id, shard, circuit_opened_at FROM subscriptions
		WHERE id = ANY(`+st.Arg(wellIn(results, troubled))+`::uuid[]) AND failures > 0 FOR NO KEY UPDATE`)
	st.With("well", `UPDATE subscriptions s SET failures = 0, failing = '{}', failing_since = NULL, circuit_opened_at = NULL,
			probes = 0, next_probe_at = NULL FROM ailing a WHERE s.id = a.id`)
	rows, err := st.Query(ctx, tx, `SELECT id, tenant_id, shard, circuit_opened_at FROM ailing`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var well []Subscription
	for rows.Next() {
		var sub Subscription
		if err := rows.Scan(&sub.ID, &sub.TenantID, &sub.Shard, &sub.CircuitOpenedAt); err != nil {
			return nil, err
		}
		well = append(well, sub)
	}
	return well, rows.Err()
}

// wellIn are the subscriptions that had successes and no failure.
func wellIn(results []Result, troubled []Subscription) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, r := range results {
		id := r.Delivery.SubscriptionID
		isTroubled := slices.ContainsFunc(troubled, func(s Subscription) bool { return s.ID == id })
		if r.State == DeliveryDelivered && !isTroubled && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// unnestResults passes the results as columns.
func unnestResults(st *postgres.Statement, results []Result) string {
	n := len(results)
	ids, subs, tenants, attempts := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	states, failures, counted := make([]string, n), make([]*string, n), make([]bool, n)
	dues, starts := make([]time.Time, n), make([]time.Time, n)
	numbers, durations, statuses := make([]int32, n), make([]int32, n), make([]*int32, n)
	classes, errs, excerpts := make([]string, n), make([]*string, n), make([]*string, n)
	for i, r := range results {
		d := r.Delivery
		ids[i], subs[i], tenants[i], attempts[i] = d.ID, d.SubscriptionID, d.TenantID, r.attempt
		states[i], failures[i], counted[i] = string(r.State), postgres.OrNull(r.Failure), r.Counted
		dues[i], starts[i] = r.DueAt, r.StartedAt
		numbers[i] = int32(d.Attempts + 1)                            //nolint:gosec // small
		durations[i] = int32(min(r.Duration.Milliseconds(), 1<<31-1)) //nolint:gosec // bounded
		classes[i], errs[i], excerpts[i] = r.Class, postgres.OrNull(r.Error), postgres.OrNull(r.Excerpt)
		if r.Status != 0 {
			status := int32(r.Status) //nolint:gosec // three digits
			statuses[i] = &status
		}
	}
	return `unnest(` + st.Arg(ids) + `::uuid[], ` + st.Arg(subs) + `::uuid[], ` + st.Arg(tenants) + `::uuid[], ` +
		st.Arg(states) + `::text[], ` + st.Arg(counted) + `::bool[], ` + st.Arg(failures) + `::text[], ` +
		st.Arg(dues) + `::timestamptz[], ` + st.Arg(starts) + `::timestamptz[], ` + st.Arg(attempts) + `::uuid[], ` +
		st.Arg(numbers) + `::int[], ` + st.Arg(durations) + `::int[], ` + st.Arg(statuses) + `::int[], ` +
		st.Arg(classes) + `::text[], ` + st.Arg(errs) + `::text[], ` + st.Arg(excerpts) + `::text[])
		u (id, subscription_id, tenant_id, state, counted, failure, due_at, started_at, attempt_id, number, duration_ms,
			status, class, error, excerpt)`
}

// signalRetries leaves one outbox row for each subscription whose retry workflow must wake earlier than it is armed for,
// or whose circuit has just opened.
func signalRetries(
	ctx context.Context, tx *gorm.DB, results []Result, troubled []Subscription, opened []uuid.UUID,
) (marks []string, err error) {
	for _, sub := range troubled {
		var due *time.Time
		for _, r := range results {
			owes := r.Delivery.SubscriptionID == sub.ID && r.failed() && r.State == DeliveryPending
			if owes && (due == nil || r.DueAt.Before(*due)) {
				due = &r.DueAt
			}
		}
		isNew := slices.Contains(opened, sub.ID)
		if isNew {
			due = sub.NextProbeAt
		}
		if due == nil || !isNew && sub.RetryArmedFor != nil && !due.Before(*sub.RetryArmedFor) {
			continue
		}
		_, err := tx.Statement.ConnPool.ExecContext(ctx, `
			INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
			VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp())`,
			sub.TenantID, outbox.Retry, sub.ID, outbox.PriorityRetry, due)
		if err != nil {
			return nil, err
		}
		marks = []string{outbox.Topic}
	}
	return marks, nil
}
