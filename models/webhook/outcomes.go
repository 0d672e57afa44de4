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

// Outcome is an attempt that was made, with what it makes of its delivery.
type Outcome struct {
	Delivery Delivery `gorm:"-"`
	Attempt
	Decision
	Probe  bool    `gorm:"-"` // of an open circuit
	Jitter float64 `gorm:"-"` // in [-1, 1], for the next probe
}

// isFailure tells whether the attempt is held against the endpoint.
func (o Outcome) isFailure() bool { return o.Counted && o.State != DeliveryDelivered }

// identify gives the attempt its identity, at the first try to record it.
func (o *Outcome) identify() {
	if o.ID != uuid.Nil {
		return
	}
	d := o.Delivery
	o.ID, o.TenantID, o.DeliveryID, o.SubscriptionID, o.Number = ident.New(), d.TenantID, d.ID, d.SubscriptionID, d.Attempts+1
}

// RecordOutcomes writes the outcomes of a claim in one transaction (P4.3): the attempts, the deliveries' new state as far as the
// owner still holds their leases, the endpoints' health (P5), and, where further attempts are due sooner than a
// subscription's retry workflow is armed for, one outbox row for it. A crash before it leaves the leases to run out, and
// the deliveries are sent again under the same webhook-id. After an error it may be called again with the same slice: if
// all that was lost is the answer of the commit, nothing is recorded, or held against an endpoint, a second time.
func (s *Store) RecordOutcomes(ctx context.Context, owner uuid.UUID, outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	if recorded, err := s.isRecorded(ctx, outcomes[0]); recorded || err != nil {
		return err
	}
	for i := range outcomes {
		outcomes[i].identify()
	}
	var topics []string
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		// The lock also keeps a retry workflow from ending, or arming for later, before this commits (P4.7).
		failing, err := lockSubscriptions(tx, failingIn(outcomes))
		if err != nil {
			return err
		}
		closed, opened := applyCircuit(failing, outcomes)
		recovered, err := recordStates(ctx, tx, owner, outcomes, failing)
		if err != nil {
			return err
		}
		if topics, err = resumeDeliveries(tx, append(closed, recovered...), time.Now()); err != nil {
			return err
		}
		if err := saveHealth(ctx, tx, failing); err != nil {
			return err
		}
		signalled, err := signalRetries(tx, outcomes, failing, opened)
		topics = append(append(topics, signalled...), failingNotices(failing, opened)...)
		return err
	})
	if err != nil {
		return postgres.Doing(err, "record %d outcomes", len(outcomes))
	}
	for _, o := range outcomes {
		if o.Delivery.Ordered { // the next one of its conversation may go (P4.5)
			topics = append(topics, outbox.TopicDeliveries(o.Delivery.Shard))
		}
	}
	s.db.Wakeups.Mark(topics...)
	return nil
}

// isRecorded tells whether the batch of an outcome that was tried to be recorded before was recorded: all of it, or nothing.
func (s *Store) isRecorded(ctx context.Context, o Outcome) (is bool, err error) {
	if o.ID == uuid.Nil {
		return false, nil // it is the first try
	}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT EXISTS (SELECT FROM attempts WHERE id = ? AND tenant_id = ?)`,
		o.ID, o.TenantID).Scan(&is).Error
	return is, postgres.Doing(err, "look for attempt %s", o.ID)
}

// failingNotices tell consoles of webhooks whose circuit has opened, or which were switched off.
func failingNotices(failing []Subscription, opened []uuid.UUID) (topics []string) {
	for _, sub := range failing {
		if slices.Contains(opened, sub.ID) || !sub.IsActive {
			topics = append(topics, feed.Notice(sub.TenantID, feed.NoticeWebhook, sub.ID, 0))
		}
	}
	return topics
}

// failingIn are the subscriptions whose health the outcomes put in question: those with a failure.
func failingIn(outcomes []Outcome) []uuid.UUID {
	var ids []uuid.UUID
	for _, o := range outcomes {
		if (o.isFailure() || o.Disable != "" || o.Probe) && !slices.Contains(ids, o.Delivery.SubscriptionID) {
			ids = append(ids, o.Delivery.SubscriptionID)
		}
	}
	return ids
}

// applyCircuit lets the circuits of the failing subscriptions see the outcomes, in the order in which they came. It returns
// those, as they were before, whose circuit closed, and the ids of those whose circuit opened.
func applyCircuit(failing []Subscription, outcomes []Outcome) (closed []Subscription, opened []uuid.UUID) {
	inOrder := slices.Clone(outcomes)
	slices.SortStableFunc(inOrder, func(a, b Outcome) int { return a.EndedAt().Compare(b.EndedAt()) })
	for i := range failing {
		sub := &failing[i]
		before, state := *sub, sub.circuit()
		for _, o := range inOrder {
			if o.Delivery.SubscriptionID != sub.ID {
				continue
			}
			at := o.EndedAt()
			switch {
			case o.State == DeliveryDelivered:
				state = state.Succeed()
			case o.isFailure():
				state = state.Fail(o.Delivery.ID, o.Probe, at, o.Jitter)
			case o.Probe: // our own fault: no news of the endpoint
				state = state.Postpone(at, o.Jitter)
			}
			if o.Probe {
				sub.LastProbe = &o.Delivery.ID
			}
			if o.Disable != "" && sub.IsActive {
				sub.IsActive, sub.DisabledReason = false, &o.Disable
			}
			if reason := disabledFailing; sub.IsActive && state.GivenUp(at) {
				sub.IsActive, sub.DisabledReason = false, &reason
			}
		}
		sub.setCircuit(state)
		switch {
		case before.circuit().Open() && !state.Open():
			closed = append(closed, before)
		case !before.circuit().Open() && state.Open():
			opened = append(opened, sub.ID) // its retry workflow has probes to make
		}
	}
	return closed, opened
}

// recordStates writes attempts and states in one statement. Subscriptions that had only successes, and had been failing,
// are well again with it; those whose circuit closed so are returned as they were before.
func recordStates(
	ctx context.Context, tx *gorm.DB, owner uuid.UUID, outcomes []Outcome, failing []Subscription,
) ([]Subscription, error) {
	byID := func(a, b Outcome) int { return slices.Compare(a.Delivery.ID[:], b.Delivery.ID[:]) }
	least, greatest := slices.MinFunc(outcomes, byID).Delivery.ID, slices.MaxFunc(outcomes, byID).Delivery.ID
	var st postgres.Statement
	st.With("outcome", `SELECT * FROM `+postgres.Rows(&st, outcomes))
	st.With("attempt", `INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms,
			status, class, error, excerpt)
		SELECT id, tenant_id, delivery_id, subscription_id, number, started_at, least(duration_ms, 2147483647),
			status, class, error, excerpt FROM outcome`)
	// The bounds let the planner leave out the other partitions.
	st.With("recorded", `UPDATE deliveries d SET state = o.state, attempts = d.attempts + o.counted::int, failure = o.failure,
			due_at = CASE WHEN o.state = 'pending' THEN o.due_at ELSE d.due_at END,
			first_attempt_at = coalesce(d.first_attempt_at, CASE WHEN o.counted THEN o.started_at END),
			finished_at = CASE WHEN o.state <> 'pending' THEN clock_timestamp() END, leased_until = NULL, lease_owner = NULL
		FROM outcome o WHERE d.id = o.delivery_id AND d.id >= `+st.Arg(least)+` AND d.id <= `+st.Arg(greatest)+`
			AND d.lease_owner = `+st.Arg(owner)+` AND d.state IN ('leased', 'pending')`)
	st.With("recovering", `SELECT id, tenant_id, shard, circuit_opened_at FROM subscriptions
		WHERE id = ANY(`+st.Arg(wellIn(outcomes, failing))+`::uuid[]) AND failures > 0 FOR NO KEY UPDATE`)
	st.With("well", `UPDATE subscriptions s SET failures = 0, failing = '{}', failing_since = NULL, circuit_opened_at = NULL,
			probes = 0, next_probe_at = NULL FROM recovering a WHERE s.id = a.id`)
	rows, err := st.Query(ctx, tx, `SELECT id, tenant_id, shard, circuit_opened_at FROM recovering`)
	if err != nil {
		return nil, postgres.Doing(err, "write attempts and states")
	}
	defer func() { _ = rows.Close() }()
	var well []Subscription
	for rows.Next() {
		var sub Subscription
		if err := rows.Scan(&sub.ID, &sub.TenantID, &sub.Shard, &sub.CircuitOpenedAt); err != nil {
			return nil, postgres.Doing(err, "read webhooks that are well again")
		}
		well = append(well, sub)
	}
	return well, postgres.Doing(rows.Err(), "write attempts and states")
}

// wellIn are the subscriptions that had successes and no failure.
func wellIn(outcomes []Outcome, failing []Subscription) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, o := range outcomes {
		id := o.Delivery.SubscriptionID
		hasFailed := slices.ContainsFunc(failing, func(s Subscription) bool { return s.ID == id })
		if o.State == DeliveryDelivered && !hasFailed && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// signalRetries leaves one outbox row for each subscription whose retry workflow must wake earlier than it is armed for,
// or whose circuit has just opened.
func signalRetries(
	tx *gorm.DB, outcomes []Outcome, failing []Subscription, opened []uuid.UUID,
) (topics []string, err error) {
	for _, sub := range failing {
		var due *time.Time
		for _, o := range outcomes {
			waits := o.Delivery.SubscriptionID == sub.ID && o.isFailure() && o.State == DeliveryPending
			if waits && (due == nil || o.DueAt.Before(*due)) {
				due = &o.DueAt
			}
		}
		isNew := slices.Contains(opened, sub.ID)
		if isNew {
			due = sub.NextProbeAt
		}
		if due == nil || !isNew && sub.RetryArmedFor != nil && !due.Before(*sub.RetryArmedFor) {
			continue
		}
		err := outbox.AddNow(tx, outbox.Entry{Kind: outbox.Retry, TenantID: sub.TenantID, TargetID: sub.ID, DueAt: due})
		if err != nil {
			return nil, err
		}
		topics = []string{outbox.Topic}
	}
	return topics, nil
}
