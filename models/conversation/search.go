package conversation

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
)

const (
	// searchWindow is how many rows of a list a search looks through in the list's own order before it asks the indexes of
	// words: enough to fill a page with what a short query finds everywhere, and a few milliseconds' work if it finds nothing.
	searchWindow = 200
	// searchFew is how many matches are few: they are gathered, and sorted. What more rows match, at least one in 200 of a
	// million, is found sooner by going on through the list.
	searchFew = 5_000
)

// searchQuery is text as a query of PostgreSQL's text search: rows that have, for each of its words, a word that begins
// with it. As in search_words, which the rows are indexed by, ASCII punctuation separates words; so none of the query
// language's own characters is left in them.
func searchQuery(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return isPunctuation(r) || r <= ' ' })
	for i, word := range words {
		words[i] = "'" + word + "':*"
	}
	return strings.Join(words, " & ")
}

func isPunctuation(r rune) bool {
	return r > ' ' && r < 0x7f && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// contactMatches is the condition that a contact matches a searchQuery; index contacts_search.
func contactMatches(table string) string {
	return `search_words(coalesce(` + table + `.name, '') || ' ' || coalesce(` + table + `.email, ''))
		@@ to_tsquery('pg_catalog.simple', ?)`
}

// searched is a list of which only what matches a text is asked for.
type searched[T any] struct {
	// window reads the next searchWindow rows of the list behind a position. It returns those that match, and the last row
	// that it looked at, nil if the list ended there.
	window func(at *postgres.Position) (found []T, last *T, err error)
	// gather returns the ids of all that matches in the tenant, or many, if those are more than searchFew.
	gather func() (ids postgres.UUIDs, many bool, err error)
	// among reads up to n rows behind a position that are among the ids; walk those that match, however far it has to look.
	among func(ids postgres.UUIDs, at *postgres.Position, n int) ([]T, error)
	walk  func(at *postgres.Position, n int) ([]T, error)

	position func(T) postgres.Position
}

// page returns up to n rows that match, in the order of the list. The work is bounded by what it finds, and not by what
// matches: to gather all that "a" finds, only to show the latest 50 of it, costs seconds among a million rows. A row that
// moves in the list between two of the statements is in the page once at most, like one that moves between two pages.
func (s searched[T]) page(at *postgres.Position, n int) ([]T, error) {
	found, last, err := s.window(at)
	if err != nil || last == nil || len(found) >= n {
		return found[:min(len(found), n)], err
	}
	end := s.position(*last)
	ids, many, err := s.gather()
	if err != nil {
		return nil, err
	}
	var more []T
	if many {
		more, err = s.walk(&end, n-len(found))
	} else if len(ids) > 0 {
		more, err = s.among(ids, &end, n-len(found))
	}
	for _, row := range more {
		if !slices.ContainsFunc(found, func(other T) bool { return s.position(other).ID == s.position(row).ID }) {
			found = append(found, row)
		}
	}
	return found, err
}

// looked is what a window shows of a row beside its columns.
type looked struct {
	Nth     int // of the window
	Matches bool
}

// windowOf splits a window's rows into those that match and the last, if the window is full.
func windowOf[R, T any](rows []R, look func(R) (T, looked)) (found []T, last *T) {
	slices.SortFunc(rows, func(a, b R) int {
		_, x := look(a)
		_, y := look(b)
		return cmp.Compare(x.Nth, y.Nth)
	})
	for _, r := range rows {
		row, l := look(r)
		if l.Matches {
			found = append(found, row)
		}
		if l.Nth == searchWindow {
			last = &row
		}
	}
	return found, last
}

// windowSQL reads a window: columns, the rest of a SELECT after them, its order, and the condition that a row matches.
func windowSQL(columns, from, by, matches string) string {
	size := strconv.Itoa(searchWindow) // a literal: see claimLimit
	return `SELECT * FROM (` + columns + `, row_number() OVER (ORDER BY ` + by + `) AS nth, ` + matches + ` AS matches` +
		from + ` ORDER BY ` + by + ` LIMIT ` + size + `) w WHERE matches OR nth = ` + size
}

// gathered runs a query for ids, and tells whether there are more than searchFew.
func gathered(db *gorm.DB, parts []string, args ...any) (postgres.UUIDs, bool, error) {
	most := strconv.Itoa(searchFew)
	ctes, ids, counts := make([]string, len(parts)), make([]string, len(parts)), make([]string, len(parts))
	for i, part := range parts {
		name := "part" + strconv.Itoa(i)
		ctes[i] = name + ` AS MATERIALIZED (` + part + ` LIMIT ` + most + ` + 1)`
		ids[i] = `SELECT id FROM ` + name
		counts[i] = `(SELECT count(*) > ` + most + ` FROM ` + name + `)`
	}
	many := strings.Join(counts, ` OR `)
	var row struct {
		Many bool
		IDs  postgres.UUIDs `gorm:"column:ids"`
	}
	err := db.Raw(`WITH `+strings.Join(ctes, `, `)+` SELECT `+many+` AS many, CASE WHEN `+many+` THEN '{}' ELSE ARRAY(`+
		strings.Join(ids, ` UNION `)+`) END AS ids`, args...).Scan(&row).Error
	return row.IDs, row.Many, err
}

// search returns up to n conversations of a list that match in their subject or their contact, or have the
// number, behind a position; where and args are the list's other conditions.
func (s *Store) search(
	ctx context.Context, tenantID uuid.UUID, order listOrder, where string, args []any, text string, at *postgres.Position, n int,
) ([]conversationRow, error) {
	db := s.db.Lists.WithContext(ctx)
	query := searchQuery(text)
	number, _ := strconv.ParseInt(text, 10, 64) // 0, of what is none, is no conversation's
	const subjectMatches = `search_words(%.subject) @@ to_tsquery('pg_catalog.simple', ?)`
	matches := `(` + strings.Replace(subjectMatches, "%", "c", 1) + ` OR ` + contactMatches("ct") + ` OR c.number = ?)`
	matching := []any{query, query, number}
	// list is the rest of the SELECT behind a position, and its arguments.
	list := func(at *postgres.Position) (string, []any) {
		args := append([]any{tenantID}, args...)
		if at == nil {
			return order.from + where, args
		}
		return order.from + where + ` AND ` + order.after, append(args, at.Time, at.ID)
	}
	read := func(at *postgres.Position, n int, condition string, values ...any) (rows []conversationRow, err error) {
		from, args := list(at)
		err = db.Raw(conversationColumns+from+` AND `+condition+` ORDER BY `+order.by+` LIMIT ?`,
			append(append(args, values...), n)...).Scan(&rows).Error
		return rows, err
	}
	type row struct {
		Row    conversationRow `gorm:"embedded"`
		Looked looked          `gorm:"embedded"`
	}
	return searched[conversationRow]{
		window: func(at *postgres.Position) ([]conversationRow, *conversationRow, error) {
			from, args := list(at)
			var rows []row
			err := db.Raw(windowSQL(conversationColumns, from, order.by, matches), append(slices.Clone(matching), args...)...).
				Scan(&rows).Error
			found, last := windowOf(rows, func(r row) (conversationRow, looked) { return r.Row, r.Looked })
			return found, last, err
		},
		// Three look-ups by an index each, where a plain OR over both tables could use none.
		gather: func() (postgres.UUIDs, bool, error) {
			return gathered(db, []string{
				`SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND ` + strings.Replace(subjectMatches, "%", "s", 1),
				`SELECT s.id FROM contacts f JOIN conversations s ON s.tenant_id = f.tenant_id AND s.contact_id = f.id
					WHERE f.tenant_id = ? AND ` + contactMatches("f"),
				`SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND s.number = ?`,
			}, tenantID, query, tenantID, query, tenantID, number)
		},
		among: func(ids postgres.UUIDs, at *postgres.Position, n int) ([]conversationRow, error) {
			return read(at, n, `c.id = ANY (?)`, ids)
		},
		walk: func(at *postgres.Position, n int) ([]conversationRow, error) {
			return read(at, n, matches, matching...)
		},
		position: func(r conversationRow) postgres.Position {
			return postgres.Position{Time: order.key(r.Conversation), ID: r.Conversation.ID}
		},
	}.page(at, n)
}

// searchContacts returns up to n contacts of a list that match in their name or e-mail address, behind a position. list
// makes the list's query.
func searchContacts(
	db *gorm.DB,
	tenantID uuid.UUID,
	list func() *gorm.DB,
	text string,
	at *postgres.Position,
	n int,
) ([]Contact, error) {
	query, matches := searchQuery(text), contactMatches("contacts")
	read := func(at *postgres.Position, n int, condition string, value any) (rows []Contact, err error) {
		q := list().Where(condition, value)
		if at != nil {
			q = q.Where("id > ?", at.ID)
		}
		return rows, q.Order("id").Limit(n).Find(&rows).Error
	}
	type row struct {
		Contact Contact `gorm:"embedded"`
		Looked  looked  `gorm:"embedded"`
	}
	return searched[Contact]{
		window: func(at *postgres.Position) ([]Contact, *Contact, error) {
			inner := list().Select("*, row_number() OVER (ORDER BY id) AS nth, "+matches+" AS matches", query)
			if at != nil {
				inner = inner.Where("id > ?", at.ID)
			}
			var rows []row
			err := db.Table("(?) w", inner.Order("id").Limit(searchWindow)).
				Where("matches OR nth = ?", searchWindow).Find(&rows).Error
			found, last := windowOf(rows, func(r row) (Contact, looked) { return r.Contact, r.Looked })
			return found, last, err
		},
		gather: func() (postgres.UUIDs, bool, error) {
			return gathered(
				db,
				[]string{`SELECT id FROM contacts WHERE tenant_id = ? AND number > 0 AND ` + matches},
				tenantID,
				query,
			)
		},
		among: func(ids postgres.UUIDs, at *postgres.Position, n int) ([]Contact, error) {
			return read(at, n, `id = ANY (?)`, ids)
		},
		walk:     func(at *postgres.Position, n int) ([]Contact, error) { return read(at, n, matches, query) },
		position: func(c Contact) postgres.Position { return postgres.Position{ID: c.ID} },
	}.page(at, n)
}
