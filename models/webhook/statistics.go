package webhook

import (
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// How far the figures of an endpoint's health are counted: reading them must cost little, whatever is pending.
const (
	backlogCounted = "10000" // literals: see claimLimit
	attemptsRated  = "1000"
	ratedPeriod    = 24 * time.Hour
)

// statistics are the figures of one subscription's health that its row does not have.
type statistics struct {
	ID            uuid.UUID
	Backlog       int
	OldestOwedAt  *time.Time
	LastSuccessAt *time.Time
	Succeeded     int
	Attempted     int // counted as the endpoint's (P5.6)
}

// Each part reads its own partial index, from its end. The oldest of those with failed attempts and the oldest without are
// found each by its index; what is leased is little.
const statisticsSQL = `
SELECT s.id, least(` + backlogCounted + `, f.n + r.n + l.n) AS backlog, least(fo.at, ro.at, l.at) AS oldest_owed_at,
	ok.at AS last_success_at, a.succeeded, a.attempted
FROM unnest(?::uuid[], ?::int[]) s (id, shard),
	LATERAL (SELECT count(*) AS n FROM (SELECT FROM deliveries WHERE shard = s.shard AND subscription_id = s.id
		AND state = 'pending' AND attempts = 0 LIMIT ` + backlogCounted + `) x) f,
	LATERAL (SELECT count(*) AS n FROM (SELECT FROM deliveries WHERE subscription_id = s.id
		AND state = 'pending' AND attempts > 0 LIMIT ` + backlogCounted + `) x) r,
	LATERAL (SELECT count(*) AS n, min(created_at) AS at FROM (SELECT created_at FROM deliveries WHERE subscription_id = s.id
		AND state = 'leased' LIMIT ` + backlogCounted + `) x) l,
	LATERAL (SELECT min(created_at) AS at FROM (SELECT created_at FROM deliveries WHERE shard = s.shard AND subscription_id = s.id
		AND state = 'pending' AND attempts = 0 ORDER BY id LIMIT 1) x) fo,
	LATERAL (SELECT min(created_at) AS at FROM (SELECT created_at FROM deliveries WHERE subscription_id = s.id
		AND state = 'pending' AND attempts > 0 ORDER BY id LIMIT 1) x) ro,
	LATERAL (SELECT max(started_at) AS at FROM (SELECT started_at FROM attempts WHERE subscription_id = s.id
		AND class = 'ok' ORDER BY id DESC LIMIT 1) x) ok,
	LATERAL (SELECT count(*) FILTER (WHERE class = 'ok') AS succeeded, count(*) AS attempted FROM (SELECT class FROM attempts
		WHERE subscription_id = s.id AND id > ? ORDER BY id DESC LIMIT ` + attemptsRated + `) x WHERE class <> 'own_fault') a`

// shown are subscriptions as their owner reads them, with the figures of their health.
func shown(db *gorm.DB, subs ...Subscription) ([]wire.Subscription, error) {
	ids, shards := make(postgres.UUIDs, len(subs)), make(postgres.Ints, len(subs))
	for i, sub := range subs {
		ids[i], shards[i] = sub.ID, int32(sub.Shard) //nolint:gosec // below 64
	}
	var rows []statistics
	since := ident.Floor(time.Now().Add(-ratedPeriod))
	if err := db.Raw(statisticsSQL, ids, shards, since).Scan(&rows).Error; err != nil {
		return nil, postgres.Doing(err, "count the deliveries of %d webhooks", len(subs))
	}
	byID := make(map[uuid.UUID]statistics, len(rows))
	for _, v := range rows {
		byID[v.ID] = v
	}
	out := make([]wire.Subscription, len(subs))
	for i, sub := range subs {
		out[i] = sub.Wire()
		byID[sub.ID].addTo(&out[i].Health)
	}
	return out, nil
}

// show is one subscription as its owner reads it.
func show(db *gorm.DB, sub Subscription) (wire.Subscription, error) {
	out, err := shown(db, sub)
	if err != nil {
		return wire.Subscription{}, err
	}
	return out[0], nil
}

func (v statistics) addTo(h *wire.Health) {
	h.Backlog, h.OldestOwedAt, h.LastSuccessAt = v.Backlog, wire.AtPtr(v.OldestOwedAt), wire.AtPtr(v.LastSuccessAt)
	if v.Attempted > 0 {
		rate := float64(v.Succeeded) / float64(v.Attempted)
		h.SuccessRate24h = &rate
	}
}
