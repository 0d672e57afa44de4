package postgres

import (
	"context"
	"database/sql"
	"sync"

	"github.com/google/uuid"
)

// numberBlock is how many conversation numbers a process takes at once (P2). What it has left when it ends is a gap.
const numberBlock = 50

// Numbers hands out conversation numbers from blocks: unique, roughly rising, gaps allowed. A counter row locked
// until each creation commits would cost three quarters of the write rate.
type Numbers struct {
	Pool   *sql.DB // apart from the one that a creation has a connection of
	mu     sync.Mutex
	tenant map[uuid.UUID]*numberRange
}

type numberRange struct {
	mu         sync.Mutex // one goroutine fetches the next block, the others wait for it
	next, past int64
}

// Next is the next number of a tenant. Errors: UNAVAILABLE.
func (n *Numbers) Next(ctx context.Context, tenantID uuid.UUID) (int64, error) {
	n.mu.Lock()
	if n.tenant == nil {
		n.tenant = map[uuid.UUID]*numberRange{}
	}
	r := n.tenant[tenantID]
	if r == nil {
		r = &numberRange{}
		n.tenant[tenantID] = r
	}
	n.mu.Unlock()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == r.past {
		err := n.Pool.QueryRowContext(ctx, `UPDATE conversation_numbers SET next = next + $2 WHERE tenant_id = $1 RETURNING next`,
			tenantID, numberBlock).Scan(&r.past)
		if err != nil {
			r.next, r.past = 0, 0
			return 0, Doing(err, "take a block of conversation numbers of tenant %s", tenantID)
		}
		r.next = r.past - numberBlock
	}
	r.next++
	return r.next - 1, nil
}
