package webhook

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/atender/atender/models/postgres"
)

// OwedState says what an owed delivery waits for.
type OwedState string

// The states of owed deliveries.
const (
	OwedWaiting     OwedState = "waiting"      // for its first attempt, and nothing holds it back but the workers
	OwedSending     OwedState = "sending"      // for the answer: a worker has it
	OwedRetrying    OwedState = "retrying"     // for its next attempt, or that of one that goes before it in its conversation
	OwedCircuitOpen OwedState = "circuit_open" // for its endpoint to be well again (P5)
)

// OwedStates are all of them.
var OwedStates = []OwedState{OwedWaiting, OwedSending, OwedRetrying, OwedCircuitOpen}

// Owed are the owed deliveries of one state.
type Owed struct {
	Deliveries int // postgres.CountMost at most
	// Oldest is for how long the oldest has been on its way, of those that are first in line for their webhook.
	Oldest time.Duration
}

// backlogWebhooks is how many webhooks are looked at for what they are owed: each costs a look into each partition,
// some hundredths of a millisecond together. Where more are owed something, Oldest is that of some of them.
const backlogWebhooks = 500

// Backlog is what is owed to webhooks that are on. It jumps through the indexes of what is pending, from webhook to
// webhook, so that it costs milliseconds whatever is owed. Errors: UNAVAILABLE.
func (s *Store) Backlog(ctx context.Context) (_ map[OwedState]Owed, err error) {
	defer postgres.During(&err, "measure what is owed to webhooks")
	owed := map[OwedState]Owed{}
	for _, query := range []string{freshBacklogSQL, retryBacklogSQL, leasedBacklogSQL} {
		var found []struct {
			State      OwedState
			Deliveries int
			Seconds    float64
		}
		if err := s.db.Claims.WithContext(ctx).Raw(query).Scan(&found).Error; err != nil {
			return nil, err
		}
		for _, f := range found {
			have := owed[f.State]
			owed[f.State] = Owed{
				Deliveries: min(have.Deliveries+f.Deliveries, postgres.CountMost),
				Oldest:     max(have.Oldest, time.Duration(f.Seconds*float64(time.Second))),
			}
		}
	}
	return owed, nil
}

// queuedAt is when a delivery was put on its way: redelivered ones anew.
const queuedAt = `coalesce(d.queued_at, d.created_at)`

// What the owed deliveries of a webhook s wait for. A first attempt of an ordered webhook that has retries waits, as far as
// can be told without looking at each, for an earlier delivery of its conversation (P4.5).
const (
	freshStateSQL = `CASE WHEN s.circuit_opened_at IS NOT NULL THEN 'circuit_open'
		WHEN s.ordering <> 'none' AND s.retry_armed_for IS NOT NULL THEN 'retrying' ELSE 'waiting' END`
	retryStateSQL = `CASE WHEN s.circuit_opened_at IS NOT NULL THEN 'circuit_open' ELSE 'retrying' END`
)

var (
	freshBacklogSQL = backlogSQL("shard, subscription_id", `d.state = 'pending' AND d.attempts = 0`, freshStateSQL)
	retryBacklogSQL = backlogSQL("subscription_id", `d.state = 'pending' AND d.attempts > 0`, retryStateSQL)
)

const leasedBacklogSQL = `SELECT 'sending' AS state, count(*) AS deliveries,
	greatest(coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0), 0) AS seconds
FROM (SELECT ` + queuedAt + ` AS at FROM deliveries d WHERE state = 'leased'
	ORDER BY subscription_id, leased_until LIMIT ` + postgres.CountMostSQL + `) x`

// backlogSQL measures what webhooks s are owed, apart by a state of theirs. An index has the columns that
// tell webhooks apart, and then the id, for rows that meet the condition: the first row of a webhook is its oldest.
func backlogSQL(columns, condition, state string) string {
	of := func(webhook string) string {
		return webhook + "." + strings.ReplaceAll(columns, ", ", ", "+webhook+".")
	}
	first := `SELECT ` + of("d") + `, ` + queuedAt + ` AS at FROM deliveries d WHERE ` + condition
	order := ` ORDER BY ` + of("d") + `, d.id LIMIT `
	return `
WITH RECURSIVE owing AS (
	(` + first + order + `1)
	UNION ALL
	SELECT n.* FROM owing o, LATERAL (` + first + ` AND (` + of("d") + `) > (` + of("o") + `)` + order + `1) n
), webhooks AS MATERIALIZED (
	SELECT o.*, ` + state + ` AS state
	FROM (SELECT * FROM owing LIMIT ` + strconv.Itoa(backlogWebhooks) + `) o, LATERAL (
		SELECT * FROM subscriptions WHERE id = o.subscription_id LIMIT 1) s -- its limit makes it a look-up for each
	WHERE s.is_active AND s.deleted_at IS NULL
)
SELECT v.state,
	(SELECT count(*) FROM (SELECT FROM webhooks w, LATERAL (
			SELECT FROM deliveries d WHERE (` + of("d") + `) = (` + of("w") + `) AND ` + condition + order + postgres.CountMostSQL + `) d
		WHERE w.state = v.state LIMIT ` + postgres.CountMostSQL + `) x) AS deliveries,
	greatest(coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(at) FROM webhooks w WHERE w.state = v.state)), 0), 0) AS seconds
FROM (VALUES ('waiting'), ('retrying'), ('circuit_open')) v (state)`
}

// CountOpenCircuits counts the webhooks whose circuit is open, postgres.CountMost at most: they are on, and left alone
// but for probes. Errors: UNAVAILABLE.
func (s *Store) CountOpenCircuits(ctx context.Context) (n int, err error) {
	defer postgres.During(&err, "count open circuits")
	err = s.db.Claims.WithContext(ctx).Raw(`SELECT count(*) FROM (SELECT FROM subscriptions
		WHERE circuit_opened_at IS NOT NULL AND is_active AND deleted_at IS NULL
		ORDER BY circuit_opened_at LIMIT ` + postgres.CountMostSQL + `) x`).Scan(&n).Error
	return n, err
}
