package postgres

import (
	"strconv"
	"sync"

	"github.com/google/uuid"
)

// Where there is more to do than one claim takes, tenants take turns: each gives its oldest, then each its next (P1.9,
// P3.5). Tenants are found by jumping through an index from one to the next, so that a hundred thousand rows of one of them
// cost no more than one row.

// turnTenants bounds how many tenants one claim takes rows of. The next claim goes on behind the last of them.
const turnTenants = 64

// turnPositions remember, for each kind of work, behind which tenant this process goes on. The zero value is ready.
type turnPositions struct {
	mu     sync.Mutex
	behind map[string]uuid.UUID
}

// From makes a claim behind the last one's tenants, and from the first tenant on if there was nothing. The claim returns
// how many rows it got, how many tenants had work, and the last of those.
func (p *turnPositions) From(work string, claim func(behind uuid.UUID) (rows, tenants int, last uuid.UUID, err error)) error {
	p.mu.Lock()
	behind := p.behind[work]
	p.mu.Unlock()
	for {
		rows, tenants, last, err := claim(behind)
		if err != nil {
			return err
		}
		if rows == 0 && behind != uuid.Nil {
			behind = uuid.Nil
			continue
		}
		if tenants < turnTenants {
			last = uuid.Nil // it has seen all behind the position: once more from the beginning
		}
		p.mu.Lock()
		if p.behind == nil {
			p.behind = map[string]uuid.UUID{}
		}
		p.behind[work] = last
		p.mu.Unlock()
		return nil
	}
}

// WorkOf is a query's parts "candidates", all tenants behind @behind that have rows in a table that meet one condition;
// "working", the first of those that have a row x that meets another, which names t.tenant_id; and "work", the columns of
// the first rows of each in an order. An index has tenant_id and then that order, for rows that meet the first condition.
func WorkOf(table, indexed, condition, columns, order string, rows int) string {
	next := `SELECT tenant_id FROM ` + table + ` WHERE ` + indexed + ` AND tenant_id > `
	return `WITH RECURSIVE candidates AS (
	(` + next + `CAST(@behind AS uuid) ORDER BY tenant_id, ` + order + ` LIMIT 1)
	UNION ALL
	SELECT n.tenant_id FROM candidates t, LATERAL (` + next + `t.tenant_id ORDER BY tenant_id, ` + order + ` LIMIT 1) n
), working AS MATERIALIZED (
	SELECT t.tenant_id FROM candidates t, LATERAL (SELECT FROM ` + table + ` x WHERE ` + condition + `
		ORDER BY ` + order + ` LIMIT 1) x
	LIMIT ` + strconv.Itoa(turnTenants) + `
), work AS MATERIALIZED (
	SELECT w.* FROM working t, LATERAL (SELECT ` + columns + ` FROM ` + table + ` x WHERE ` + condition + `
		ORDER BY ` + order + ` LIMIT ` + strconv.Itoa(rows) + `) w
)`
}

// WorkSeen are the columns that tell turnPositions of the tenants of a query that begins with workOf.
const WorkSeen = `(SELECT count(*) FROM working) AS tenants,
	(SELECT tenant_id FROM working ORDER BY tenant_id DESC LIMIT 1) AS last`
