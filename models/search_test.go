package models_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
)

// However many match, and wherever in a list they are, a search finds exactly what a look at every row finds, in the order
// of the list, on every page: whether the first rows of the list fill a page, a few have to be gathered by the index, or
// those are too many and the list is gone through.
func TestASearchFindsAllThatMatchesInTheOrderOfTheList(t *testing.T) {
	trace := &lastQuery{}
	b := setupAlone(t, func(o *models.Options) { o.Tracer = trace })
	const rows = 12_000
	b.exec(`INSERT INTO contacts (tenant_id, id, name, email, created_at, updated_at)
		SELECT $1, gen_random_uuid(), CASE WHEN i % 1000 = 0 THEN 'Quentin' ELSE 'Customer' END || ' ' || i, 'c' || i || '@shop.example',
			now(), now() FROM generate_series(1, $2) i`, b.tenant.ID, rows)
	// The words, by how many have them and where: "everywhere" has all, "old" all but the latest 3,000, "rare" 24 and
	// "middling" every seventh.
	b.exec(`INSERT INTO conversations (tenant_id, id, number, subject, channel, status, engagement, contact_id, version, chain_id,
			created_at, updated_at, sla_due_at)
		SELECT $1, c.id, i, 'everywhere ' || CASE WHEN i > 3000 THEN 'old ' ELSE 'new ' END || CASE WHEN i % 500 = 0 THEN 'rare ' ELSE '' END
				|| CASE WHEN i % 7 = 0 THEN 'middling' ELSE '' END,
			'email', CASE WHEN i % 40 = 0 THEN 'active' ELSE 'done' END, 'pending', c.id, 1, c.id,
			now() - i * interval '1 second', now() - i * interval '1 second', CASE WHEN i % 3 = 0 THEN now() - i * interval '1 minute' END
		FROM (SELECT id, row_number() OVER (ORDER BY number) AS i FROM contacts WHERE tenant_id = $1) c`, b.tenant.ID)
	b.exec(`INSERT INTO conversation_recency SELECT tenant_id, id, status, assignee_id, team_id, sla_state, updated_at,
		coalesce(last_message_at, created_at) FROM conversations`)
	b.exec(`VACUUM ANALYZE contacts, conversations, conversation_recency`)

	matches := map[string]func(i int) bool{
		"e":           func(int) bool { return true },
		"everywhere":  func(int) bool { return true },
		"old":         func(i int) bool { return i > 3000 },
		"new":         func(i int) bool { return i <= 3000 },
		"rare":        func(i int) bool { return i%500 == 0 },
		"mid":         func(i int) bool { return i%7 == 0 },
		"old mid":     func(i int) bool { return i > 3000 && i%7 == 0 },
		"quent":       func(i int) bool { return i%1000 == 0 },
		"5000":        func(i int) bool { return i == 5000 }, // the number, and a contact's name
		"unheard":     func(int) bool { return false },
		"c11999@shop": func(i int) bool { return i == 11999 },
	}
	for _, list := range []struct {
		sort   string
		status string
		in     func(i int) bool
		down   bool // from the highest i
	}{
		{listing.SortUpdated, "", func(int) bool { return true }, false},
		{listing.SortUpdated, "active", func(i int) bool { return i%40 == 0 }, false},
		{listing.SortCreated, "", func(int) bool { return true }, true},
		{listing.SortSLADue, "", func(i int) bool { return i%3 == 0 }, true},
	} {
		for query, match := range matches {
			var want []int64
			for i := 1; i <= rows; i++ {
				if list.in(i) && match(i) {
					want = append(want, int64(i))
				}
			}
			if list.down {
				slices.Reverse(want)
			}
			var got []int64
			page := postgres.Page{Limit: 100}
			for range 4 { // and all of it, where it is less
				found, next, err := b.Lists.Conversations(t.Context(), b.tenant.ID,
					listing.Filter{Query: query, Sort: list.sort, Status: list.status}, page)
				require.NoError(t, err, "%v %s", list, query)
				for _, c := range found {
					got = append(got, c.Number)
				}
				page.Cursor = next
				if next == "" {
					break
				}
			}
			if page.Cursor != "" {
				require.Len(t, got, 400)
				want = want[:400]
			}
			require.Equal(t, want, append([]int64(nil), got...), "%s %s %s", list.sort, list.status, query)
		}
	}
	for query, want := range map[string]int{"c": 400, "quentin": 12, "c7@": 400, "c77 shop": 111, "nobody": 0} {
		var got []int64
		page := postgres.Page{Limit: 100}
		for range 4 {
			found, next, err := b.Lists.Contacts(t.Context(), b.tenant.ID, listing.ContactFilter{Query: query}, page)
			require.NoError(t, err)
			for _, c := range found {
				got = append(got, c.Number)
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		require.Len(t, got, want, query)
		sorted := slices.Clone(got)
		slices.Sort(sorted)
		require.Len(t, slices.Compact(sorted), want, "each once: %s", fmt.Sprint(got))
	}
	// What everything matches costs what is on the page, too.
	for _, query := range []string{"e", "everywhere", "mid"} {
		_, _, err := b.Lists.Conversations(t.Context(), b.tenant.ID, listing.Filter{Query: query}, postgres.Page{Limit: 10})
		require.NoError(t, err)
		touched, plan := trace.pages(b)
		require.Less(t, touched, 3_000, "%s\n%s", query, plan)
	}
}
