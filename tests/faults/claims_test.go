package faults

import (
	"time"

	"github.com/stretchr/testify/require"
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
// (P4.3). The database must be there; nobody may have taken the claims over yet.
func (w *world) bury(p *process, ended time.Time) {
	w.t.Helper()
	w.ledger.mayRepeat(rows[string](w, `SELECT d.id::text FROM deliveries d
		JOIN claims c ON c.owner = d.lease_owner AND c.subscription_id = d.subscription_id
		WHERE d.state IN ('pending', 'leased') AND c.process = $1`, p.name()), ended)
	w.cut = time.Now()
}

// expireLeases has the claims of a process that died, of deliveries and outbox rows, run out now instead of in half a
// minute; those of outbox rows, of which a live relay has some at any time, when they are older than its calls may take.
// It does nothing while the database is away. It returns how many there were.
func (w *world) expireLeases() (n int64) {
	for _, claims := range []string{
		`UPDATE deliveries SET leased_until = clock_timestamp() WHERE state = 'leased'`,
		`UPDATE outbox SET available_at = clock_timestamp() WHERE available_at > clock_timestamp() + interval '2 seconds'
			AND available_at < clock_timestamp() + interval '24 seconds'`,
	} {
		if result, err := w.db.ExecContext(w.t.Context(), claims); err == nil {
			affected, _ := result.RowsAffected() // PostgreSQL tells
			n += affected
		}
	}
	return n
}

// requireNoneForgotten fails when there are claims that were made after the last process was killed, or the database
// taken away, and that nobody has answered for since: a worker that lives has forgotten them. Nothing has arrived for as
// long as quiet.
func (w *world) requireNoneForgotten() {
	w.t.Helper()
	since := w.cut
	if since.IsZero() {
		since = w.began
	}
	forgotten, err := tryRows[string](w, `SELECT id::text FROM deliveries WHERE state = 'leased'
		AND leased_until - $1::interval BETWEEN $2 AND clock_timestamp() - $3::interval`,
		lease.String(), since, quiet.String())
	if err == nil { // else the database is away
		require.Empty(w.t, forgotten, "deliveries that a worker has claimed and forgotten, though none was killed")
	}
}
