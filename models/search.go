package models

import (
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"
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

// contactSearch is the condition that a contact matches a searchQuery; index contacts_search.
func contactSearch(table string) string {
	return `search_words(coalesce(` + table + `.name, '') || ' ' || coalesce(` + table + `.email, ''))
		@@ to_tsquery('pg_catalog.simple', ?)`
}

// conversationSearch is the condition that a conversation matches a searchQuery in its subject or its contact, or has
// the number. Three look-ups by an index each, where a plain OR over both tables could use none; and as an array, so that
// the rows are then fetched by their key: as a set they would be joined to all rows of the tenant, as many as there are.
// Its arguments: tenant, query, tenant, query, tenant, number.
var conversationSearch = `c.id = ANY (ARRAY(
	SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND search_words(s.subject) @@ to_tsquery('pg_catalog.simple', ?)
	UNION SELECT s.id FROM contacts f JOIN conversations s ON s.tenant_id = f.tenant_id AND s.contact_id = f.id
		WHERE f.tenant_id = ? AND ` + contactSearch("f") + `
	UNION SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND s.number = ?))`

// listed reads a page of rows in the order of their time-ordered ids and returns the cursor of the next page.
// Errors: VALIDATION_FAILED for a cursor that is not of this list.
func listed[T any](q *gorm.DB, page Page, id func(T) uuid.UUID) ([]T, string, error) {
	at, err := page.after("")
	if err != nil {
		return nil, "", err
	}
	if at != nil {
		q = q.Where("id > ?", at.ID)
	}
	var rows []T
	if err := q.Order("id").Limit(page.limit() + 1).Find(&rows).Error; err != nil {
		return nil, "", translate(err)
	}
	next := ""
	if len(rows) > page.limit() {
		rows = rows[:page.limit()]
		next = position{ID: id(rows[len(rows)-1])}.cursor()
	}
	return rows, next, nil
}
