package postgres

import (
	"context"
	"database/sql/driver"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/atender/atender/models/ident"
)

// A connection keeps its plans, and what it kept from before a border between partitions was made for a partition without
// rows. So every connection plans anew soon after the border, and again whenever the partition may be twice as large: a plan
// that was made when the week was a minute old is used until it is two to three minutes old. That is some twenty times in a
// week, at the connection's next use, and not for all connections at once.

const (
	// firstRenewal is how old a week is, in half, when its first plans are made: there are some pages to plan by, and what was
	// kept until then has read few.
	firstRenewal = 500 * time.Millisecond
	// bordersEvery is how often a process looks where the borders are. Partitions are made weeks ahead.
	bordersEvery = time.Hour
	// bordersAgain is after how long it looks again when that has failed.
	bordersAgain = time.Minute
)

// planRenewal makes connections plan anew after borders between partitions. The zero value is ready; it is safe for concurrent
// use.
type planRenewal struct {
	mu      sync.Mutex
	looksAt time.Time   // when the borders are looked for again
	borders []time.Time // the beginnings of partitions, in order
}

// planning is since when a connection has its plans, kept with it.
type planning struct {
	since time.Time
	share float64 // from 0 to 1: by how much it is later than others
}

// planningKey is where a connection keeps it.
const planningKey = "atender planning"

// notePlanning is called with every new connection, which has no plans.
func notePlanning(_ context.Context, conn *pgconn.PgConn) error {
	conn.CustomData()[planningKey] = planning{time.Now(), rand.Float64()} //nolint:gosec // spreads work, hides nothing
	return nil
}

// RenewPlans makes a connection of its user's own plan its statements anew, if a border between partitions has passed since it
// did. It is called before a statement whose plan is kept.
func (s *DB) RenewPlans(ctx context.Context, conn *pgx.Conn) error {
	return Doing(s.plans.renew(ctx, conn.PgConn()), "renew the plans of a connection")
}

// beforeReuse is renew for a pool. A connection that fails is closed, and its plans are gone, too.
func (r *planRenewal) beforeReuse(ctx context.Context, conn *pgx.Conn) error {
	if r.renew(ctx, conn.PgConn()) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// renew speaks to the connection below the tracers: what they count is the product's own statements.
func (r *planRenewal) renew(ctx context.Context, conn *pgconn.PgConn) error {
	now := time.Now()
	if r.shallLook(now) {
		if err := r.look(ctx, conn); err != nil {
			return err
		}
	}
	p, known := conn.CustomData()[planningKey].(planning)
	border := r.last(now)
	if known && (border.IsZero() || now.Before(p.due(border))) {
		return nil
	}
	if _, err := conn.Exec(ctx, `DISCARD PLANS`).ReadAll(); err != nil {
		return err
	}
	return notePlanning(ctx, conn)
}

// due is when the plans of a connection are renewed for a border.
func (p planning) due(border time.Time) time.Time {
	age := max(p.since.Sub(border), firstRenewal)
	return border.Add(time.Duration(float64(age) * (2 + p.share)))
}

// shallLook tells one caller to look for the borders; the others go on with what is known.
func (r *planRenewal) shallLook(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.looksAt) {
		return false
	}
	r.looksAt = now.Add(bordersAgain)
	return true
}

// last is the last border before a time; zero when none is known.
func (r *planRenewal) last(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, _ := slices.BinarySearchFunc(r.borders, now, time.Time.Compare)
	if i == 0 {
		return time.Time{}
	}
	return r.borders[i-1]
}

// look reads the bounds of all partitions from the catalog.
func (r *planRenewal) look(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, `SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent IN (to_regclass('`+strings.Join(partitioned, `'), to_regclass('`)+`'))`).ReadAll()
	if err != nil {
		return err
	}
	var borders []time.Time
	for _, row := range results[0].Rows {
		if m := partitionBounds.FindSubmatch(row[0]); m != nil {
			borders = append(borders, ident.Time(uuid.MustParse(string(m[1]))))
		}
	}
	slices.SortFunc(borders, time.Time.Compare)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.borders, r.looksAt = borders, time.Now().Add(bordersEvery)
	return nil
}
