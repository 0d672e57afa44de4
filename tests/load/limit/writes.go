package limit

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Writes is what was written to tables and their indexes, as the write-ahead log has it.
type Writes struct {
	Rows    map[string]int `json:"rowVersions"`  // by table, partitions together
	Indexes map[string]int `json:"indexEntries"` // by table; B-trees only: what goes into others is gathered first
}

// Total adds the tables up.
func (w Writes) Total() (rows, entries int) {
	for _, n := range w.Rows {
		rows += n
	}
	for _, n := range w.Indexes {
		entries += n
	}
	return rows, entries
}

// Position is where the log ends.
func Position(ctx context.Context, db *pgxpool.Pool) (lsn string, err error) {
	return lsn, db.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&lsn)
}

// ReadWrites reads from the log, from a position to its end, what was written to the tables of a schema. It needs the
// extension pg_walinspect, of PostgreSQL's own, and a superuser; and the log must still be there: max_wal_size bounds how
// long a run it can be asked about.
func ReadWrites(ctx context.Context, db *pgxpool.Pool, schema, from string) (Writes, error) {
	w := Writes{Rows: map[string]int{}, Indexes: map[string]int{}}
	if _, err := db.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_walinspect SCHEMA public`); err != nil {
		return w, fmt.Errorf("read the log: %w", err)
	}
	// A row is inserted or updated by one record each; an entry of a B-tree is, unless its page is split for it.
	rows, err := db.Query(ctx, `
		WITH written AS MATERIALIZED (
			SELECT record_type, (regexp_match(block_ref, 'rel \d+/(\d+)/(\d+)'))[1:2] AS at, count(*) AS n
			FROM public.pg_get_wal_records_info($2::text::pg_lsn, pg_current_wal_flush_lsn())
			WHERE resource_manager = 'Heap' AND record_type ~ '^(INSERT|UPDATE|HOT_UPDATE)'
				OR resource_manager = 'Btree' AND record_type IN ('INSERT_LEAF', 'INSERT_POST', 'SPLIT_L', 'SPLIT_R')
			GROUP BY 1, 2
		), object AS (
			SELECT c.relkind, coalesce(t.oid, c.oid) AS relation, pg_relation_filenode(c.oid) AS node
			FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
			WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'i')
		)
		SELECT o.relkind = 'i', coalesce(p.inhparent, o.relation)::regclass::text, sum(w.n)::bigint
		FROM written w JOIN object o ON o.node::text = w.at[2]
			LEFT JOIN pg_inherits p ON p.inhrelid = o.relation
		WHERE w.at[1] = (SELECT oid::text FROM pg_database WHERE datname = current_database())
		GROUP BY 1, 2`, schema, from)
	if err != nil {
		return w, fmt.Errorf("read the log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var isIndex bool
		var table string
		var n int
		if err := rows.Scan(&isIndex, &table, &n); err != nil {
			return w, err
		}
		table = table[strings.LastIndexByte(table, '.')+1:]
		if isIndex {
			w.Indexes[table] += n
		} else {
			w.Rows[table] += n
		}
	}
	return w, rows.Err()
}
