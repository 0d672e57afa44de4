package feed

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/postgres"
)

// TopicEvents is marked when there are new events.
const TopicEvents = "events"

const (
	// sequenceRows is how many events one batch gives positions to.
	sequenceRows = 2_000
	// sequencePoll is how often the sequencer looks without having been woken, and how often those who would be it try.
	sequencePoll = 250 * time.Millisecond
	// sequencePause is the shortest time between two batches that are not full: a batch costs nearly the same for one
	// event as for fifty. It is the delay that a reader who waits at the feed's end sees.
	sequencePause = 40 * time.Millisecond
	// sequenceTimeout bounds one statement; a connection that takes longer is given up, and with it the lock.
	sequenceTimeout = 30 * time.Second
)

// Sequencer gives committed events their positions in the feed (P6.1). Every worker process runs one; the lock lets one of
// them work.
type Sequencer struct {
	// Lead is told when this one takes the lock, and when it loses it. May be nil.
	Lead func(bool)
	// Sequenced is told how many events got positions. May be nil.
	Sequenced func(int)
}

// RunSequencer runs until ctx ends. A connection that is lost takes the lock with it; another sequencer, or this one on a
// new connection, goes on where it stopped.
func (s *Store) RunSequencer(ctx context.Context, q Sequencer) {
	wake, stop := s.db.Wakeups.Listen(TopicEvents)
	defer stop()
	for ctx.Err() == nil {
		err := s.sequenceOn(ctx, q, wake)
		if ctx.Err() != nil {
			return
		}
		s.db.Log.Warn("sequencer's connection lost; trying again", "error", err)
		postgres.Pause(ctx, nil, time.Second)
	}
}

// sequenceOn works on a connection of its own until that is lost or ctx ends. The lock is the session's, and positions are
// given on that same session: a sequencer that has lost the lock has no way left to write (P6.1).
func (s *Store) sequenceOn(ctx context.Context, q Sequencer, wake <-chan struct{}) error {
	conn, err := pgx.ConnectConfig(ctx, s.db.Config.Copy())
	if err != nil {
		return postgres.Doing(err, "connect the sequencer")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // which gives the lock back
	for {
		var leads bool
		// Tried, not waited for: a statement that waits holds a snapshot, which keeps vacuum from its work.
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtext('atender sequencer'))`).Scan(&leads); err != nil {
			return postgres.Doing(err, "try the sequencer's lock")
		}
		if leads {
			break
		}
		postgres.Pause(ctx, nil, sequencePoll)
	}
	if err := postgres.PlanOnce(ctx, conn); err != nil {
		return postgres.Doing(err, "prepare the sequencer's connection")
	}
	if q.Lead != nil {
		q.Lead(true)
		defer q.Lead(false)
	}
	for {
		if err := s.db.RenewPlans(ctx, conn); err != nil {
			return err
		}
		n, err := sequenceBatch(ctx, conn)
		if err != nil {
			return err
		}
		if n > 0 {
			s.db.Wakeups.Mark(TopicFeed)
		}
		if n > 0 && q.Sequenced != nil {
			q.Sequenced(n)
		}
		switch {
		case n == sequenceRows:
		case n > 0:
			postgres.Pause(ctx, nil, sequencePause)
		default:
			postgres.Pause(ctx, wake, sequencePoll)
		}
	}
}

// sequenceBatch gives positions to the next events, the oldest first. The statement that takes them from the counter is
// the one that gives them, so there is no gap between the two. The bounds let the planner leave out the other partitions.
func sequenceBatch(ctx context.Context, conn *pgx.Conn) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sequenceTimeout)
	defer cancel()
	rows, err := conn.Query(ctx, `SELECT id FROM events WHERE position IS NULL ORDER BY created_at, id LIMIT $1`, sequenceRows)
	if err != nil {
		return 0, postgres.Doing(err, "find events without positions")
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) {
		return id, row.Scan(&id)
	})
	if err != nil || len(ids) == 0 {
		return 0, postgres.Doing(err, "find events without positions")
	}
	fault.At(fault.BeforePositions)
	least, greatest := bounds(ids)
	_, err = conn.Exec(ctx, `
WITH counter AS (UPDATE feed SET last_position = last_position + $2 RETURNING last_position - $2 AS given)
UPDATE events e SET position = c.given + u.n FROM counter c, unnest($1::uuid[]) WITH ORDINALITY u (id, n)
WHERE e.id = u.id AND e.id >= $3 AND e.id <= $4 AND e.position IS NULL`, ids, len(ids), least, greatest)
	return len(ids), postgres.Doing(err, "give positions to %d events", len(ids))
}

func bounds(ids []uuid.UUID) (least, greatest uuid.UUID) {
	least, greatest = ids[0], ids[0]
	for _, id := range ids {
		if id.String() < least.String() {
			least = id
		}
		if id.String() > greatest.String() {
			greatest = id
		}
	}
	return least, greatest
}
