package faults

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/conformance"
)

// ledger is what the API has answered, and what a crash entitles to come twice.
type ledger struct {
	mu            sync.Mutex
	conversations map[string]uuid.UUID // by reference: those a 201 or, after a try without an answer, a 409 named
	created       int                  // of them by 201
	messages      []uuid.UUID
	posted        atomic.Int64            // messages that a 201 named, where their ids are not kept
	snoozes       map[uuid.UUID]time.Time // until when, by conversation
	resolved      map[uuid.UUID]bool
	actions       []string // request ids of dock actions that the API has taken in
	statuses      map[int]int
	byAPI         map[*process]int
	silent        int                    // calls without an answer
	replayed      int                    // answers that were given once before
	wrong         []string               // answers that the API must never give
	repeatable    map[string][]time.Time // deliveries that were claimed and not recorded when a worker was killed, and when
}

func newLedger() *ledger {
	return &ledger{
		conversations: map[string]uuid.UUID{}, snoozes: map[uuid.UUID]time.Time{}, resolved: map[uuid.UUID]bool{},
		statuses: map[int]int{}, byAPI: map[*process]int{}, repeatable: map[string][]time.Time{},
	}
}

func (l *ledger) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *ledger) unanswered() { l.do(func() { l.silent++ }) }

// answered notes an answer. Whatever happens to what is behind the API, it is one that the document describes, never 500,
// and 503 is an error as promised.
func (l *ledger) answered(api *process, method, target string, r reply) {
	what := method + " " + target
	path, _, _ := strings.Cut(target, "?")
	undescribed := conformance.Served().Answer(method, path, r.status, r.header, r.body)
	l.do(func() {
		l.statuses[r.status]++
		l.byAPI[api]++
		if undescribed != nil {
			l.wrong = append(l.wrong, undescribed.Error())
		}
		away := r.status == http.StatusServiceUnavailable && envelope(r) && r.header.Get("Retry-After") != ""
		if r.status >= 500 && !away {
			l.wrong = append(l.wrong, fmt.Sprintf("%s: %d %s", what, r.status, r.body))
		}
	})
}

func (l *ledger) create(reference string, id uuid.UUID, by201 bool) {
	l.do(func() {
		if have, ok := l.conversations[reference]; ok && have != id {
			l.wrong = append(l.wrong, fmt.Sprintf("%s is %s in one answer and %s in another", reference, have, id))
		}
		l.conversations[reference] = id
		if by201 {
			l.created++
		}
	})
}

func (l *ledger) message(id uuid.UUID) { l.do(func() { l.messages = append(l.messages, id) }) }

func (l *ledger) snooze(conversation uuid.UUID, until time.Time) {
	l.do(func() { l.snoozes[conversation] = until })
}

func (l *ledger) resolve(conversation uuid.UUID) { l.do(func() { l.resolved[conversation] = true }) }

func (l *ledger) asked(request string) { l.do(func() { l.actions = append(l.actions, request) }) }

func (l *ledger) mayRepeat(deliveries []string, at time.Time) {
	l.do(func() {
		for _, d := range deliveries {
			l.repeatable[d] = append(l.repeatable[d], at)
		}
	})
}

// seen is how often an answer has had a status.
func (l *ledger) seen(status int) (n int) {
	l.do(func() { n = l.statuses[status] })
	return n
}

// quiet is how long nothing has to arrive for the claims that there are to have no owner left: their answer was lost
// with the connection to the database, say. Requests to these receivers take milliseconds.
const quiet = 3 * time.Second

// owed says what is still owed, and how many seconds that may take on a small machine that other tests share: receivers take
// hundreds of deliveries a second, Temporal a few dozen signals, but of conversations in which nothing is due one at a
// time, with a pause of twice what the call took (P1.9), which may be most of a second.
const owed = `SELECT concat_ws(', ',
		nullif(d.n, 0) || ' deliveries ' || d.states,
		(SELECT nullif(count(*), 0) || ' conversations with something due' FROM conversations WHERE next_due_at IS NOT NULL),
		(SELECT nullif(count(*), 0) || ' dock actions' FROM dock_actions WHERE state = 'pending'),
		nullif(o.n, 0) || ' outbox rows',
		(SELECT nullif(count(*), 0) || ' events without a position' FROM events WHERE position IS NULL)), (d.n / 100.0 + o.n)::float8
	FROM (SELECT count(*) AS n, string_agg(DISTINCT state, '/') AS states FROM deliveries WHERE state IN ('pending', 'leased')) d,
		(SELECT count(*) AS n FROM outbox) o`

// settle waits until nothing is owed any more: no delivery, no snooze, no tripwire, no dock action, nothing to tell
// Temporal, no place in the feed. It may take as long as given, and what the backlog takes besides. Unless it is to be
// patient it does not wait half a minute for a claim without an owner. A worker runs, and none forgets a claim.
func (w *world) settle(within time.Duration) {
	w.t.Helper()
	var left string
	var backlog float64
	began, said := time.Now(), time.Now()
	arrived, quietSince := 0, time.Now()
	for {
		if n := w.arrived(); n != arrived {
			arrived, quietSince = n, time.Now()
		}
		if time.Since(quietSince) > quiet {
			w.requireNoneForgotten()
			if w.patient {
				// They run out in their own time.
			} else if n := w.expireLeases(); n > 0 {
				w.logf("%d claims that nobody has run out now", n)
			}
			quietSince = time.Now()
		}
		var takes float64
		err := w.db.QueryRowContext(w.t.Context(), owed).Scan(&left, &takes)
		if err == nil && left == "" {
			return
		}
		backlog = max(backlog, takes)
		if time.Since(said) > 10*time.Second {
			w.logf("left: %s", left)
			said = time.Now()
		}
		if limit := within + time.Duration(backlog*float64(time.Second)); time.Since(began) > limit {
			require.FailNow(w.t, "it does not settle", "after %s there are %s; %v", limit, left, err)
		}
		pollPause(began)
	}
}

// tell makes a table of what the others say of each conversation.
const tell = `CREATE TABLE told AS WITH e AS (SELECT conversation_id AS id,
		count(*) FILTER (WHERE type = 'conversation.created' AND version = 1) AS creations,
		count(*) FILTER (WHERE type = 'tag.added' AND version = 1) AS tags,
		count(*) FILTER (WHERE type = 'message.received' AND version = 1) AS first_messages,
		count(*) FILTER (WHERE type IN ('message.received', 'message.sent')) AS messages,
		count(*) FILTER (WHERE type = 'conversation.updated' AND payload::jsonb #>> '{data,changes,status,from}' = 'snoozed'
			AND payload::jsonb #>> '{data,actor,type}' = 'system') AS wakes
	FROM events GROUP BY 1),
l AS (SELECT conversation_id AS id, array_agg(DISTINCT version ORDER BY version) AS versions,
		count(*) FILTER (WHERE kind = 'created' AND version = 1) AS creations,
		count(*) FILTER (WHERE kind = 'snoozed') AS snoozes, count(*) FILTER (WHERE kind = 'woken') AS wakes
	FROM conversation_timeline GROUP BY 1),
m AS (SELECT conversation_id AS id, count(*) FILTER (WHERE direction <> 'note') AS messages FROM messages GROUP BY 1)
SELECT c.id, c.version, c.external_reference IS NOT NULL AS ordered, e.creations, e.tags, e.first_messages, e.messages, e.wakes,
	l.versions, l.creations AS creations_told, l.snoozes, l.wakes AS wakes_told, m.messages AS messages_there
FROM conversations c LEFT JOIN e ON e.id = c.id LEFT JOIN l ON l.id = c.id LEFT JOIN m ON m.id = c.id`

// that names the conversations of which the table tells something wrong.
func that(wrong string) string { return `SELECT id::text FROM told WHERE ` + wrong }

// halves finds what only a write that is not atomic, or is made twice, could leave: each query names offenders.
var halves = map[string]string{
	"a conversation without its one creation":       that(`creations IS DISTINCT FROM 1 OR creations_told IS DISTINCT FROM 1`),
	"a creation whose tags were not announced once": that(`ordered AND tags IS DISTINCT FROM 2`),
	"a creation without its message":                that(`ordered AND first_messages IS DISTINCT FROM 1`),
	"a message without its one event":               that(`coalesce(messages, 0) <> coalesce(messages_there, 0)`),
	"a version that nothing in the timeline accounts for": that(`versions IS DISTINCT FROM
		(SELECT array_agg(v ORDER BY v) FROM generate_series(1, version) v)`),
	"a version that two changes have made": `SELECT min(id::text) FROM (SELECT id, conversation_id, version, created_at FROM events
		UNION ALL SELECT id, conversation_id, version, created_at FROM conversation_timeline) told
		WHERE conversation_id IS NOT NULL GROUP BY conversation_id, version HAVING count(DISTINCT created_at) > 1`,
	"a snooze that ended more or less than once": that(`snoozes <> wakes_told`),
	"a wake without its one event":               that(`wakes <> wakes_told`),
	"a message that is not in the timeline once": `SELECT m.id::text FROM messages m
		LEFT JOIN conversation_timeline l ON l.data ->> 'messageId' = m.id::text GROUP BY m.id HAVING count(l.id) <> 1`,
	"a message with a key that is there twice": `SELECT text FROM messages WHERE starts_with(text, '` + onceMark + `')
		GROUP BY text HAVING count(*) > 1`,
	"an event that is there twice": `SELECT min(id::text) FROM events
		GROUP BY coalesce(conversation_id, contact_id), version, type, payload HAVING count(*) > 1`,
	"an event without its one delivery to a webhook": `SELECT e.id::text FROM events e
		JOIN subscriptions s ON s.tenant_id = e.tenant_id LEFT JOIN deliveries d ON d.event_id = e.id AND d.subscription_id = s.id
		GROUP BY e.id, s.id HAVING count(d.id) <> 1`,
	"a delivery that was given up": `SELECT id::text FROM deliveries WHERE state <> 'delivered'`,
	"a place in the feed that was given twice": `SELECT position::text FROM events WHERE position IS NOT NULL
		GROUP BY position HAVING count(*) > 1`,
	"a contact without a conversation": `SELECT ct.id::text FROM contacts ct
		LEFT JOIN conversations c ON c.contact_id = ct.id WHERE c.id IS NULL`,
}

// balance compares what was answered with what the database has and what the receivers have accepted, and returns how
// many deliveries came more than once. Scenarios whose conversations do more than the queries foresee name those to leave
// out.
func (w *world) balance(without ...string) (duplicates int) {
	w.t.Helper()
	w.balanceFeed()
	l := w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(w.t, l.wrong, "answers that must not be")
	w.exec(`ANALYZE`) // so that the queries below take no minutes
	w.exec(`DROP TABLE IF EXISTS told`)
	w.exec(tell)
	w.exec(`DROP TABLE IF EXISTS expected`)
	w.exec(expect)
	have := set(rows[string](w, `SELECT external_reference || ' ' || id FROM conversations WHERE external_reference IS NOT NULL`))
	for reference, id := range l.conversations {
		requireIn(w.t, have, reference+" "+id.String(), "a conversation that was answered with success is lost")
	}
	messages := set(rows[string](w, `SELECT id::text FROM messages`))
	for _, id := range l.messages {
		requireIn(w.t, messages, id.String(), "a message that was answered with success is lost")
	}
	asked := set(rows[string](w, `SELECT request_id FROM dock_actions`))
	for _, request := range l.actions {
		requireIn(w.t, asked, request, "a dock action that was answered with success is lost")
	}
	for what, query := range queries(without) {
		require.Empty(w.t, rows[string](w, query), what)
	}
	w.balanceSnoozes()
	duplicates = w.balanceDeliveries()
	crossed, late := w.crossings()
	w.logf("ledger: %d conversations (%d by 201), %d messages, %d snoozes, %d resolved, %d dock actions; %d tripwires crossed, "+
		"the latest noticed %.1f s late; answers %v, %d calls unanswered; %d deliveries accepted, %d of them again",
		len(l.conversations), l.created, len(l.messages), len(l.snoozes), len(l.resolved), len(l.actions), crossed, late,
		l.statuses, l.silent, w.arrived(), duplicates)
	return duplicates
}

func queries(without []string) map[string]string {
	kept := maps.Clone(halves)
	maps.Copy(kept, tripwires)
	maps.Copy(kept, actions)
	for _, what := range without {
		if _, ok := kept[what]; !ok {
			panic("there is no check for " + what)
		}
		delete(kept, what)
	}
	return kept
}

// balanceSnoozes checks that what was answered with success did what it said.
func (w *world) balanceSnoozes() {
	w.t.Helper()
	slept := set(rows[string](w, `SELECT conversation_id::text FROM timeline WHERE kind = 'snoozed'`))
	for id := range w.ledger.snoozes {
		requireIn(w.t, slept, id.String(), "a snooze that was answered with success is lost")
	}
	resolved := set(rows[string](w, `SELECT conversation_id::text FROM timeline WHERE kind = 'resolved'`))
	for id := range w.ledger.resolved {
		requireIn(w.t, resolved, id.String(), "a resolution that was answered with success is lost")
	}
}

// requireIn is for large sets, in which require.Contains would look at every element.
func requireIn(t *testing.T, s map[string]bool, value, otherwise string) {
	t.Helper()
	if !s[value] {
		require.FailNow(t, otherwise, value)
	}
}

func set(values []string) map[string]bool {
	s := make(map[string]bool, len(values))
	for _, v := range values {
		s[v] = true
	}
	return s
}

// requireNothingSilent is for scenarios in which the API never went away.
func (w *world) requireNothingSilent(t *testing.T) {
	t.Helper()
	w.ledger.do(func() { require.Zero(t, w.ledger.silent, "calls without an answer") })
}
