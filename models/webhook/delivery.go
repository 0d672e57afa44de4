package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/retry"
	"github.com/atender/atender/models/signature"
)

// DeliveryState is where a delivery is.
type DeliveryState string

// The states. Leased is pending in a worker's hands: when the lease runs out it is pending again (P4.4).
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryLeased    DeliveryState = "leased"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"
	DeliveryCancelled DeliveryState = "cancelled"
)

// Limits of one claim (P4.1).
const (
	// ClaimRows is how many deliveries one claim leases at most.
	ClaimRows = 500
	// ClaimBytes is how much of their payload: what is over it is left for the next claim.
	ClaimBytes = 16 << 20
	// claimSubscriptions bounds how many subscriptions one claim looks at. The next claim goes on where it ended, so
	// that all have their turn.
	claimSubscriptions = 128
	// cancelRows is how many deliveries of a subscription that is off one claim cancels.
	cancelRows = 5_000
)

// Delivery is one event on its way to one subscription, as a worker claims it.
type Delivery struct {
	ID             uuid.UUID
	TenantID       uuid.UUID
	SubscriptionID uuid.UUID
	EventID        uuid.UUID
	EventType      string
	Attempts       int // made so far
	DueAt          time.Time
	FirstAttemptAt *time.Time
	Shard          int
	Ordered        bool // the next delivery of its conversation waits for it (P4.5)
	Payload        string
	Traceparent    *string // of what caused the event; nil where that was not traced
}

// Endpoint is what a worker needs to know of a subscription to send to it, as it is at the claim: a new URL or secret is
// used from the next claim on (P4.6).
type Endpoint struct {
	ID           uuid.UUID
	TenantID     uuid.UUID
	Shard        int
	On           bool // neither disabled nor deleted, and the tenant's webhooks are on
	URL          string
	Headers      map[string]string
	Signers      []signature.Signer // newest first
	Secrets      []signature.Secret // the symmetric ones of them
	MaxInFlight  int
	MaxPerSecond *int
	Schedule     retry.Schedule
	HasRetries   bool // retries are pending, so that another worker has leases on its deliveries, too
	// ClosedAt is when its circuit was closed last: what was put on its way before that has waited for the endpoint.
	ClosedAt *time.Time
}

// endpoint opens a subscription's secrets. Errors: a key that the keyring does not have.
func (s *Store) endpoint(sub Subscription, now time.Time) (Endpoint, error) {
	e := Endpoint{
		ID: sub.ID, TenantID: sub.TenantID, Shard: sub.Shard, URL: sub.URL,
		On:          sub.IsActive && sub.DeletedAt == nil && !sub.TenantOff,
		MaxInFlight: sub.MaxInFlight, MaxPerSecond: sub.MaxPerSecond,
		HasRetries: sub.RetryArmedFor != nil, ClosedAt: sub.CircuitClosedAt,
	}
	if sub.Retry != nil {
		steps := make([]int, len(sub.Retry))
		for i, step := range sub.Retry {
			steps[i] = int(step)
		}
		e.Schedule = retry.FromSeconds(steps)
	}
	sealed := [][]byte{sub.Secret}
	if sub.inGrace(now) {
		sealed = append(sealed, sub.PreviousSecret)
	}
	for _, box := range sealed {
		if err := e.addKey(s, box); err != nil {
			return e, err
		}
	}
	if len(sub.Headers) > 0 {
		plain, err := s.db.Keyring.Open(sub.Headers, headersAAD(sub.ID))
		if err != nil {
			return e, fmt.Errorf("headers of webhook %s: %w", sub.ID, err)
		}
		if err := json.Unmarshal(plain, &e.Headers); err != nil {
			return e, fmt.Errorf("headers of webhook %s: %w", sub.ID, err)
		}
	}
	return e, nil
}

func (e *Endpoint) addKey(s *Store, sealed []byte) error {
	plain, err := s.db.Keyring.Open(sealed, secretAAD(e.ID))
	if err != nil {
		return fmt.Errorf("secret of webhook %s: %w", e.ID, err)
	}
	if pair, err := signature.ParseKeyPair(string(plain)); err == nil {
		e.Signers = append(e.Signers, pair)
		return nil
	}
	secret, err := signature.ParseSecret(string(plain))
	if err != nil {
		return fmt.Errorf("secret of webhook %s: %w", e.ID, err)
	}
	e.Signers, e.Secrets = append(e.Signers, secret), append(e.Secrets, secret)
	return nil
}

// ClaimPosition is a place in the round over the subscriptions of a range of shards.
type ClaimPosition struct {
	Shard        int
	Subscription uuid.UUID
}

// The subscriptions with fresh deliveries are found by jumping through the index from one to the next, so that a
// million rows pending for one of them cost no more than one row.
const freshSQL = `
WITH RECURSIVE ready AS (
	(SELECT shard, subscription_id FROM deliveries
	 WHERE state = 'pending' AND attempts = 0 AND (shard, subscription_id) > (?, ?) AND shard < ?
	 ORDER BY shard, subscription_id LIMIT 1)
	UNION ALL
	SELECT n.shard, n.subscription_id FROM ready r, LATERAL (
		SELECT d.shard, d.subscription_id FROM deliveries d
		WHERE d.state = 'pending' AND d.attempts = 0 AND (d.shard, d.subscription_id) > (r.shard, r.subscription_id) AND d.shard < ?
		ORDER BY d.shard, d.subscription_id LIMIT 1) n
)
SELECT s.*, NOT t.webhooks_enabled AS tenant_off
FROM (SELECT * FROM ready LIMIT ?) r JOIN subscriptions s ON s.id = r.subscription_id JOIN tenants t ON t.id = s.tenant_id
ORDER BY r.shard, r.subscription_id`

// FreshEndpoints lists the subscriptions of the shards [from, to) that have first attempts waiting, beginning behind
// the given position. The second result is where the next call goes on: the range's beginning when the round is over.
// What is pending for subscriptions that are off is cancelled on the way (P4.6).
func (s *Store) FreshEndpoints(ctx context.Context, from, to int, after ClaimPosition) ([]Endpoint, ClaimPosition, error) {
	start := ClaimPosition{Shard: from}
	after.Shard = max(after.Shard, from)
	var subs []Subscription
	err := s.db.Claims.WithContext(ctx).
		Raw(freshSQL, after.Shard, after.Subscription, to, to, claimSubscriptions).Scan(&subs).Error
	if err != nil {
		return nil, start, postgres.Doing(err, "find webhooks with deliveries in shards %d to %d", from, to)
	}
	endpoints, err := s.endpoints(ctx, subs)
	if len(subs) < claimSubscriptions {
		return endpoints, start, err
	}
	last := subs[len(subs)-1]
	return endpoints, ClaimPosition{last.Shard, last.ID}, err
}

func (s *Store) endpoints(ctx context.Context, subs []Subscription) ([]Endpoint, error) {
	now := time.Now()
	endpoints := make([]Endpoint, 0, len(subs))
	for _, sub := range subs {
		e, err := s.endpoint(sub, now)
		if err != nil {
			// One subscription that cannot be opened must not hold up the others; its deliveries wait for the key.
			s.db.Log.Error("webhook cannot be sent to", logging.TenantID, sub.TenantID, logging.WebhookID, sub.ID, "error", err)
			continue
		}
		if !e.On {
			if _, err := s.cancelPending(ctx, sub); err != nil {
				return nil, err
			}
			continue
		}
		if sub.CancelBefore != nil { // P4.10
			n, err := s.cancelPending(ctx, sub)
			if err != nil {
				return nil, err
			}
			if n >= cancelRows {
				continue // there is more of it
			}
		}
		if sub.circuit().Open() {
			continue // its deliveries are the retry workflow's
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

// Quota is how many deliveries a claim may lease for one endpoint.
type Quota struct {
	Endpoint *Endpoint
	Rows     int
}

// LeaseTime is how long a claim holds: longer than a request's limit of 10 s and a margin for waiting and recording (P4.1).
const LeaseTime = 30 * time.Second

// leaseSQL leases what was picked, as far as ClaimBytes reach, and reads the payloads. Tenants take turns by the byte: what
// is large of one tenant does not keep what is small of another out.
var leaseSQL = `, sized AS (
	SELECT id, payload, traceparent, sum(size) OVER (ORDER BY own, id) - size AS before FROM (
		SELECT p.id, e.payload, e.traceparent, octet_length(e.payload) AS size,
			sum(octet_length(e.payload)) OVER (PARTITION BY e.tenant_id ORDER BY p.id) AS own
		FROM picked p JOIN events e ON e.id = p.event_id) s
), leased AS (
	UPDATE deliveries d SET state = 'leased', lease_owner = ?, leased_until = clock_timestamp() + interval '` + strconv.Itoa(int(LeaseTime.Seconds())) + ` seconds'
	FROM sized s WHERE d.id = s.id AND s.before < ` + strconv.Itoa(ClaimBytes) + `
	RETURNING d.id, d.tenant_id, d.subscription_id, d.event_id, d.event_type, d.attempts, d.due_at, d.first_attempt_at, d.shard,
		d.ordered, s.payload, s.traceparent
)
SELECT * FROM leased ORDER BY id`

// claimLimit is ClaimRows as a literal, by which the planner knows how few rows a claim is about. Where it is a parameter
// a generic plan expects a tenth of the backlog, and reads all of deliveries and events to join them: a second per claim
// with 100,000 pending.
var claimLimit = strconv.Itoa(ClaimRows)

// ClaimFresh leases first attempts, oldest first within each endpoint, at most ClaimRows together (P4.1).
func (s *Store) ClaimFresh(ctx context.Context, owner uuid.UUID, quotas []Quota) ([]Delivery, error) {
	n := len(quotas)
	ids, shards, rows, shared := make(postgres.UUIDs, n), make(postgres.Ints, n), make(postgres.Ints, n), make(postgres.Ints, n)
	for i, q := range quotas {
		ids[i], shards[i], rows[i] = q.Endpoint.ID, int32(q.Endpoint.Shard), int32(min(q.Rows, ClaimRows)) //nolint:gosec // small
		if q.Endpoint.HasRetries {
			shared[i] = 1
		}
	}
	var claimed []Delivery
	err := s.db.Claims.WithContext(ctx).Raw(`
WITH picked AS MATERIALIZED (
	SELECT p.id, p.event_id FROM unnest(?::uuid[], ?::int[], ?::int[], ?::int[]) t (id, shard, rows, shared), LATERAL (
		SELECT d.id, d.event_id FROM deliveries d
		WHERE d.shard = t.shard AND d.subscription_id = t.id AND d.state = 'pending' AND d.attempts = 0 AND d.due_at <= clock_timestamp()
			AND `+inTurnSQL+`
		ORDER BY d.id LIMIT greatest(0, CASE t.shared WHEN 0 THEN t.rows ELSE t.rows - `+othersSQL+` END) FOR UPDATE SKIP LOCKED) p
	LIMIT `+claimLimit+`
)`+leaseSQL, ids, shards, rows, shared, owner, owner).Scan(&claimed).Error
	return claimed, postgres.Doing(err, "claim deliveries of %d webhooks", n)
}

// othersSQL counts what other workers have in flight to t.id, which counts towards the endpoint's limit.
const othersSQL = `(SELECT count(*) FROM deliveries o WHERE o.subscription_id = t.id AND o.state = 'leased' AND o.lease_owner <> ?)`

// inTurnSQL lets an ordered delivery go only when no earlier one of its conversation is pending (P4.5).
const inTurnSQL = `(NOT d.ordered OR NOT ` + aheadSQL + `))`

// aheadSQL finds what is pending before an ordered delivery; further conditions on it, and a bracket, end the expression.
const aheadSQL = `EXISTS (SELECT FROM deliveries e WHERE e.subscription_id = d.subscription_id
	AND e.conversation_id = d.conversation_id AND e.ordered AND e.state IN ('pending', 'leased') AND e.seq < d.seq`

// ClaimRetries leases further attempts that are due, the longest due first.
func (s *Store) ClaimRetries(ctx context.Context, owner, subscription uuid.UUID, rows int) ([]Delivery, error) {
	var claimed []Delivery
	err := s.db.Claims.WithContext(ctx).Raw(`
WITH picked AS MATERIALIZED (
	SELECT p.id, p.event_id FROM (SELECT ?::uuid AS id, ?::int AS rows) t, LATERAL (
		SELECT d.id, d.event_id FROM deliveries d
		WHERE d.subscription_id = t.id AND d.state = 'pending' AND d.attempts > 0 AND d.due_at <= clock_timestamp()
			AND `+inTurnSQL+`
		ORDER BY d.due_at LIMIT greatest(0, t.rows - `+othersSQL+`) FOR UPDATE SKIP LOCKED) p
	LIMIT `+claimLimit+`
)`+leaseSQL, subscription, min(rows, ClaimRows), owner, owner).Scan(&claimed).Error
	return claimed, postgres.Doing(err, "claim retries of webhook %s", subscription)
}

// ClaimProbe leases the delivery that an open circuit is probed with: the one behind the last probe's, so that no
// poisonous event can keep the circuit shut, and the first one again after the last. It returns none if none is pending.
func (s *Store) ClaimProbe(ctx context.Context, owner uuid.UUID, e *Endpoint) ([]Delivery, error) {
	var last struct{ LastProbe *uuid.UUID }
	err := s.db.Main.WithContext(ctx).Raw(`SELECT last_probe FROM subscriptions WHERE id = ?`, e.ID).Scan(&last).Error
	if err != nil {
		return nil, postgres.Doing(err, "read the last probe of webhook %s", e.ID)
	}
	behind := []uuid.UUID{uuid.Nil}
	if last.LastProbe != nil {
		behind = []uuid.UUID{*last.LastProbe, uuid.Nil}
	}
	var claimed []Delivery
	for _, id := range behind {
		err = s.db.Claims.WithContext(ctx).Raw(`
WITH candidate AS (
	(SELECT id FROM deliveries d WHERE shard = ? AND subscription_id = ? AND state = 'pending' AND attempts = 0 AND id > ?
		AND `+inTurnSQL+` ORDER BY shard, subscription_id, id LIMIT 1)
	UNION ALL
	(SELECT id FROM deliveries d WHERE subscription_id = ? AND state = 'pending' AND attempts > 0 AND id > ?
		AND `+inTurnSQL+` ORDER BY id LIMIT 1)
), picked AS MATERIALIZED (
	SELECT d.id, d.event_id FROM deliveries d WHERE d.id = (SELECT id FROM candidate ORDER BY id LIMIT 1) AND d.state = 'pending'
	FOR UPDATE SKIP LOCKED
)`+leaseSQL, e.Shard, e.ID, id, e.ID, id, owner).Scan(&claimed).Error
		if err != nil || len(claimed) > 0 {
			break
		}
	}
	return claimed, postgres.Doing(err, "claim a probe of webhook %s", e.ID)
}

// ReleaseExpired makes the deliveries of the shards [from, to) whose lease ran out claimable again (P4.4). The owner is
// left in the row: if it records after all before another claims, that counts, and the delivery is not repeated.
func (s *Store) ReleaseExpired(ctx context.Context, from, to int) (int64, error) {
	r := s.db.Main.WithContext(ctx).Exec(`UPDATE deliveries SET state = 'pending', leased_until = NULL
		WHERE state = 'leased' AND leased_until < clock_timestamp() AND shard >= ? AND shard < ?`, from, to)
	return r.RowsAffected, postgres.Doing(r.Error, "release expired leases of shards %d to %d", from, to)
}

// Release hands deliveries back that were claimed and not attempted.
func (s *Store) Release(ctx context.Context, owner uuid.UUID, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	err := s.db.Main.WithContext(ctx).Exec(`UPDATE deliveries SET state = 'pending', leased_until = NULL, lease_owner = NULL
		WHERE id = ANY(?) AND lease_owner = ? AND state = 'leased'`, postgres.UUIDs(ids), owner).Error
	return postgres.Doing(err, "release %d deliveries", len(ids))
}
