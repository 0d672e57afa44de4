package limit

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What group commit is measured with: as many messages of different conversations as may share a transaction, and as many
// transactions as may be under way. A transaction takes what is there when it begins, and waits for no company.
const (
	groupRows     = 32
	groupInFlight = 2
)

// group puts messages of several publishers into one transaction.
type group struct {
	l           *Limit
	lock, write statement

	mu      sync.Mutex
	queue   []*queued
	busy    map[uuid.UUID]bool // conversations with a message under way
	running int
	commits int
}

// queued is a message that waits for its transaction.
type queued struct {
	conversation uuid.UUID
	lock, write  []any
	done         chan error
}

// Groups sends n messages as Messages does, but several in one transaction, in two round trips. It returns how many there
// were in a second, and in a transaction.
func (l *Limit) Groups(ctx context.Context, n int) (perSecond, size float64, err error) {
	statements, err := read("group.sql")
	if err != nil {
		return 0, 0, err
	}
	g := &group{l: l, lock: statements[0], write: statements[1], busy: map[uuid.UUID]bool{}}
	prepared := make([]*queued, warmup+n)
	for i := range prepared {
		o := l.message()
		prepared[i] = &queued{
			conversation: o.conversation, lock: g.lock.values(o), write: g.write.values(o), done: make(chan error, 1),
		}
	}
	perSecond, err = l.timed(n, func(i int) error {
		g.submit(ctx, prepared[i])
		return <-prepared[i].done
	})
	return perSecond, float64(len(prepared)) / float64(g.commits), err
}

func (g *group) submit(ctx context.Context, q *queued) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = append(g.queue, q)
	if g.running < groupInFlight {
		g.running++
		go g.run(ctx)
	}
}

// run commits groups until nothing is left that could go into one. Publishers that can run are let first, each time: those
// of a group are answered together, and their next messages are as good as there.
func (g *group) run(ctx context.Context) {
	runtime.Gosched()
	for batch := g.take(nil); batch != nil; batch = g.take(batch) {
		err := g.commit(ctx, batch)
		for _, q := range batch {
			q.done <- err
		}
		runtime.Gosched()
	}
}

// take ends the last batch and begins the next: the oldest messages, one of each conversation that has none under way.
func (g *group) take(last []*queued) (batch []*queued) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, q := range last {
		delete(g.busy, q.conversation)
	}
	var left []*queued
	for _, q := range g.queue {
		if len(batch) == groupRows || g.busy[q.conversation] {
			left = append(left, q)
			continue
		}
		g.busy[q.conversation] = true
		batch = append(batch, q)
	}
	g.queue = left
	if batch == nil {
		g.running--
	} else {
		g.commits++
	}
	return batch
}

// commit sends BEGIN with the statement that locks, then the one that writes with COMMIT.
func (g *group) commit(ctx context.Context, batch []*queued) error {
	locks, writes := make([][]any, len(batch)), make([][]any, len(batch))
	for i, q := range batch {
		locks[i], writes[i] = q.lock, q.write
	}
	conn, err := g.l.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	first := &pgx.Batch{}
	first.Queue("begin")
	first.Queue(g.lock.sql, g.lock.batch(locks)...).Query(func(rows pgx.Rows) error {
		locked := 0
		for rows.Next() {
			locked++
		}
		if err := rows.Err(); err != nil || locked == len(batch) {
			return err
		}
		return fmt.Errorf("group: %d of %d conversations locked", locked, len(batch))
	})
	second := &pgx.Batch{}
	second.Queue(g.write.sql, g.write.batch(writes)...).QueryRow(func(row pgx.Row) error {
		var written int
		var shards []int32
		if err := row.Scan(&written, &shards); err != nil || written == len(batch) {
			return err
		}
		return fmt.Errorf("group: %d of %d messages written", written, len(batch))
	})
	second.Queue("commit")
	for _, b := range []*pgx.Batch{first, second} {
		if err := conn.SendBatch(ctx, b).Close(); err != nil {
			_, _ = conn.Exec(context.WithoutCancel(ctx), "rollback") // the connection is given back
			return fmt.Errorf("group: %w", err)
		}
	}
	return nil
}
