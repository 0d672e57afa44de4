package webhook

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
)

// The bounds of one step of a replay.
const (
	// replayRows is how many deliveries one step puts on their way at most.
	replayRows = 500
	// replayWindow is how many events one step looks through at most.
	replayWindow = 5_000
	// replayAhead is how many first attempts of a webhook may be pending for the replay to go on: what is replayed is older than
	// what happens now, and would all be sent before it (P4.9).
	replayAhead = 1_000
	// replayPause is how long it waits while the circuit is open.
	replayPause = 30 * time.Second
)

// They stand in the SQL as literals: see claimLimit.
var (
	replayLimit = ` LIMIT ` + strconv.Itoa(replayRows)
	windowLimit = ` LIMIT ` + strconv.Itoa(replayWindow)
)

// deliverySpread is how far the time in a delivery's id may be from that in its event's: both come from the same moment
// (P1.3), and the ids of one transaction follow each other at a quarter of a microsecond.
const deliverySpread = time.Second

// ReplayStep is what one step of a replay did.
type ReplayStep struct {
	Replay Replay
	// Full: it waits for the webhook to be through with what is pending. Otherwise Replay.NextLookAt says when to go on.
	Full bool
	// MovedTo is the id of the replay's workflow, if it is another than that of the one that asked, and no step was made (P12.3).
	MovedTo string
}

// Advance makes the next step of a replay (P4.9): it puts up to 500 deliveries on their way and notes how far it has
// come, in one transaction. ✗ before the commit: nothing happened. Of a replay that has ended, nothing more is done.
// A workflow whose id is not the replay's any more is told so, and the current one signalled (P12.3). The id is that of the one
// that asks; "" for a caller that stands for it. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Replays) Advance(ctx context.Context, tenantID, id uuid.UUID, workflow string) (ReplayStep, error) {
	var step ReplayStep
	var sub Subscription
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		step = ReplayStep{}
		if err := keepPartitions(tx); err != nil {
			return err
		}
		r := &step.Replay
		if *r, err = lockReplay(tx, tenantID, id); err != nil || r.State != ReplayRunning {
			return err
		}
		err = tx.Raw(withTenantSQL+` WHERE s.id = ? AND s.tenant_id = ?`, r.SubscriptionID, tenantID).Take(&sub).Error
		if err != nil {
			return postgres.Doing(err, "read webhook %s", r.SubscriptionID)
		}
		if current := durable.ReplayID(sub.tenant(), sub.endpoint(), r.ID); workflow != "" && workflow != current {
			step.MovedTo = current
			return signalReplay(tx, *r)
		}
		now := time.Now()
		r.NextLookAt = &now
		switch {
		case sub.DeletedAt != nil:
			r.end(ReplayCancelled, "DELETED", now)
		case !sub.IsActive:
			r.end(ReplayCancelled, "DISABLED", now)
		case sub.TenantOff:
			r.end(ReplayCancelled, webhooksOff, now)
		case sub.circuit().Open():
			later := now.Add(replayPause)
			r.NextLookAt = &later
		default:
			// What is still to be cancelled would be left as on its way (P4.10).
			if step.Full, err = hasFromBefore(tx, sub); err == nil && !step.Full {
				step.Full, err = isFull(tx, sub)
			}
			if err == nil && !step.Full {
				err = r.advance(ctx, tx, sub, now)
			}
		}
		if err != nil {
			return err
		}
		if err := saveReplay(tx, *r); err != nil {
			return err
		}
		if r.Queued > 0 {
			fault.At(fault.BeforeReplaying)
		}
		return nil
	})
	if err == nil && step.MovedTo != "" {
		s.db.Wake(ctx, outbox.Topic)
		return step, nil
	}
	if err == nil && step.Replay.Queued > 0 {
		fault.At(fault.AfterReplaying)
		s.db.Wake(ctx, outbox.TopicDeliveries(sub.Shard))
	}
	return step, postgres.Doing(err, "advance replay %s", id)
}

// isFull tells whether so many first attempts of a webhook are pending that a replay has to wait.
func isFull(tx *gorm.DB, sub Subscription) (full bool, err error) {
	err = tx.Raw(`SELECT EXISTS (SELECT FROM deliveries WHERE shard = ? AND subscription_id = ? AND state = 'pending' AND attempts = 0
		OFFSET ?)`, sub.Shard, sub.ID, replayAhead).Scan(&full).Error
	return full, postgres.Doing(err, "measure the backlog of webhook %s", sub.ID)
}

// replayRow is one delivery or event that a step may be about, with how far it has looked.
type replayRow struct {
	ID             uuid.UUID
	EventID        uuid.UUID
	Type           string
	ConversationID *uuid.UUID
	Seq            int64
	Seen           int
	Furthest       *uuid.UUID
}

func (r *Replay) advance(ctx context.Context, tx *gorm.DB, sub Subscription, now time.Time) error {
	find, queue := eventsSQL(sub), r.queueEvents
	if r.OnlyFailed {
		find, queue = failedSQL, r.queueFailed
	}
	var rows []replayRow
	err := tx.Raw(find, map[string]any{
		"tenant": r.TenantID, "subscription": r.SubscriptionID, "after": r.Position, "before": ident.Floor(r.Until),
		"types": r.Events, "channels": sub.FilterChannels, "tags": sub.FilterTags, "teams": sub.FilterTeamIDs,
	}).Scan(&rows).Error
	if err != nil {
		return postgres.Doing(err, "find what is to be replayed")
	}
	seen, furthest := rows[0].Seen, rows[0].Furthest // there is always a row, if only to say this
	if rows[0].ID == uuid.Nil {
		rows = nil
	}
	if len(rows) > 0 {
		if err := queue(ctx, tx, sub, rows); err != nil {
			return err
		}
	}
	switch {
	case len(rows) == replayRows:
		r.Position = rows[len(rows)-1].ID
	case seen == replayWindow:
		r.Position = *furthest
	default:
		r.end(ReplayCompleted, "", now)
	}
	return nil
}

// failedSQL finds the next deliveries that ended without success.
var failedSQL = `
WITH seen AS MATERIALIZED (
	SELECT id, event_id, event_type AS type FROM deliveries
	WHERE tenant_id = @tenant AND subscription_id = @subscription AND id > @after AND id < @before AND state IN ('failed', 'cancelled')
	ORDER BY id` + windowLimit + `
)` + replayPage + `SELECT id, event_id, type FROM seen WHERE type = ANY(@types) ORDER BY id` + replayLimit + `) w ON true ORDER BY w.id`

const replayPage = `
SELECT t.seen, t.furthest, w.* FROM
	(SELECT count(*) AS seen, (SELECT id FROM seen ORDER BY id DESC LIMIT 1) AS furthest FROM seen) t LEFT JOIN (`

// eventsSQL finds the next events that the subscription is to get, as it is now. Its filter looks at the conversation as
// the event has it. Where order counts, seq is made from the version and the place among the events of the version,
// which is that of their ids (P1.5).
func eventsSQL(sub Subscription) string {
	var b strings.Builder
	b.WriteString(`
WITH seen AS MATERIALIZED (
	SELECT id, tenant_id, type, conversation_id, version FROM events WHERE id > @after AND id < @before ORDER BY id` + windowLimit + `
)` + replayPage + `SELECT s.id, s.id AS event_id, s.type, s.conversation_id, `)
	if sub.Ordering == OrderingConversation {
		place := `(SELECT count(*) FROM events p WHERE p.tenant_id = s.tenant_id
			AND p.conversation_id = s.conversation_id AND p.version = s.version AND p.id <= s.id)`
		b.WriteString(feed.Seq(`coalesce(s.version, 0)`, place) + ` AS seq`)
	} else {
		b.WriteString(feed.Seq(`coalesce(s.version, 0)`, `0`) + ` AS seq`)
	}
	b.WriteString(` FROM seen s WHERE s.tenant_id = @tenant AND s.type = ANY(@types)`)
	if len(sub.FilterChannels)+len(sub.FilterTags)+len(sub.FilterTeamIDs) > 0 {
		b.WriteString(` AND s.conversation_id IS NOT NULL AND (
	SELECT (@channels = '{}'::text[] OR c ->> 'channel' = ANY(@channels))
		AND (@tags = '{}'::text[] OR jsonb_exists_any(c -> 'tags', @tags))
		AND (@teams = '{}'::uuid[] OR (c ->> 'teamId')::uuid = ANY(@teams))
	FROM (SELECT e.payload::jsonb #> '{data,conversation}' AS c FROM events e WHERE e.id = s.id) x)`)
	}
	b.WriteString(` ORDER BY s.id` + replayLimit + `) w ON true ORDER BY w.id`)
	return b.String()
}

// queueFailed puts deliveries on their way once more whose events are still there.
func (r *Replay) queueFailed(ctx context.Context, tx *gorm.DB, _ Subscription, rows []replayRow) error {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	var st postgres.Statement
	st.With("revived", `UPDATE deliveries d SET `+revive+` WHERE d.id = ANY(`+st.Arg(ids)+`::uuid[])
		AND d.id >= `+st.Arg(ids[0])+` AND d.id <= `+st.Arg(ids[len(ids)-1])+` AND d.tenant_id = `+st.Arg(r.TenantID)+`
		AND d.state IN ('failed', 'cancelled') AND EXISTS (SELECT FROM events e WHERE e.id = d.event_id) RETURNING 1`)
	var queued int64
	err := st.Row(ctx, tx, `SELECT count(*) FROM revived`, &queued)
	r.Queued += queued
	r.Missing += int64(len(rows)) - queued
	return postgres.Doing(err, "revive %d failed deliveries", len(rows))
}

// queueEvents puts events on their way: by their delivery if there is one and it is finished, by a new one if there is
// none. What is on its way already stays as it is.
func (r *Replay) queueEvents(ctx context.Context, tx *gorm.DB, sub Subscription, rows []replayRow) error {
	wanted := slices.Clone(rows)
	for i := range wanted {
		wanted[i].ID = replayedID(wanted[i].EventID, sub.ID)
	}
	var st postgres.Statement
	tenant, subscription := st.Arg(r.TenantID), st.Arg(sub.ID)
	isOrdered := st.Arg(sub.Ordering == OrderingConversation) + `::bool`
	theirs := `d.tenant_id = ` + tenant + ` AND d.subscription_id = ` + subscription + ` AND d.id >= ` +
		st.Arg(ident.Floor(idTime(wanted[0].EventID).Add(-deliverySpread))) + ` AND d.id <= ` +
		st.Arg(ident.Floor(idTime(wanted[len(wanted)-1].EventID).Add(deliverySpread)))
	st.With("wanted", `SELECT * FROM `+postgres.Rows(&st, wanted))
	st.With("there", `SELECT d.id, d.event_id, d.state FROM deliveries d WHERE `+theirs)
	st.With("revived", `UPDATE deliveries d SET `+revive+`, seq = CASE WHEN d.ordered AND `+isOrdered+` THEN w.seq ELSE d.seq END
		FROM wanted w JOIN there t ON t.event_id = w.event_id
		WHERE d.id = t.id AND `+theirs+` AND d.state IN ('delivered', 'failed', 'cancelled') RETURNING 1`)
	st.With("made", `INSERT INTO deliveries `+deliveryColumns+`
		SELECT w.id, `+tenant+`, `+subscription+`, w.event_id, w.type, w.conversation_id, w.seq, `+st.Arg(sub.Shard)+`,
			`+isOrdered+` AND w.conversation_id IS NOT NULL, 'pending', clock_timestamp(), clock_timestamp()
		FROM wanted w WHERE NOT EXISTS (SELECT FROM there t WHERE t.event_id = w.event_id) ON CONFLICT DO NOTHING RETURNING 1`)
	var queued int64
	err := st.Row(ctx, tx, `SELECT (SELECT count(*) FROM revived) + (SELECT count(*) FROM made)`, &queued)
	r.Queued += queued
	return postgres.Doing(err, "queue %d past events", len(wanted))
}

// replayedID is the id of the delivery that a replay makes of an event: with the event's time, so that it lies in the
// event's week and is found beside it, and always the same, so that there is never a second one.
func replayedID(event, subscription uuid.UUID) uuid.UUID {
	sum := sha256.Sum256(append(event[:], subscription[:]...))
	id := event
	copy(id[8:], sum[:8])
	id[8] = id[8]&0x3f | 0x80
	return id
}

// idTime is the time that a time-ordered id begins with.
func idTime(id uuid.UUID) time.Time {
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec)
}
