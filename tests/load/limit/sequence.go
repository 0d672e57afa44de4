package limit

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sequence makes UUIDs of version 7 that rise, all for one moment, as the product made them when the limit was frozen: 48
// bits of milliseconds, 12 of their fraction (RFC 9562, section 6.2, method 3), the rest random.
type sequence struct{ at int64 }

func newSequence(at time.Time) *sequence { return &sequence{tick(at)} }

// tick is a time in units of 1/4096 ms.
func tick(at time.Time) int64 {
	us := at.UnixMicro()
	return us/1000<<12 | us%1000<<12/1000
}

func (s *sequence) next() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(s.at>>12<<16|0x7000|s.at&0xfff)) //nolint:gosec // after 1970
	_, _ = rand.Read(id[8:])                                                   // never fails
	id[8] = id[8]&0x3f | 0x80
	s.at++
	return id
}

// What the product's sequencer went by when the limit was frozen.
const (
	sequenceRows  = 2_000
	sequencePoll  = 250 * time.Millisecond
	sequencePause = 40 * time.Millisecond
)

// startSequencer gives events their positions, on a connection of its own, until it is stopped.
func startSequencer(ctx context.Context, cfg *pgx.ConnConfig) (stop func() error, err error) {
	statements, err := read("sequencer.sql")
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, statements[0].sql); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		err := runSequencer(ctx, conn, statements[1].sql, statements[2].sql)
		ended <- errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

func runSequencer(ctx context.Context, conn *pgx.Conn, find, give string) error {
	for ctx.Err() == nil {
		n, err := sequenceBatch(context.WithoutCancel(ctx), conn, find, give)
		if err != nil {
			return err
		}
		pause := sequencePoll
		switch {
		case n == sequenceRows:
			continue
		case n > 0:
			pause = sequencePause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

func sequenceBatch(ctx context.Context, conn *pgx.Conn, find, give string) (int, error) {
	rows, err := conn.Query(ctx, find, sequenceRows)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	least, greatest := ids[0], ids[0]
	for _, id := range ids {
		if id.String() < least.String() {
			least = id
		}
		if id.String() > greatest.String() {
			greatest = id
		}
	}
	_, err = conn.Exec(ctx, give, ids, len(ids), least, greatest)
	return len(ids), err
}

// sequenced waits until all events have their positions.
func (l *Limit) sequenced(ctx context.Context) error {
	for {
		var left bool
		err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM events WHERE position IS NULL)`).Scan(&left)
		if err != nil || !left {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sequencePause):
		}
	}
}
