package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/circuit"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// circuit is the part of a subscription's row that package circuit decides upon.
func (s Subscription) circuit() circuit.State {
	return circuit.State{
		Failures: s.Failures, Failing: s.Failing, FailingSince: s.FailingSince, OpenedAt: s.CircuitOpenedAt,
		Probes: s.Probes, NextProbeAt: s.NextProbeAt,
	}
}

func (s *Subscription) setCircuit(c circuit.State) {
	s.Failures, s.FailingSince, s.CircuitOpenedAt = c.Failures, c.FailingSince, c.OpenedAt
	s.Failing, s.Probes, s.NextProbeAt = append(postgres.UUIDs{}, c.Failing...), c.Probes, c.NextProbeAt
}

// closeCircuit makes the endpoint one in good health, and notes when its circuit was closed, if it was open.
func (s *Subscription) closeCircuit(now time.Time) {
	if s.CircuitOpenedAt != nil {
		s.CircuitClosedAt = &now
	}
	s.setCircuit(circuit.State{})
}

// health is how the endpoint has been doing, in words.
func (s Subscription) health() wire.Health {
	h := wire.Health{
		State: "ok", Failures: s.Failures, FailingSince: wire.AtPtr(s.FailingSince),
		CircuitOpenedAt: wire.AtPtr(s.CircuitOpenedAt), NextProbeAt: wire.AtPtr(s.NextProbeAt),
	}
	switch {
	case !s.IsActive:
		h.State = "disabled"
	case s.CircuitOpenedAt != nil:
		h.State = "open"
	case s.Failures > 0:
		h.State = "failing"
	}
	return h
}

// disabledFailing is why a subscription is off whose attempts all failed for 5 days (P5.5).
const disabledFailing = "FAILING"

// saveHealth writes what became of the endpoints in a batch of attempts. Their rows are locked.
func saveHealth(ctx context.Context, tx *gorm.DB, subs []Subscription) error {
	for i := range subs {
		s := &subs[i]
		_, err := tx.Statement.ConnPool.ExecContext(ctx, `UPDATE subscriptions SET failures = $2, failing = $3, failing_since = $4,
				circuit_opened_at = $5, probes = $6, next_probe_at = $7, last_probe = $8, is_active = $9, disabled_reason = $10
			WHERE id = $1`, s.ID, s.Failures, []uuid.UUID(s.Failing), s.FailingSince,
			s.CircuitOpenedAt, s.Probes, s.NextProbeAt, s.LastProbe, s.IsActive, s.DisabledReason)
		if err != nil {
			return postgres.Doing(err, "save the health of webhook %s", s.ID)
		}
	}
	return nil
}

// resumeDeliveries lets the deliveries of endpoints that are well again go on (P5.3, P5.4), and notes when: retries are
// due at once, and their 72 hours have stood still while the circuit was open. The subscriptions are as they were before:
// it reads since when they were open. It returns the topics to wake after the commit.
func resumeDeliveries(tx *gorm.DB, subs []Subscription, now time.Time) (topics []string, err error) {
	for _, s := range subs {
		if s.CircuitOpenedAt == nil {
			continue
		}
		var st postgres.Statement
		due := st.Arg(now) + `::timestamptz`
		st.With("resumed", `UPDATE deliveries SET due_at = `+due+`,
				first_attempt_at = first_attempt_at + (`+due+` - `+st.Arg(*s.CircuitOpenedAt)+`::timestamptz)
			WHERE subscription_id = `+st.Arg(s.ID)+` AND state = 'pending' AND attempts > 0`)
		st.With("closed", `UPDATE subscriptions SET circuit_closed_at = `+due+` WHERE id = `+st.Arg(s.ID))
		outbox.Add(&st, outbox.Entry{Kind: outbox.Retry, TenantID: s.TenantID, TargetID: s.ID, DueAt: &now, At: now})
		if err := st.Exec(tx); err != nil {
			return nil, postgres.Doing(err, "resume deliveries of webhook %s", s.ID)
		}
		notice := feed.Notice(s.TenantID, feed.NoticeWebhook, s.ID, 0)
		topics = append(topics, outbox.Topic, outbox.TopicDeliveries(s.Shard), notice)
	}
	return topics, nil
}

// lockSubscriptions locks rows in one order.
func lockSubscriptions(tx *gorm.DB, ids []uuid.UUID) (subs []Subscription, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = tx.Raw(`SELECT * FROM subscriptions WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE`, postgres.UUIDs(ids)).Scan(&subs).Error
	return subs, postgres.Doing(err, "lock %d webhooks", len(ids))
}

// PostponeProbe notes that an open circuit had nothing to be probed with.
func (s *Store) PostponeProbe(ctx context.Context, subscription uuid.UUID, jitter float64) error {
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		subs, err := lockSubscriptions(tx, []uuid.UUID{subscription})
		if err != nil || len(subs) == 0 {
			return err
		}
		subs[0].setCircuit(subs[0].circuit().Postpone(time.Now(), jitter))
		return saveHealth(ctx, tx, subs)
	})
	return postgres.Doing(err, "postpone the probe of webhook %s", subscription)
}
