package deps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Spares are databases that tests of one package have used, with what is open over them. A test that takes one finds no
// rows in it, as in a new one; but a new one costs a fifth of a second of the machine's time, with the connections that a
// store opens, which is several times what most tests do with it. What is not in rows is not new: sequences and the feed's
// last position go on, and what is open remembers what it has seen. A test of such things takes a Database of its own; so
// does one that changes the schema, the statistics or settings.
type Spares[T any] struct {
	// Open opens what tests share over a database, and returns what closes it.
	Open func(t testing.TB, url string) (value T, closeValue func())

	mu         sync.Mutex
	idle       []*spare[T]
	registered sync.Once // with Process
}

// spare is a database and what is open over it.
type spare[T any] struct {
	value  T
	close  func()
	drop   func() error
	conn   *pgx.Conn // for emptying it
	schema string    // what schemaSQL said of the new database
}

// Take returns what is open over an empty database, until the test ends. After a test that failed, or that left the
// database otherwise than it can be emptied, it is dropped.
func (s *Spares[T]) Take(t testing.TB) T {
	t.Helper()
	taken := s.pop()
	if taken == nil {
		taken = s.open(t)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			err := taken.empty()
			if err == nil {
				s.push(taken)
				return
			}
			t.Logf("the test's database is not used again: %v", err)
		}
		if err := taken.discard(); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return taken.value
}

func (s *Spares[T]) pop() *spare[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	last := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	return last
}

func (s *Spares[T]) push(one *spare[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, one)
}

func (s *Spares[T]) open(t testing.TB) *spare[T] {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	url, drop := newDatabase(t, createDatabase)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect to a test's database: %v", err)
	}
	one := &spare[T]{drop: drop, conn: conn}
	// What a test has left locked does not get to be waited for.
	if err := execute(ctx, conn, `SET lock_timeout = '5s'; SET client_min_messages = warning`); err != nil {
		t.Fatalf("set up a test's database: %v", err)
	}
	if one.schema, err = schemaOf(ctx, conn); err != nil {
		t.Fatalf("read the schema of a test's database: %v", err)
	}
	one.value, one.close = s.Open(t, url)
	s.registered.Do(func() { Process.Cleanup(s.clear) })
	return one
}

// clear closes and drops what lies idle.
func (s *Spares[T]) clear() {
	for one := s.pop(); one != nil; one = s.pop() {
		if err := one.discard(); err != nil {
			fmt.Fprintf(os.Stderr, "drop a database of the tests: %v\n", err)
		}
	}
}

func (s *spare[T]) discard() error {
	s.close()
	_ = s.conn.Close(context.Background()) // nothing is lost with it
	return s.drop()
}

// spareBytes is how large a table, with what is deleted of it, may be before its database is dropped instead of emptied:
// deleting that takes longer than a new one, and tests find their few rows among what is left of the deleted ones.
const spareBytes = 4 << 20

// kept are the tables whose rows a new database has, too. The feed's one row stays as it is: streams remember where it was.
const kept = `('goose_db_version', 'feed')`

// schemaSQL says what a test may have changed in the schema: the numbers and the newest of its relations, columns,
// constraints, triggers and functions, and what is dropped or disabled.
const schemaSQL = `SELECT concat_ws(' ',
	(SELECT concat(count(*), '/', max(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
	(SELECT concat(count(*), '/', max(attnum), '/', count(*) FILTER (WHERE attisdropped)) FROM pg_attribute a
		JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace),
	(SELECT concat(count(*), '/', max(oid)) FROM pg_constraint),
	(SELECT concat(count(*), '/', max(oid), '/', count(*) FILTER (WHERE tgenabled <> 'O')) FROM pg_trigger),
	(SELECT concat(count(*), '/', max(oid)) FROM pg_proc))`

func schemaOf(ctx context.Context, conn *pgx.Conn) (schema string, err error) {
	return schema, conn.QueryRow(ctx, schemaSQL).Scan(&schema)
}

// empty deletes the rows of all tables. Errors: what makes the database unfit for another test.
func (s *spare[T]) empty() error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	schema, err := schemaOf(ctx, s.conn)
	if err != nil {
		return err
	}
	if schema != s.schema {
		return errors.New("the schema was changed")
	}
	rows, err := s.conn.Query(ctx, `SELECT quote_ident(relname), pg_relation_size(oid) > $1 FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT IN `+kept+`
		AND pg_relation_size(oid) > 0`, spareBytes)
	if err != nil {
		return err
	}
	var table string
	var large bool
	statements := []string{`SET session_replication_role = replica`} // so that references do not ask for an order
	_, err = pgx.ForEachRow(rows, []any{&table, &large}, func() error {
		if large {
			return fmt.Errorf("%s has become large", table)
		}
		statements = append(statements, `DELETE FROM `+table)
		return nil
	})
	if err != nil {
		return err
	}
	return execute(ctx, s.conn, strings.Join(statements, "; "))
}
