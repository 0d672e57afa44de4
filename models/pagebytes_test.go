package models_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// A hundred large messages are read in pages of some megabytes, each message once, and so are their events.
func TestPagesOfLargeMessagesEndEarly(t *testing.T) {
	b := setupAlone(t)
	c := b.conversation("large")
	const posted = 20
	large := strings.Repeat("x", 255<<10)
	for i := range posted {
		b.post(c.ID, conversation.NewMessage{Direction: conversation.Inbound, Text: text(strconv.Itoa(i) + large), HTML: &large})
	}
	seen := map[int64]bool{}
	pages := 0
	for page := (postgres.Page{Limit: 200}); ; pages++ {
		found, next, err := b.Lists.Messages(t.Context(), b.tenant.ID, c.ID, page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(found), 9)
		for _, m := range found {
			require.False(t, seen[m.Number])
			seen[m.Number] = true
		}
		if page.Cursor = next; next == "" {
			break
		}
	}
	require.Len(t, seen, posted+1)
	require.Greater(t, pages, 1)
	latest, err := b.Lists.LatestMessages(t.Context(), b.tenant.ID, c.ID, 50)
	require.NoError(t, err)
	require.Len(t, latest, 8)
	require.Equal(t, strconv.Itoa(posted-1)+large, *latest[7].Text)
}
