package account

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/ratelimit"
)

// What rates are limited for.
const (
	rateKey         = "key"
	rateSession     = "session"
	rateDockReads   = "dock_reads"
	rateDockActions = "dock_actions"
)

// RateSubject is what a rate limit is counted for.
type RateSubject struct {
	TenantID uuid.UUID
	ID       uuid.UUID // of the key, the session, or the dock session
	Kind     string
	Limits   ratelimit.Limits
}

// dockActionCalls is how often the token of a dock session may ask for an action. How many actions there are is counted
// beside it, under the session's lock (limitDockActions), since agents ask for them without a token.
var dockActionCalls = ratelimit.Limits{PerMinute: DockActionsPerMinute}

// RateSubject is what the principal's calls are counted for. asksDock says that the call asks for an action of a dock.
func (p Principal) RateSubject(asksDock bool) RateSubject {
	subject := RateSubject{TenantID: p.TenantID}
	switch {
	case p.DockSessionID != uuid.Nil && asksDock:
		subject.ID, subject.Kind, subject.Limits = p.DockSessionID, rateDockActions, dockActionCalls
	case p.DockSessionID != uuid.Nil:
		subject.ID, subject.Kind, subject.Limits = p.DockSessionID, rateDockReads, ratelimit.DockReads
	case p.Agent != nil:
		subject.ID, subject.Kind, subject.Limits = p.SessionID, rateSession, ratelimit.ConsoleSession
	default:
		subject.ID, subject.Kind, subject.Limits = p.KeyID, rateKey, p.Limits
	}
	return subject
}

// rateLeaseSQL takes tokens and gives others back (P11.2): ratelimit.Window.Take, decided by the database's clock,
// which is read once, after the row is locked. $4 shifts that clock (Options.Clock). $6 and $7 are null for no
// limit: least ignores null.
var rateLeaseSQL = `
INSERT INTO rate_windows AS w (tenant_id, subject, kind, slot, counts, day, in_day, granted, leased_at)
SELECT $1, $2, $3, t.slot, array_fill(0, ARRAY[` + olderSlots + `]) || t.granted, t.slot / ` + slotsInDay + `,
	t.granted, t.granted, t.now
FROM (SELECT now, floor(extract(epoch FROM now) * ` + slotsInSecond + `)::bigint AS slot,
		least($5::integer, $6::integer, $7::integer) AS granted
	FROM (SELECT clock_timestamp() + $4::interval AS now OFFSET 0) clock) t
ON CONFLICT (subject, kind) DO UPDATE SET (slot, counts, day, in_day, granted, leased_at) = (
	SELECT t.slot, m.counts[:` + olderSlots + `] || (m.counts[` + allSlots + `] + g.granted), t.day,
		d.in_day + g.granted, g.granted, t.now
	FROM (SELECT now, slot, slot / ` + slotsInDay + ` AS day, least(slot - old, ` + allSlots + `)::integer AS moved
		FROM (SELECT now, old, CASE WHEN slot > old - ` + allSlots + ` THEN greatest(slot, old) ELSE slot END AS slot
			FROM (SELECT now, w.slot AS old, floor(extract(epoch FROM now) * ` + slotsInSecond + `)::bigint AS slot
				FROM (SELECT clock_timestamp() + $4::interval AS now OFFSET 0) clock) r) s) t,
	LATERAL (SELECT array_agg(greatest(c.n - coalesce(b.n, 0), 0) ORDER BY c.i) AS counts,
			sum(greatest(c.n - coalesce(b.n, 0), 0)) AS used
		FROM unnest(CASE WHEN t.moved < 0 THEN array_fill(0, ARRAY[` + allSlots + `])
			ELSE w.counts[t.moved + 1:] || array_fill(0, ARRAY[t.moved]) END) WITH ORDINALITY c (n, i)
		LEFT JOIN unnest($8::bigint[], $9::integer[]) b (slot, n) ON b.slot - t.slot + ` + allSlots + ` = c.i) m,
	LATERAL (SELECT greatest(CASE WHEN w.day = t.day AND t.moved >= 0 THEN w.in_day ELSE 0 END
			- coalesce(sum(b.n) FILTER (WHERE b.slot / ` + slotsInDay + ` = t.day), 0), 0)::bigint AS in_day
		FROM unnest($8::bigint[], $9::integer[]) b (slot, n)) d,
	LATERAL (SELECT greatest(least($5::integer, $6::integer - m.used, $7::integer - d.in_day), 0)::integer AS granted) g)
RETURNING slot, counts, day, in_day, granted, leased_at`

// The numbers of package ratelimit as the statement has them.
var (
	allSlots      = strconv.Itoa(ratelimit.Slots)
	olderSlots    = strconv.Itoa(ratelimit.Slots - 1)
	slotsInSecond = strconv.Itoa(int(time.Second / ratelimit.Slot))
	slotsInDay    = strconv.Itoa(int(24 * time.Hour / ratelimit.Slot))
)

// Lease makes a request of the database. Nothing else writes rate_windows but what deletes rows.
func (s *Limiter) Lease(ctx context.Context, subject RateSubject, r ratelimit.Request) (_ ratelimit.Answer, err error) {
	defer postgres.During(&err, "lease calls for %s %s", subject.Kind, subject.ID)
	slots, tokens := make([]int64, len(r.Back)), make([]int32, len(r.Back))
	for i, back := range r.Back {
		slots[i], tokens[i] = back.Slot, int32(back.Tokens)
	}
	now := time.Now()
	var a ratelimit.Answer
	var counts postgres.Ints
	err = s.db.Leases.QueryRowContext(ctx, rateLeaseSQL, subject.TenantID, subject.ID, subject.Kind, s.db.Clock(now).Sub(now),
		r.Tokens, positive(r.Limits.Minute()), positive(r.Limits.PerDay), slots, tokens).
		Scan(&a.Window.Slot, &counts, &a.Window.Day, &a.Window.InDay, &a.Tokens, &a.Now)
	a.Window.Counts = counts
	return a, err
}

// rateWindowKept is how long a window is kept after it was used last, apart from those of keys, which count a day.
const rateWindowKept = 5 * time.Minute

// PurgeWindows deletes the windows that hold nothing any more.
func (s *Limiter) PurgeWindows(ctx context.Context) (err error) {
	defer postgres.During(&err, "purge windows of rate limits")
	for {
		r := s.db.Main.WithContext(ctx).Exec(`DELETE FROM rate_windows WHERE (subject, kind) IN (SELECT subject, kind FROM rate_windows
			WHERE leased_at < clock_timestamp() - ?::interval
				AND (kind <> ? OR leased_at < date_trunc('day', clock_timestamp(), 'UTC'))
			LIMIT ? FOR UPDATE SKIP LOCKED)`, rateWindowKept, rateKey, postgres.PurgeRows)
		if r.Error != nil || r.RowsAffected < postgres.PurgeRows {
			return r.Error
		}
	}
}
