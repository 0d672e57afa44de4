package listing

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// contactMatches is the condition that a contact matches a searchQuery; index contacts_search.
func contactMatches(table string) string {
	return `search_words(coalesce(` + table + `.name, '') || ' ' || coalesce(` + table + `.email, ''))
		@@ to_tsquery('pg_catalog.simple', ?)`
}

// search returns up to n conversations of a list that match in their subject or their contact, or have the
// number, behind a position; where and args are the list's other conditions.
func (s *Store) search(
	ctx context.Context, tenantID uuid.UUID, order listOrder, where string, args []any, text string, at *postgres.Position, n int,
) ([]conversation.Row, error) {
	db := s.db.Lists.WithContext(ctx)
	query := postgres.SearchQuery(text)
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
		return order.from + where + ` AND ` + order.after, append(args, order.bind(*at)...)
	}
	read := func(at *postgres.Position, n int, condition string, values ...any) (rows []conversation.Row, err error) {
		from, args := list(at)
		err = db.Raw(conversation.SelectRow+from+` AND `+condition+` ORDER BY `+order.by+` LIMIT ?`,
			append(append(args, values...), n)...).Scan(&rows).Error
		return rows, err
	}
	type row struct {
		Row    conversation.Row `gorm:"embedded"`
		Looked postgres.Looked  `gorm:"embedded"`
	}
	return postgres.Searched[conversation.Row]{
		Window: func(at *postgres.Position) ([]conversation.Row, *conversation.Row, error) {
			from, args := list(at)
			var rows []row
			window := postgres.WindowSQL(conversation.SelectRow, from, order.by, matches)
			err := db.Raw(window, append(slices.Clone(matching), args...)...).Scan(&rows).Error
			found, last := postgres.WindowOf(rows, func(r row) (conversation.Row, postgres.Looked) { return r.Row, r.Looked })
			return found, last, err
		},
		// Three look-ups by an index each, where a plain OR over both tables could use none.
		Gather: func() (postgres.UUIDs, bool, error) {
			return postgres.Gathered(db, []string{
				`SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND ` + strings.Replace(subjectMatches, "%", "s", 1),
				`SELECT s.id FROM contacts f JOIN conversations s ON s.tenant_id = f.tenant_id AND s.contact_id = f.id
					WHERE f.tenant_id = ? AND ` + contactMatches("f"),
				`SELECT s.id FROM conversations s WHERE s.tenant_id = ? AND s.number = ?`,
			}, tenantID, query, tenantID, query, tenantID, number)
		},
		Among: func(ids postgres.UUIDs, at *postgres.Position, n int) ([]conversation.Row, error) {
			return read(at, n, `c.id = ANY (?)`, ids)
		},
		Walk: func(at *postgres.Position, n int) ([]conversation.Row, error) {
			return read(at, n, matches, matching...)
		},
		Position: func(r conversation.Row) postgres.Position {
			return order.at(r.Conversation)
		},
	}.Page(at, n)
}

// searchContacts returns up to n contacts of a list that match in their name or e-mail address, or have the external id,
// behind a position. list makes the list's query.
func searchContacts(
	db *gorm.DB,
	tenantID uuid.UUID,
	list func() *gorm.DB,
	text string,
	at *postgres.Position,
	n int,
) ([]contact.Contact, error) {
	query, matches := postgres.SearchQuery(text), `(`+contactMatches("contacts")+` OR external_id = ?)`
	read := func(at *postgres.Position, n int, condition string, values ...any) (rows []contact.Contact, err error) {
		q := list().Where(condition, values...)
		if at != nil {
			q = q.Where("id > ?", at.ID)
		}
		return rows, q.Order("id").Limit(n).Find(&rows).Error
	}
	type row struct {
		Contact contact.Contact `gorm:"embedded"`
		Looked  postgres.Looked `gorm:"embedded"`
	}
	return postgres.Searched[contact.Contact]{
		Window: func(at *postgres.Position) ([]contact.Contact, *contact.Contact, error) {
			inner := list().Select("*, row_number() OVER (ORDER BY id) AS nth, "+matches+" AS matches", query, text)
			if at != nil {
				inner = inner.Where("id > ?", at.ID)
			}
			var rows []row
			err := db.Table("(?) w", inner.Order("id").Limit(postgres.SearchWindow)).
				Where("matches OR nth = ?", postgres.SearchWindow).Find(&rows).Error
			found, last := postgres.WindowOf(rows,
				func(r row) (contact.Contact, postgres.Looked) { return r.Contact, r.Looked })
			return found, last, err
		},
		Gather: func() (postgres.UUIDs, bool, error) {
			return postgres.Gathered(
				db,
				[]string{
					`SELECT id FROM contacts WHERE tenant_id = ? AND number > 0 AND ` + contactMatches("contacts"),
					`SELECT id FROM contacts WHERE tenant_id = ? AND number > 0 AND external_id = ?`,
				},
				tenantID, query, tenantID, text,
			)
		},
		Among: func(ids postgres.UUIDs, at *postgres.Position, n int) ([]contact.Contact, error) {
			return read(at, n, `id = ANY (?)`, ids)
		},
		Walk: func(at *postgres.Position, n int) ([]contact.Contact, error) {
			return read(at, n, matches, query, text)
		},
		Position: func(c contact.Contact) postgres.Position { return postgres.Position{ID: c.ID} },
	}.Page(at, n)
}
