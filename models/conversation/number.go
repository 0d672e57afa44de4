package conversation

import (
	"context"
	"database/sql"
	"sync"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

// numberBlock is how many conversation numbers a process takes at once (P2). What it has left when it ends is a gap.
const numberBlock = 50

// numberBlocks hands out conversation numbers from blocks: unique, roughly rising, gaps allowed. A counter row locked
// until each creation commits would cost three quarters of the write rate.
type numberBlocks struct {
	pool   *sql.DB
	mu     sync.Mutex
	tenant map[uuid.UUID]*numberRange
}

type numberRange struct {
	mu         sync.Mutex // one goroutine fetches the next block, the others wait for it
	next, past int64
}

func (s *Store) nextNumber(ctx context.Context, tenantID uuid.UUID) (int64, error) {
	s.numbers.mu.Lock()
	if s.numbers.tenant == nil {
		s.numbers.tenant = map[uuid.UUID]*numberRange{}
	}
	r := s.numbers.tenant[tenantID]
	if r == nil {
		r = &numberRange{}
		s.numbers.tenant[tenantID] = r
	}
	s.numbers.mu.Unlock()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == r.past {
		err := s.numbers.pool.QueryRowContext(ctx, `UPDATE conversation_numbers SET next = next + $2 WHERE tenant_id = $1 RETURNING next`,
			tenantID, numberBlock).Scan(&r.past)
		if err != nil {
			r.next, r.past = 0, 0
			return 0, postgres.Translate(err)
		}
		r.next = r.past - numberBlock
	}
	r.next++
	return r.next - 1, nil
}
