package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local"
)

// watchClaims has the scenarios' databases remember which process made which run of an activity the owner of claims: the
// product itself has no need to know.
const watchClaims = `
CREATE TABLE claims (owner uuid, subscription_id uuid, process text, PRIMARY KEY (owner, subscription_id));
CREATE FUNCTION note_claims() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO claims SELECT DISTINCT lease_owner, subscription_id, current_setting('application_name')
		FROM changed WHERE state = 'leased' ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
CREATE TRIGGER note_claims AFTER UPDATE ON deliveries REFERENCING NEW TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION note_claims();`

// lease is how long a claim holds (P4.1).
const lease = 30 * time.Second

// killWorker kills a worker, which entitles what it had claimed to come twice.
func (w *world) killWorker(p *process) {
	w.t.Helper()
	p.kill()
	w.bury(p, time.Now())
}

// bury notes which deliveries a worker that has ended had claimed and not recorded: they, and no others, may come twice
// (P4.3). The database must be there; no worker may have taken the claims over yet.
func (w *world) bury(p *process, ended time.Time) {
	w.t.Helper()
	w.ledger.mayRepeat(rows[string](w, `SELECT d.id::text FROM deliveries d
		JOIN claims c ON c.owner = d.lease_owner AND c.subscription_id = d.subscription_id
		WHERE d.state IN ('pending', 'leased') AND c.process = $1`, p.name()), ended)
	w.disturbed(database)
	w.cut = w.cut.Add(finishing)
}

// finishing is how long PostgreSQL may still work on a claim that a process had sent before it was killed.
const finishing = time.Second

// disturbed notes that claims may be cut off until now: a worker or the database went, or Temporal, without which activities
// are called off a little later.
func (w *world) disturbed(service local.Service) {
	w.cut = time.Now()
	if service == temporal {
		w.cut = w.cut.Add(callingOff)
	}
}

// callingOff is how long after Temporal was away an activity may be called off, because no heartbeat got through; forgetting
// is how long a claim takes at most to be recorded when nothing is taken away. Requests to these receivers are short.
const (
	callingOff = 15 * time.Second
	forgetting = 10 * time.Second
)

// expireLeases has the claims of a process that died, of deliveries and outbox rows, run out now instead of in half a
// minute; those of outbox rows, of which a live relay has some at any time, when they are older than its calls may take.
// It does nothing while the database is away. It returns how many there were.
func (w *world) expireLeases() (n int64) {
	for _, claims := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE deliveries SET leased_until = clock_timestamp() WHERE state = 'leased' AND leased_until - $1::interval <= $2`,
			[]any{lease.String(), w.cut}},
		{`UPDATE outbox SET available_at = clock_timestamp() WHERE available_at > clock_timestamp() + interval '2 seconds'
			AND available_at < clock_timestamp() + interval '24 seconds'`, nil},
	} {
		if result, err := w.db.ExecContext(w.t.Context(), claims.sql, claims.args...); err == nil {
			affected, _ := result.RowsAffected() // PostgreSQL tells
			n += affected
		}
	}
	return n
}

// requireNoneForgotten fails when there are claims of deliveries that were made after the last disturbance, and whose
// outcome was not recorded: a worker that lives has forgotten them, and only their lease keeps them from being lost
// (P4.4).
func (w *world) requireNoneForgotten() {
	w.t.Helper()
	forgotten, err := tryRows[string](w, `SELECT concat_ws(' ', d.id, 'of', c.process, 'claimed', d.leased_until - $1::interval,
			'attempts', d.attempts, 'recorded', (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id))
		FROM deliveries d LEFT JOIN claims c ON c.owner = d.lease_owner AND c.subscription_id = d.subscription_id
		WHERE d.state = 'leased' AND d.leased_until - $1::interval BETWEEN $2 AND clock_timestamp() - $3::interval`,
		lease.String(), w.cut, forgetting.String())
	if err != nil || len(forgotten) == 0 {
		return // the database is away, or nothing
	}
	arrived := map[string]int{}
	for _, in := range w.inboxes {
		for _, d := range in.All() {
			arrived[d.Delivery]++
		}
	}
	for i, f := range forgotten {
		id, _, _ := strings.Cut(f, " ")
		forgotten[i] = fmt.Sprintf("%s, %d requests", f, arrived[id])
	}
	require.FailNow(w.t, "deliveries that a worker has claimed and forgotten, though nothing was taken away",
		"%s", strings.Join(forgotten, "\n"))
}
