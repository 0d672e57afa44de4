package postgres

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"
)

const (
	// SearchWindow is how many rows of a list a search looks through in the list's own order before it asks the indexes of
	// words: enough to fill a page with what a short query finds everywhere, and a few milliseconds' work if it finds nothing.
	SearchWindow = 200
	// searchFew is how many matches are few: they are gathered, and sorted. What more rows match, at least one in 200 of a
	// million, is found sooner by going on through the list.
	searchFew = 5_000
)

// SearchQuery is text as a query of PostgreSQL's text search: rows that have, for each of its words, a word that begins
// with it. As in search_words, which the rows are indexed by, ASCII punctuation separates words; so none of the query
// language's own characters is left in them.
func SearchQuery(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return isPunctuation(r) || r <= ' ' })
	for i, word := range words {
		words[i] = "'" + word + "':*"
	}
	return strings.Join(words, " & ")
}

func isPunctuation(r rune) bool {
	return r > ' ' && r < 0x7f && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// Searched is a list of which only what matches a text is asked for.
type Searched[T any] struct {
	// Window reads the next SearchWindow rows of the list behind a position. It returns those that match, and the last row
	// that it looked at, nil if the list ended there.
	Window func(at *Position) (found []T, last *T, err error)
	// Gather returns the ids of all that matches in the tenant, or many, if those are more than searchFew.
	Gather func() (ids UUIDs, many bool, err error)
	// Among reads up to n rows behind a position that are among the ids; Walk those that match, however far it has to look.
	Among func(ids UUIDs, at *Position, n int) ([]T, error)
	Walk  func(at *Position, n int) ([]T, error)

	// Position is a row's in the list.
	Position func(T) Position
}

// Page returns up to n rows that match, in the order of the list. The work is bounded by what it finds, and not by what
// matches: to gather all that "a" finds, only to show the latest 50 of it, costs seconds among a million rows. A row that
// moves in the list between two of the statements is in the page once at most, like one that moves between two pages.
func (s Searched[T]) Page(at *Position, n int) ([]T, error) {
	found, last, err := s.Window(at)
	if err != nil || last == nil || len(found) >= n {
		return found[:min(len(found), n)], err
	}
	end := s.Position(*last)
	ids, many, err := s.Gather()
	if err != nil {
		return nil, err
	}
	var more []T
	if many {
		more, err = s.Walk(&end, n-len(found))
	} else if len(ids) > 0 {
		more, err = s.Among(ids, &end, n-len(found))
	}
	for _, row := range more {
		if !slices.ContainsFunc(found, func(other T) bool { return s.Position(other).ID == s.Position(row).ID }) {
			found = append(found, row)
		}
	}
	return found, err
}

// Looked is what a window shows of a row beside its columns.
type Looked struct {
	Nth     int // of the window
	Matches bool
}

// WindowOf splits a window's rows into those that match and the last, if the window is full.
func WindowOf[R, T any](rows []R, look func(R) (T, Looked)) (found []T, last *T) {
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
		if l.Nth == SearchWindow {
			last = &row
		}
	}
	return found, last
}

// WindowSQL reads a window: columns, the rest of a SELECT after them, its order, and the condition that a row matches.
func WindowSQL(columns, from, by, matches string) string {
	size := strconv.Itoa(SearchWindow) // a literal, so that the plan knows it
	return `SELECT * FROM (` + columns + `, row_number() OVER (ORDER BY ` + by + `) AS nth, ` + matches + ` AS matches` +
		from + ` ORDER BY ` + by + ` LIMIT ` + size + `) w WHERE matches OR nth = ` + size
}

// Gathered runs a query for ids, and tells whether there are more than searchFew.
func Gathered(db *gorm.DB, parts []string, args ...any) (UUIDs, bool, error) {
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
		IDs  UUIDs `gorm:"column:ids"`
	}
	err := db.Raw(`WITH `+strings.Join(ctes, `, `)+` SELECT `+many+` AS many, CASE WHEN `+many+` THEN '{}' ELSE ARRAY(`+
		strings.Join(ids, ` UNION `)+`) END AS ids`, args...).Scan(&row).Error
	return row.IDs, row.Many, err
}
