package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

// ErrAlone says that a shared call was not written with others. Nothing of it has happened, and Do runs it again as a unit of
// work of its own: this run needs no answer.
var ErrAlone = errors.New("the call needs a transaction of its own")

// Shared is a call with a key whose effect is written together with those of other calls, and its answer with them (P1.10,
// P7.1), so that it does not take a transaction of its own.
type Shared struct {
	key     Key
	id      [sha256.Size]byte
	written bool
}

type sharedKey struct{}

// SharedCall is the shared call that runs with the context; nil where there is none.
func SharedCall(ctx context.Context) *Shared {
	call, _ := ctx.Value(sharedKey{}).(*Shared)
	return call
}

// Written notes that the answer has been committed with what the call did.
func (c *Shared) Written() { c.written = true }

// Subject is the key, as something that no two calls of a group may write.
func (c *Shared) Subject() uuid.UUID { return uuid.UUID(c.id[:16]) }

// turn is the number of the lock that whoever makes the row of a key holds from before it looks for one until its transaction
// ends (P7.2). So a group need not wait for a row that another transaction is making.
func turn(id [sha256.Size]byte) int64 { return int64(binary.BigEndian.Uint64(id[:8])) }

// Wanted are what lets a statement find out whose keys are free, for each of several calls in one order: arguments for columns
// of the types bytea and bigint, both NULL for a call without a key.
func Wanted(calls []*Shared) (ids [][]byte, turns []*int64) {
	ids, turns = make([][]byte, len(calls)), make([]*int64, len(calls))
	for i, c := range calls {
		if c != nil {
			number := turn(c.id)
			ids[i], turns[i] = c.id[:], &number
		}
	}
	return ids, turns
}

// IsFree is the expression that tells of the columns for Wanted whether a call may be answered for the first time in this
// transaction, and makes the key this transaction's. A call without a key may. It does not wait: what another transaction is
// answering is not free. What that one has committed since the statement began is found by InsertAnswers.
func IsFree(id, turn string) string {
	return `(` + turn + ` IS NULL OR (pg_try_advisory_xact_lock(` + turn + `)
		AND NOT EXISTS (SELECT FROM idempotency_keys k WHERE k.id = ` + id + `)))`
}

// InsertAnswers adds the answers to calls, whose keys were free, to a statement, as the common table expression "answer", which
// has a row for each that was stored: fewer than there are calls if another transaction was before.
func InsertAnswers(st *postgres.Statement, calls []*Shared, answers []Answer) {
	n := len(calls)
	ids, tenants, keys, requests := make([][]byte, n), make([]uuid.UUID, n), make([]uuid.UUID, n), make([][]byte, n)
	statuses, headers, bodies := make([]int64, n), make([]string, n), make([][]byte, n)
	for i, c := range calls {
		a := answers[i]
		ids[i], tenants[i], keys[i], requests[i] = c.id[:], c.key.TenantID, c.key.APIKeyID, c.key.Request[:]
		statuses[i], headers[i], bodies[i] = int64(a.Status), headerText(a.Header), a.Body
	}
	st.With("answer", `INSERT INTO idempotency_keys (id, tenant_id, api_key_id, request, status, header, body, created_at)
		SELECT u.id, u.tenant_id, u.api_key_id, u.request, u.status, u.header::jsonb, u.body, clock_timestamp()
		FROM unnest(`+st.Arg(ids)+`::bytea[], `+st.Arg(tenants)+`::uuid[], `+st.Arg(keys)+`::uuid[], `+st.Arg(requests)+`::bytea[], `+
		st.Arg(statuses)+`::bigint[], `+st.Arg(headers)+`::text[], `+st.Arg(bodies)+`::bytea[])
			u (id, tenant_id, api_key_id, request, status, header, body)
		ON CONFLICT (id) DO NOTHING RETURNING 1`)
}

// headerText is the JSON that the headers of an answer are stored as.
func headerText(header map[string]string) string {
	if header == nil {
		return "{}"
	}
	text, _ := json.Marshal(header) // strings can always be written
	return string(text)
}

// together runs a call that can be written with others. done is false where that did not come about, or where a refusal has to
// be stored: nothing has happened then.
func (s *Store) together(
	ctx context.Context, key Key, f func(context.Context) (Answer, error),
) (answer Answer, done bool, err error) {
	call := &Shared{key: key, id: key.id()}
	answer, err = f(context.WithValue(ctx, sharedKey{}, call))
	if errors.Is(err, ErrAlone) {
		return Answer{}, false, nil
	}
	return answer, call.written || err != nil || !answer.Decided, err
}
