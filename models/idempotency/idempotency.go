package idempotency

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/fault"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

const (
	// TTL is how long a first answer is kept (P7.3).
	TTL = 24 * time.Hour
	// idempotencyWait is how long a call waits for an earlier one with its key (P7.2).
	idempotencyWait = 5 * time.Second
)

// Key says which call an answer belongs to (P7.1), and what the call asked.
type Key struct {
	TenantID     uuid.UUID
	APIKeyID     uuid.UUID // or the agent's id
	Method, Path string
	Key          string            // what the caller sent, 1 to 255 visible ASCII characters
	Request      [sha256.Size]byte // SHA-256 of what else tells requests apart: the query and the raw body

	// Shares says that the operation looks for SharedCall, and does with the store nothing but what is written by that.
	Shares bool
}

// id is the row's: no part of the scope can run into the next, since none but the last may contain the separator.
func (k Key) id() [sha256.Size]byte {
	return sha256.Sum256([]byte(k.APIKeyID.String() + "\n" + k.Method + "\n" + k.Path + "\n" + k.Key))
}

// Answer is an answer to a call, as it is stored and given again.
type Answer struct {
	Status int               // HTTP
	Header map[string]string // those that belong to the answer: Content-Type, ETag, Location
	Body   []byte
	// Decided says that the operation decided so, and would again: a 2xx or a refusal. What is not decided (too many
	// calls, a failure on our side) is neither stored nor does it leave an effect.
	Decided bool
	// Secret says that the body holds a secret, and is encrypted at rest (P7.3).
	Secret bool
}

// Do runs f at most once for each key: the first call's answer is stored in the transaction of what f did, and
// later calls get it again, which replayed tells. Whatever f does with the store through the context it is given is part
// of that transaction; it may be run several times (P7.4), and then the earlier times did not happen.
// Errors: IDEMPOTENCY_KEY_REUSED for a key that came with another body or query, IDEMPOTENCY_IN_PROGRESS when the first
// call is not done after 5 s, UNAVAILABLE, and f's own.
func (s *Store) Do(
	ctx context.Context,
	key Key,
	f func(context.Context) (Answer, error),
) (answer Answer, replayed bool, err error) {
	patience := time.Now().Add(idempotencyWait)
	// Calls of one process queue here rather than in the database, where each would hold a connection while it waits.
	leave, err := s.flights.enter(ctx, key.id(), patience)
	if err != nil {
		return Answer{}, false, err
	}
	defer leave()
	if key.Shares {
		if answer, done, err := s.together(ctx, key, f); done {
			return answer, false, err
		}
	}
	for range postgres.MaxTries {
		var again bool
		answer, replayed, again, err = s.once(ctx, key, patience, f)
		if !again {
			break
		}
	}
	return answer, replayed, postgres.Doing(err, "answer a call once")
}

// once is one try. again says that the whole was turned back for reasons of concurrency (P1.2).
func (s *Store) once(
	ctx context.Context,
	key Key,
	patience time.Time,
	f func(context.Context) (Answer, error),
) (answer Answer, replayed, again bool, err error) {
	tx, end, err := s.db.Begin(ctx)
	if err != nil {
		return Answer{}, false, false, postgres.Doing(err, "begin a unit of work")
	}
	defer end()
	if stored, err := s.claimKey(ctx, tx, key, patience); stored != nil || err != nil {
		if err != nil {
			return Answer{}, false, postgres.WorthRetrying(err), err
		}
		return *stored, true, false, nil
	}
	within, u := postgres.WithUnit(ctx, tx)
	answer, err = f(within)
	if u.TurnedBack {
		return answer, false, true, err
	}
	if err != nil || !answer.Decided {
		return answer, false, false, err
	}
	if err := s.storeAnswer(ctx, tx, key, answer); err != nil {
		return Answer{}, false, false, err
	}
	fault.At(fault.BeforeFirst)
	if err := tx.Commit(); err != nil {
		return Answer{}, false, false, postgres.TranslateCommit(err)
	}
	fault.At(fault.AfterFirst)
	s.db.WakeNow(u.WakeTopics...)
	return answer, false, false, nil
}

// It waits for the transaction of an earlier call with the key to end (see turn), as long as lock_timeout lets it; what f
// waits for afterwards is not bounded by it.
const claimKeySQL = `
WITH turn AS MATERIALIZED (
	SELECT CASE WHEN set_config('lock_timeout', $5, true) <> '' THEN pg_advisory_xact_lock($6)::text END AS has_come
)
INSERT INTO idempotency_keys (id, tenant_id, api_key_id, request, created_at)
SELECT $1, $2, $3, $4, clock_timestamp() FROM turn WHERE has_come IS NOT NULL
ON CONFLICT (id) DO NOTHING RETURNING set_config('lock_timeout', '0', true)`

// claimKey makes the key's row this transaction's, or returns the answer that is there already.
func (s *Store) claimKey(ctx context.Context, tx *sql.Tx, key Key, patience time.Time) (*Answer, error) {
	id := key.id()
	for {
		wait := max(time.Until(patience).Milliseconds(), 1)
		var unused string
		err := tx.QueryRowContext(ctx, claimKeySQL,
			id[:], key.TenantID, key.APIKeyID, key.Request[:], strconv.FormatInt(wait, 10), turn(id)).Scan(&unused)
		switch {
		case err == nil:
			return nil, nil
		case postgres.PgCode(err) == postgres.CodeLockTimeout:
			return nil, errInProgress
		case !errors.Is(err, sql.ErrNoRows):
			return nil, postgres.Doing(err, "claim an idempotency key")
		}
		answer, err := s.storedAnswer(ctx, tx, key)
		if !errors.Is(err, sql.ErrNoRows) {
			return answer, err
		}
		// It has expired, now or since the insertion: it makes room.
	}
}

var errInProgress = problem.New(problem.Conflict, problem.CodeIdempotencyInProgress,
	"an earlier call with this Idempotency-Key is still running: try again, to get its answer")

var errKeyReused = problem.New(problem.Conflict, problem.CodeIdempotencyKeyReused,
	"this Idempotency-Key came with another body or query before: use a new key for a new request, the same body and query "+
		"to repeat the old one")

// storedAnswer reads the key's answer. Errors: sql.ErrNoRows if there is none, or none any more; IDEMPOTENCY_KEY_REUSED.
func (s *Store) storedAnswer(ctx context.Context, tx *sql.Tx, key Key) (*Answer, error) {
	id := key.id()
	var a Answer
	var request, header []byte
	var expired bool
	err := tx.QueryRowContext(ctx, `SELECT request, status, header, body, is_sealed, created_at <= clock_timestamp() - $2::interval
		FROM idempotency_keys WHERE id = $1`, id[:], TTL).
		Scan(&request, &a.Status, &header, &a.Body, &a.Secret, &expired)
	if err != nil {
		return nil, err
	}
	if expired {
		if _, err := tx.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE id = $1 AND created_at <= clock_timestamp() - $2::interval`,
			id[:], TTL); postgres.PgCode(err) == postgres.CodeLockTimeout { // another deletes it, and has not come to an end
			return nil, errInProgress
		} else if err != nil {
			return nil, err
		}
		return nil, sql.ErrNoRows
	}
	if [sha256.Size]byte(request) != key.Request {
		return nil, errKeyReused
	}
	if err := json.Unmarshal(header, &a.Header); err != nil {
		return nil, fmt.Errorf("headers of a stored answer: %w", err)
	}
	if a.Secret {
		if a.Body, err = s.db.Keyring.Open(a.Body, answerAAD(id)); err != nil {
			return nil, fmt.Errorf("a stored answer: %w", err)
		}
	}
	a.Decided = true
	return &a, nil
}

func (s *Store) storeAnswer(ctx context.Context, tx *sql.Tx, key Key, a Answer) (err error) {
	id, body := key.id(), a.Body
	if a.Secret {
		if body, err = s.db.Keyring.Seal(a.Body, answerAAD(id)); err != nil {
			return fmt.Errorf("an answer with a secret: %w", err)
		}
	}
	if body == nil {
		body = []byte{}
	}
	_, err = tx.ExecContext(ctx, `UPDATE idempotency_keys SET status = $2, header = $3, body = $4, is_sealed = $5 WHERE id = $1`,
		id[:], a.Status, headerText(a.Header), body, a.Secret)
	return postgres.Doing(err, "store an answer")
}

// AnswerPlace is what a stored answer is bound to, with the hex form of its row's id.
const AnswerPlace = "idempotency-answer/"

func answerAAD(id [sha256.Size]byte) string { return AnswerPlace + hex.EncodeToString(id[:]) }

// Purge deletes answers that have expired, and returns how many.
func (s *Store) Purge(ctx context.Context) (int64, error) {
	var purged int64
	for {
		r, err := s.db.SQL.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE id IN (
			SELECT id FROM idempotency_keys WHERE created_at <= clock_timestamp() - $1::interval
			ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, TTL, postgres.PurgeRows)
		if err != nil {
			return purged, postgres.Doing(err, "delete expired answers")
		}
		n, err := r.RowsAffected()
		purged += n
		if err != nil || n < postgres.PurgeRows {
			return purged, postgres.Doing(err, "delete expired answers")
		}
	}
}

// flights let one call at a time through for each key, within this process.
type flights struct {
	mu    sync.Mutex
	calls map[[sha256.Size]byte]*flight
}

type flight struct {
	turn chan struct{} // has an element while no call is through
	here int           // those who wait and the one who is through
}

// enter waits for the key's turn, until the given time, and returns what ends it. Errors: IDEMPOTENCY_IN_PROGRESS, ctx's.
func (f *flights) enter(ctx context.Context, id [sha256.Size]byte, until time.Time) (leave func(), err error) {
	f.mu.Lock()
	if f.calls == nil {
		f.calls = map[[sha256.Size]byte]*flight{}
	}
	call := f.calls[id]
	if call == nil {
		call = &flight{turn: make(chan struct{}, 1)}
		call.turn <- struct{}{}
		f.calls[id] = call
	}
	call.here++
	f.mu.Unlock()

	gone := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if call.here--; call.here == 0 {
			delete(f.calls, id)
		}
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-call.turn:
		return func() { call.turn <- struct{}{}; gone() }, nil
	case <-timer.C:
		err = errInProgress
	case <-ctx.Done():
		err = ctx.Err()
	}
	gone()
	return nil, err
}
