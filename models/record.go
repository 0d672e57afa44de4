package models

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
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
	Counted bool          // false for a failure on our side, which uses up none of the endpoint's retries (P5.6)
	Disable string        // not empty: disable the subscription at once, for this reason
}

// Record writes the outcomes of a claim in one transaction (P4.3): the attempts, the deliveries' new state as far as the
// owner still holds their leases, and, where more attempts are owed sooner than a subscription's retry workflow is armed
// for, one outbox row for it. A crash before it leaves the leases to run out, and the deliveries are sent again under the same
// webhook-id: the only source of duplicates.
func (s *Store) Record(ctx context.Context, owner uuid.UUID, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	n := len(results)
	ids, subs, tenants := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	states, failures, counted := make([]string, n), make([]*string, n), make([]bool, n)
	dues, starts := make([]time.Time, n), make([]time.Time, n)
	attempts, numbers, durations, statuses := make([]uuid.UUID, n), make([]int32, n), make([]int32, n), make([]*int32, n)
	classes, errs, excerpts := make([]string, n), make([]*string, n), make([]*string, n)
	disable, reasons := []uuid.UUID{}, []string{}
	least, greatest := results[0].Delivery.ID, results[0].Delivery.ID
	for i, r := range results {
		d := r.Delivery
		if less(d.ID, least) {
			least = d.ID
		}
		if less(greatest, d.ID) {
			greatest = d.ID
		}
		ids[i], subs[i], tenants[i], states[i], counted[i] = d.ID, d.SubscriptionID, d.TenantID, string(r.State), r.Counted
		failures[i], dues[i], starts[i] = orNull(r.Failure), r.DueAt, r.StartedAt
		attempts[i], numbers[i] = ident.New(), int32(d.Attempts+1)    //nolint:gosec // small
		durations[i] = int32(min(r.Duration.Milliseconds(), 1<<31-1)) //nolint:gosec // bounded
		classes[i], errs[i], excerpts[i] = r.Class, orNull(r.Error), orNull(r.Excerpt)
		if r.Status != 0 {
			status := int32(r.Status) //nolint:gosec // three digits
			statuses[i] = &status
		}
		if r.Disable != "" {
			disable, reasons = append(disable, d.SubscriptionID), append(reasons, r.Disable)
		}
	}
	var st statement
	st.with("result", `SELECT * FROM unnest(`+st.arg(ids)+`::uuid[], `+st.arg(subs)+`::uuid[], `+st.arg(tenants)+`::uuid[], `+
		st.arg(states)+`::text[], `+st.arg(counted)+`::bool[], `+st.arg(failures)+`::text[], `+st.arg(dues)+`::timestamptz[], `+
		st.arg(
			starts,
		)+`::timestamptz[], `+st.arg(attempts)+`::uuid[], `+st.arg(numbers)+`::int[], `+st.arg(durations)+`::int[], `+
		st.arg(statuses)+`::int[], `+st.arg(classes)+`::text[], `+st.arg(errs)+`::text[], `+st.arg(excerpts)+`::text[])
		u (id, subscription_id, tenant_id, state, counted, failure, due_at, started_at, attempt_id, number, duration_ms,
			status, class, error, excerpt)`)
	st.with(
		"attempt",
		`INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms, status, class, error, excerpt)
		SELECT attempt_id, tenant_id, id, subscription_id, number, started_at, duration_ms, status, class, error, excerpt FROM result`,
	)
	// The bounds let the planner leave out the other partitions.
	st.with("recorded", `UPDATE deliveries d SET state = r.state, attempts = d.attempts + r.counted::int, failure = r.failure,
			due_at = CASE WHEN r.state = 'pending' THEN r.due_at ELSE d.due_at END,
			first_attempt_at = coalesce(d.first_attempt_at, CASE WHEN r.counted THEN r.started_at END),
			finished_at = CASE WHEN r.state <> 'pending' THEN clock_timestamp() END, leased_until = NULL, lease_owner = NULL
		FROM result r WHERE d.id = r.id AND d.id >= `+st.arg(least)+` AND d.id <= `+st.arg(greatest)+`
			AND d.lease_owner = `+st.arg(owner)+` AND d.state IN ('leased', 'pending')
		RETURNING d.subscription_id, d.state, d.attempts, d.due_at`)
	st.with("disabled", `UPDATE subscriptions s SET is_active = false, disabled_reason = x.reason, updated_at = clock_timestamp()
		FROM unnest(`+st.arg(disable)+`::uuid[], `+st.arg(reasons)+`::text[]) x (id, reason) WHERE s.id = x.id AND s.is_active`)
	// The lock keeps a retry workflow from ending, or arming for later, between what is read here and the commit (P4.7).
	st.with("troubled", `SELECT id, tenant_id, retry_armed_for FROM subscriptions
		WHERE id IN (SELECT subscription_id FROM recorded WHERE state = 'pending' AND attempts > 0) FOR SHARE`)
	st.with("owed", `INSERT INTO outbox (tenant_id, kind, target_id, priority, due_at, available_at, created_at)
		SELECT t.tenant_id, `+st.arg(outboxRetry)+`::text, t.id, `+st.arg(priorityRetry)+`::smallint, r.due_at, clock_timestamp(), clock_timestamp()
		FROM troubled t JOIN (SELECT subscription_id, min(due_at) AS due_at FROM recorded WHERE state = 'pending' AND attempts > 0
			GROUP BY subscription_id) r ON r.subscription_id = t.id
		WHERE t.retry_armed_for IS NULL OR r.due_at < t.retry_armed_for RETURNING 1`)
	var owed int
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return st.row(ctx, tx, `SELECT count(*) FROM owed`, &owed)
	})
	if err == nil && owed > 0 {
		s.wakeups.Mark(TopicOutbox)
	}
	return err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func less(a, b uuid.UUID) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
