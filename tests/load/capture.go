package main

import (
	"context"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/atender/atender/models/ident"
)

// recorder is a tracer that keeps the statements of one operation of package models, as they are sent.
type recorder struct {
	mu         sync.Mutex
	on         bool
	statements []statement
}

type statement struct {
	sql  string
	args []any
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		r.statements = append(r.statements, statement{d.SQL, slices.Clone(d.Args)})
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// record returns what f sends to the database.
func (r *recorder) record(f func() error) ([]statement, error) {
	r.mu.Lock()
	r.on, r.statements = true, nil
	r.mu.Unlock()
	err := f()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	return r.statements, err
}

// template is a recorded transaction that can be repeated with other ids.
type template struct {
	statements []statement // without BEGIN and COMMIT
	roundTrips int         // with them
	fresh      []uuid.UUID // ids that the operation made, rising
	known      map[uuid.UUID]bool
}

// copies are the tables whose rows the worker acts on: repeated transactions write to copies of them.
var copies = []string{"deliveries", "outbox"}

// copySchema holds the copies.
const copySchema = "load"

// newTemplate makes a template of recorded statements. known are the ids that stay, or that repeat replaces itself.
func newTemplate(recorded []statement, known ...uuid.UUID) (*template, error) {
	t := &template{roundTrips: len(recorded), known: map[uuid.UUID]bool{uuid.Nil: true}}
	for _, id := range known {
		t.known[id] = true
	}
	n := len(recorded)
	if n < 3 || !strings.EqualFold(recorded[0].sql, "begin") || !strings.EqualFold(recorded[n-1].sql, "commit") {
		return nil, fmt.Errorf("an operation of %d statements that is not one transaction: the limit has to follow how "+
			"models writes now", n)
	}
	for _, s := range recorded[1 : n-1] {
		for _, table := range copies {
			s.sql = strings.ReplaceAll(s.sql, "INSERT INTO "+table+" ", "INSERT INTO "+copySchema+"."+table+" ")
		}
		t.statements = append(t.statements, s)
		for _, arg := range s.args {
			if err := t.findIDs(arg); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(t.fresh, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	t.fresh = slices.Compact(t.fresh)
	return t, nil
}

var uuidText = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func (t *template) findIDs(arg any) error {
	_, err := replaced(arg, func(s string) string {
		for _, found := range uuidText.FindAllString(s, -1) {
			t.found(uuid.MustParse(found))
		}
		return s
	}, func(id uuid.UUID) uuid.UUID {
		t.found(id)
		return id
	}, func(n int64) int64 { return n })
	return err
}

func (t *template) found(id uuid.UUID) {
	if !t.known[id] {
		t.fresh = append(t.fresh, id)
	}
}

// repeat makes the statements of another operation like the recorded one: new ids in the same order, made for the given
// time; the texts, ids and numbers given in place of the recorded ones.
func (t *template) repeat(at time.Time, texts map[string]string, ids map[uuid.UUID]uuid.UUID, numbers map[int64]int64,
) ([]statement, error) {
	all := make(map[uuid.UUID]uuid.UUID, len(t.fresh)+len(ids))
	var pairs []string
	add := func(from, to uuid.UUID) {
		all[from] = to
		pairs = append(pairs, from.String(), to.String())
	}
	for from, to := range ids {
		add(from, to)
	}
	sequence := ident.NewSequence(at)
	for _, id := range t.fresh {
		add(id, sequence.Next())
	}
	for from, to := range texts {
		pairs = append(pairs, from, to)
	}
	for from, to := range numbers {
		pairs = append(pairs, strconv.FormatInt(from, 10), strconv.FormatInt(to, 10))
	}
	replacer := strings.NewReplacer(pairs...)
	out := make([]statement, len(t.statements))
	for i, s := range t.statements {
		out[i] = statement{s.sql, make([]any, len(s.args))}
		for j, arg := range s.args {
			var err error
			out[i].args[j], err = replaced(arg, replacer.Replace, func(id uuid.UUID) uuid.UUID {
				if to, ok := all[id]; ok {
					return to
				}
				return id
			}, func(n int64) int64 {
				if to, ok := numbers[n]; ok {
					return to
				}
				return n
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// replaced is a statement's argument with its texts, ids and numbers put through functions. The error is for a type that
// package models has not used so far: it could hide an id.
func replaced(arg any, text func(string) string, id func(uuid.UUID) uuid.UUID, number func(int64) int64) (any, error) {
	switch v := arg.(type) {
	case nil, bool, time.Time, *time.Time, []int32, []bool, int, int16, int32, float64, []byte:
		return v, nil
	case int64:
		return number(v), nil
	case string:
		return text(v), nil
	case *string:
		if v == nil {
			return v, nil
		}
		s := text(*v)
		return &s, nil
	case []string:
		return mapped(v, text), nil
	case uuid.UUID:
		return id(v), nil
	case []uuid.UUID:
		return mapped(v, id), nil
	case pgtype.UUID:
		return sixteen(v, id), nil
	case []pgtype.UUID:
		return mapped(v, func(u pgtype.UUID) pgtype.UUID { return sixteen(u, id) }), nil
	case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID: // how to send it, as database/sql's driver asks
		return v, nil
	case driver.Valuer: // array columns, which come as text
		plain, err := v.Value()
		if _, again := plain.(driver.Valuer); err != nil || again {
			return nil, fmt.Errorf("a statement's argument of type %T: %w", arg, err)
		}
		return replaced(plain, text, id, number)
	default:
		return nil, fmt.Errorf("a statement's argument of type %T: the limit has to learn about it", arg)
	}
}

// sixteen replaces an identifier that travels as its bytes.
func sixteen(u pgtype.UUID, id func(uuid.UUID) uuid.UUID) pgtype.UUID {
	if u.Valid {
		u.Bytes = id(u.Bytes)
	}
	return u
}

func mapped[T any](in []T, f func(T) T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
