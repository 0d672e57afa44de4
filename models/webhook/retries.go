package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/circuit"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// SignalLateRetries makes outbox rows for the subscriptions that have had something due for longer than the given time
// without their retry workflow having come (P4.7): it was lost, or is late. It returns how many.
func (s *Store) SignalLateRetries(ctx context.Context, by time.Duration) (int64, error) {
	var st postgres.Statement
	late := `clock_timestamp() - make_interval(secs => ` + st.Arg(by.Seconds()) + `)`
	n, err := outbox.SignalEach(ctx, s.db, &st, outbox.Retry, outbox.Each{
		Tenant: "s.tenant_id", Target: "s.id", DueAt: "s.retry_armed_for",
		From: `subscriptions s
			WHERE (s.retry_armed_for < ` + late + `
				OR s.retry_armed_for IS NULL AND s.circuit_opened_at IS NOT NULL AND s.is_active
				OR s.circuit_opened_at IS NULL AND EXISTS (SELECT FROM deliveries d WHERE d.subscription_id = s.id
					AND d.state = 'pending' AND d.attempts > 0 AND d.due_at < ` + late + ` AND ` + inTurnSQL + `))
				AND EXISTS (SELECT FROM tenants t WHERE t.id = s.tenant_id AND t.webhooks_enabled)
				AND ` + outbox.NoneFor(outbox.Retry, "s.id"),
	})
	return n, postgres.Doing(err, "signal late retries")
}

// RetryState is what is pending of a subscription beyond first attempts; everything, while its circuit is open.
type RetryState struct {
	Endpoint Endpoint
	Circuit  circuit.State
	Pending  int        // deliveries with a failed attempt, waiting or leased; with an open circuit all that wait
	NextDue  *time.Time // the earliest of those waiting, or end of a lease; with an open circuit the next probe; nil: nothing
	Failures []Failure  // the last few, newest first
	// MovedTo is the id of the subscription's retry workflow, if it is another than that of the one that asked (P12.3); all else
	// is that one's then.
	MovedTo string
}

// Failure is one failed attempt, as an operator reads it.
type Failure struct {
	StartedAt time.Time
	Status    *int
	Class     string
	Error     *string
}

// ArmRetries reads, under the subscription's lock, what is pending, and notes what its retry workflow is armed for from now
// on: a workflow that ends upon "nothing" cannot miss a failure that is recorded at the same time, because that one
// leaves an outbox row (P4.7). Of a subscription that is off nothing is pending: it is cancelled. A workflow whose id is
// not the subscription's any more is told so, and the current one signalled (P12.3). The id is that of the one that asks; ""
// for a caller that stands for it. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Store) ArmRetries(ctx context.Context, subscription uuid.UUID, workflow string) (RetryState, error) {
	st, sub, err := s.armRetries(ctx, subscription, workflow)
	if st.MovedTo != "" && err == nil {
		s.db.Wake(ctx, outbox.Topic)
		return st, nil
	}
	if err == nil && (!st.Endpoint.On || sub.CancelBefore != nil) {
		var cancelled int64
		cancelled, err = s.cancelAllPending(ctx, sub)
		if err == nil && cancelled > 0 && st.Endpoint.On { // of what was counted
			st, _, err = s.armRetries(ctx, subscription, workflow)
		}
	}
	if err != nil || st.NextDue == nil {
		return st, postgres.Doing(err, "arm the retries of webhook %s", subscription)
	}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT a.started_at, a.status, a.class, a.error FROM attempts a
		WHERE a.subscription_id = ? AND a.class <> 'ok' ORDER BY a.id DESC LIMIT 3`, subscription).Scan(&st.Failures).Error
	return st, postgres.Doing(err, "read the failures of webhook %s", subscription)
}

// armRetries is the transaction of ArmRetries.
func (s *Store) armRetries(
	ctx context.Context, subscription uuid.UUID, workflow string,
) (st RetryState, sub Subscription, err error) {
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		st, sub = RetryState{}, Subscription{}
		err := tx.Raw(withTenantSQL+` WHERE s.id = ? FOR NO KEY UPDATE OF s`, subscription).Take(&sub).Error
		if err != nil {
			return postgres.NotFound(err, "webhook", subscription)
		}
		if current := durable.RetryID(sub.tenant(), sub.endpoint()); workflow != "" && workflow != current {
			st.MovedTo = current
			now := time.Now()
			return outbox.AddNow(tx, outbox.Entry{Kind: outbox.Retry, TenantID: sub.TenantID, TargetID: sub.ID, DueAt: &now})
		}
		if st.Endpoint, err = s.endpoint(sub, time.Now()); err != nil {
			return err
		}
		st.Circuit = sub.circuit()
		if st.Endpoint.On {
			err = countPending(ctx, tx, &st)
		}
		if err != nil || wire.SameTime(st.NextDue, sub.RetryArmedFor) {
			return postgres.Doing(err, "count pending retries")
		}
		err = tx.Exec(`UPDATE subscriptions SET retry_armed_for = ? WHERE id = ?`, st.NextDue, subscription).Error
		return postgres.Doing(err, "note what the retry workflow is armed for")
	})
	return st, sub, err
}

// outOfTurn is how long a retry waits that is due and has a first attempt of the same conversation before it, as a
// redelivery makes (P4.8): its workflow is not signalled when that has succeeded. Behind another retry it waits for that one.
const outOfTurn = 10 * time.Second

// countPending counts what a retry workflow answers for. With an open circuit it is all that is pending, first attempts
// included, and the next probe is what is due; the workflow stays even if nothing is pending, because nothing else would
// close the circuit. What is leased counts by the end of its lease, whatever else waits: its owner may be gone, and no signal
// tells the workflow when the lease has run out (P4.4).
func countPending(ctx context.Context, tx *gorm.DB, st *RetryState) error {
	if st.Circuit.Open() {
		st.NextDue = st.Circuit.NextProbeAt
		return tx.Statement.ConnPool.QueryRowContext(ctx, `SELECT
			(SELECT count(*) FROM deliveries WHERE shard = $2 AND subscription_id = $1 AND state = 'pending' AND attempts = 0) +
			(SELECT count(*) FROM deliveries WHERE subscription_id = $1 AND state = 'pending' AND attempts > 0)`,
			st.Endpoint.ID, st.Endpoint.Shard).Scan(&st.Pending)
	}
	return tx.Statement.ConnPool.QueryRowContext(ctx, `
		SELECT count(*), least(min(leased_until) FILTER (WHERE state = 'leased'), min(due_at) FILTER (WHERE state = 'pending' AND `+inTurnSQL+`),
			min(greatest(due_at, clock_timestamp() + $2)) FILTER (WHERE state = 'pending' AND d.ordered AND `+aheadSQL+` AND e.attempts = 0)))
		FROM deliveries d
		WHERE subscription_id = $1 AND attempts > 0 AND state IN ('pending', 'leased')`, st.Endpoint.ID, outOfTurn).
		Scan(&st.Pending, &st.NextDue)
}
