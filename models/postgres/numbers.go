package postgres

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// NumberKind is what the numbers of a tenant are given to. Each kind counts by itself: its next number is the
// column of that name in the tenant's row of conversation_numbers (P2).
type NumberKind string

// The kinds. The table and the first column have their names from when only conversations had numbers of their
// tenant.
const (
	ConversationNumbers NumberKind = "next"
	ContactNumbers      NumberKind = "next_contact"
	MessageNumbers      NumberKind = "next_message"
	AgentNumbers        NumberKind = "next_agent"
	TeamNumbers         NumberKind = "next_team"
)

const (
	// numberBlock is how many numbers of a kind a process takes at once, and messageBlock how many of messages:
	// a busy tenant, of a thousand messages a second, then waits for its counter's row five times a second.
	// What a process has left of a block when it ends, or forgets it, is a gap.
	numberBlock  = 50
	messageBlock = 200
	// maxCounters is how many counters, of a tenant and a kind, a process keeps blocks of at most: half a megabyte.
	maxCounters = 4096
	// counterIdle is for how long a counter that is not used keeps its blocks. Shorter, and a tenant with a
	// message every few minutes would use up a block for each.
	counterIdle = time.Hour
	// counterSweep is how often the idle ones are looked for.
	counterSweep = time.Minute
)

func (k NumberKind) block() int64 {
	if k == MessageNumbers {
		return messageBlock
	}
	return numberBlock
}

// Numbers hands out the numbers of tenants from blocks: unique, roughly rising, gaps allowed (P2). A counter
// row that is locked until each creation commits would cost three quarters of the write rate.
//
// A number is reserved before the transaction that needs it, which may have to wait for a block, over
// connections that serve nothing else; it is taken when the transaction has its locks, and that waits for
// nothing. So a reservation that turns out not to be needed uses up no number, and within a process numbers
// rise in the order of the locks.
type Numbers struct {
	Pool *sql.DB

	mu       sync.Mutex // of all below; held for no input or output
	counters map[counterKey]*counter
	sweptAt  time.Time
}

type counterKey struct {
	tenant uuid.UUID
	kind   NumberKind
}

// counter is what the process holds of one tenant's numbers of a kind.
type counter struct {
	fetching chan struct{} // full while a call fetches a block, for which the others wait
	blocks   []block       // that are not used up, the lowest first
	reserved int64         // how many of their numbers are promised
	users    int           // calls that wait for a block or have a Number
	usedAt   time.Time
}

// block is the numbers from next on, without past.
type block struct{ next, past int64 }

func (b block) isEmpty() bool { return b.next >= b.past }

func (c *counter) left() (n int64) {
	for _, b := range c.blocks {
		n += b.past - b.next
	}
	return n
}

// Number is a number that is reserved for one use, and in the end released.
type Number struct {
	numbers *Numbers
	key     counterKey
	of      *counter
	value   int64 // that was taken; 0: none yet
	held    bool  // it counts as reserved
	ended   bool
}

// Reserve promises the tenant's next number of a kind to the caller, who releases it. Errors: UNAVAILABLE; ctx's.
func (n *Numbers) Reserve(ctx context.Context, tenantID uuid.UUID, kind NumberKind) (*Number, error) {
	r := &Number{numbers: n, key: counterKey{tenantID, kind}}
	r.of = n.use(r.key)
	for !r.reserve() {
		if err := n.fetch(ctx, r.key, r.of); err != nil {
			r.Release()
			return nil, Doing(err, "take a block of numbers of tenant %s", tenantID)
		}
	}
	return r, nil
}

// use finds or makes a counter, which stays for as long as it is used.
func (n *Numbers) use(key counterKey) *counter {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.counters == nil {
		n.counters = map[counterKey]*counter{}
	}
	if now.Sub(n.sweptAt) > counterSweep {
		n.sweep(now)
	}
	c := n.counters[key]
	if c == nil {
		if len(n.counters) >= maxCounters {
			n.dropLongestIdle()
		}
		c = &counter{fetching: make(chan struct{}, 1)}
		n.counters[key] = c
	}
	c.users++
	c.usedAt = now
	return c
}

// sweep forgets the counters that were not used for long; what is left of their blocks is a gap.
func (n *Numbers) sweep(now time.Time) {
	n.sweptAt = now
	for key, c := range n.counters {
		if c.users == 0 && now.Sub(c.usedAt) > counterIdle {
			delete(n.counters, key)
		}
	}
}

// dropLongestIdle forgets one counter. Where all are in use, as many calls are under way, it forgets none.
func (n *Numbers) dropLongestIdle() {
	var oldest counterKey
	var at time.Time
	for key, c := range n.counters {
		if c.users == 0 && (at.IsZero() || c.usedAt.Before(at)) {
			oldest, at = key, c.usedAt
		}
	}
	delete(n.counters, oldest)
}

// fetch takes a block from the database, unless another call has done so meanwhile.
func (n *Numbers) fetch(ctx context.Context, key counterKey, c *counter) error {
	select {
	case c.fetching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.fetching }()
	n.mu.Lock()
	enough := c.left() > c.reserved
	n.mu.Unlock()
	if enough {
		return nil
	}
	past, err := count(ctx, n.Pool, key, key.kind.block())
	if err != nil {
		return err
	}
	n.mu.Lock()
	c.blocks = append(c.blocks, block{past - key.kind.block(), past}) // above all others, so in order
	n.mu.Unlock()
	return nil
}

// rowQuerier is a pool, or a transaction.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// count takes so many numbers from a tenant's counter, and returns the one behind them.
func count(ctx context.Context, db rowQuerier, key counterKey, numbers int64) (past int64, err error) {
	column := string(key.kind)
	err = db.QueryRowContext(ctx, `UPDATE conversation_numbers SET `+column+` = `+column+` + $2 WHERE tenant_id = $1
		RETURNING `+column, key.tenant, numbers).Scan(&past)
	if errors.Is(err, sql.ErrNoRows) {
		err = NotFound(gorm.ErrRecordNotFound, "tenant", key.tenant)
	}
	return past, err
}

// TakeNumber takes the tenant's next number of a kind in the caller's transaction, without a gap. It locks the
// tenant's counters to the end of that, and is for what happens seldom.
func TakeNumber(ctx context.Context, tx *gorm.DB, tenantID uuid.UUID, kind NumberKind) (int64, error) {
	past, err := count(ctx, tx.Statement.ConnPool, counterKey{tenantID, kind}, 1)
	return past - 1, Doing(err, "take a number of tenant %s", tenantID)
}

// reserve promises a number to r, if there is one.
func (r *Number) reserve() bool {
	r.numbers.mu.Lock()
	defer r.numbers.mu.Unlock()
	if r.of.left() <= r.of.reserved {
		return false
	}
	r.of.reserved++
	r.held = true
	return true
}

// Take is the number that was reserved, which is above the given one; again, the same one where that is above.
// Of blocks that lie behind what is not promised is dropped. false: this process has none above it, and a new
// one has to be reserved. It waits for nothing.
func (r *Number) Take(above int64) (int64, bool) {
	r.numbers.mu.Lock()
	defer r.numbers.mu.Unlock()
	if r.value > above {
		return r.value, true
	}
	c := r.of
	if !r.held && c.left() <= c.reserved { // all there are are promised to others
		return 0, false
	}
	r.letGo()
	c.drop(above)
	for i := range c.blocks {
		if b := &c.blocks[i]; b.past-1 > above {
			r.value = max(b.next, above+1)
			b.next = r.value + 1
			c.blocks = slices.DeleteFunc(c.blocks, block.isEmpty)
			return r.value, true
		}
	}
	return 0, false
}

// drop gives up the blocks without a number above the given one, but for what is promised to others: they may
// well be above what they need, and would all have to come again.
func (c *counter) drop(above int64) {
	spare := c.left() - c.reserved
	for i := range c.blocks {
		b := &c.blocks[i]
		if spare <= 0 || b.past-1 > above { // the rest is higher
			break
		}
		dropped := min(spare, b.past-b.next)
		b.past -= dropped
		spare -= dropped
	}
	c.blocks = slices.DeleteFunc(c.blocks, block.isEmpty)
}

// TakeWithin does so, or else takes a number as TakeNumber does.
func (r *Number) TakeWithin(ctx context.Context, tx *gorm.DB, above int64) (int64, error) {
	if number, ok := r.Take(above); ok {
		return number, nil
	}
	return TakeNumber(ctx, tx, r.key.tenant, r.key.kind)
}

func (r *Number) letGo() {
	if r.held {
		r.of.reserved--
		r.held = false
	}
}

// Release ends the use of a number. One that was not taken is the next one's. It is idempotent, and nothing for nil.
func (r *Number) Release() {
	if r == nil {
		return
	}
	r.numbers.mu.Lock()
	defer r.numbers.mu.Unlock()
	if !r.ended {
		r.ended = true
		r.letGo()
		r.of.users--
	}
}
