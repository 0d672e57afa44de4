package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/deploy/local/demo"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/stack"
)

// triaged is how many conversations are gone through.
const triaged = 20

// demoDesk makes the demo's data, and of its open conversations as many as are to be gone through. The owner signs in.
func (c *console) demoDesk() {
	c.t.Helper()
	ctx := c.t.Context()
	seeded, err := demo.Seed(ctx, local.Seeding{
		Store: c.Store, ReceiverURL: "http://127.0.0.1:9/hooks", SampleDockURL: "http://127.0.0.1:9/dock",
	})
	require.NoError(c.t, err)
	c.Tenant, err = c.Store.Accounts.Tenant(ctx, seeded.TenantID)
	require.NoError(c.t, err)
	c.me = account.Agent{TenantID: seeded.TenantID, ID: seeded.OwnerID}
	for i := len(c.openOnes(ctx)); i < triaged; i++ {
		_, err := c.Store.Conversations.Create(ctx, seeded.TenantID, wire.System, conversation.NewConversation{
			ExternalReference: uuid.NewString(), Subject: fmt.Sprint("Question ", i),
			Contact: contact.Identity{Email: fmt.Sprintf("c%d@customers.example", i)},
			Message: &conversation.FirstMessage{Text: new("Where is it?")},
		})
		require.NoError(c.t, err)
	}
}

func (c *console) openOnes(ctx context.Context) []conversation.Conversation {
	c.t.Helper()
	open, _, err := c.Store.Lists.Conversations(ctx, c.Tenant.ID,
		listing.Filter{Status: "active", Sort: listing.SortLastMessage}, postgres.Page{Limit: 200})
	require.NoError(c.t, err)
	return open
}

// Who goes through the list by keys and assigns each conversation to themselves visits each once, from the top, whatever comes
// meanwhile; what has come is sorted in when it is asked for.
func TestTwentyConversationsAreVisitedOnceEach(t *testing.T) {
	t.Parallel()
	c := openConsoleOf(t, stack.Start(t), account.RoleOwner, (*console).demoDesk) // a demo is made once
	c.visit("/inbox")
	c.tab.Until(`document.querySelectorAll(".list li").length > 5`)
	c.awake()
	order := c.openOnes(t.Context())
	require.GreaterOrEqual(t, len(order), triaged)
	last := order[len(order)-1]
	var visited []string
	for i := range triaged {
		c.tab.Press("j\r")
		// The one that is open is another than before, and the row the keys are on.
		c.tab.Until(`location.pathname.split("/")[3] !== undefined && location.pathname.split("/")[3] !== %q
			&& document.querySelector(".row.at.open")?.pathname === location.pathname`, lastOf(visited))
		c.tab.Until(`document.querySelector(".thread .message") && document.querySelector(".head .picker")`)
		id := browser.Get[string](c.tab, `location.pathname.split("/")[3]`)
		visited = append(visited, id)
		c.tab.Press("a")
		c.tab.Until(`document.activeElement.matches(".popover-search")`)
		c.tab.Press("\r")
		c.tab.Until(`!document.querySelector(".popover")`)
		require.Eventually(t, func() bool {
			now, err := c.Store.Conversations.Get(t.Context(), c.Tenant.ID, uuid.MustParse(id))
			return err == nil && now.AssigneeID != nil && *now.AssigneeID == c.me.ID
		}, soon, often)
		if i == triaged/2 { // a customer whose turn is to come writes again, and is not moved to the top
			_, err := c.Store.Conversations.PostMessage(t.Context(), c.Tenant.ID, last.ID, wire.System,
				conversation.NewMessage{Direction: conversation.Inbound, Text: new("Hello?")})
			require.NoError(t, err)
			c.tab.Until(`document.querySelector(".list-news")?.textContent.includes("1 update")`)
		}
	}
	var want []string
	for _, one := range order[:triaged] {
		want = append(want, one.ID.String())
	}
	require.Equal(t, want, visited)
	c.tab.Press("u")
	c.tab.Until(`!document.querySelector(".list-news")`)
	require.Equal(t, last.ID, c.openOnes(t.Context())[0].ID)
	require.Empty(t, c.tab.Complaints())
}

func lastOf(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1]
}

// A row in the list of what is breached says so, by the metric where another clock goes on in time. What is breached and
// still open is in the report, which leads to the list of just that. A reader is not offered as an assignee.
func TestBreachedMeansOneThing(t *testing.T) {
	t.Parallel()
	var three [3]wire.Conversation
	c := openConsole(t, account.RoleOwner, func(c *console) {
		c.agent("Rita Reader", "rita@shop.example", account.RoleReader)
		c.policy(nil, map[string][3]int{"first_reply": {1, 2, 3}, "resolution": {3600, 7200, 10800}})
		three = c.three()
	})
	breached := func(w wire.Conversation) bool { return w.SLA != nil && w.SLA.State == "breached" }
	for _, one := range three {
		c.becomes(one.ID, breached)
	}
	c.must(http.MethodPost, part(three[0].ID, "/messages"), map[string]any{"text": "On its way."}, nil) // late
	c.visit("/inbox?sla=breached")
	c.tab.Until(`document.querySelectorAll(".list li").length === 3`)
	badges := browser.Get[[]string](c.tab, `[...document.querySelectorAll(".list li")].map((li) =>
		[...li.querySelectorAll(".sla")].map((s) => s.innerText.replace(/\s+/g, " ")).join(" ").toLowerCase())`)
	require.Len(t, badges, 3)
	for _, text := range badges {
		require.Contains(t, text, "breached")
	}
	c.open(three[0].ID)
	c.tab.Until(`[...document.querySelectorAll(".head .sla")].map((s) => s.innerText).join().includes("First reply: breached")`)
	c.tab.Press("a")
	c.tab.Until(`document.activeElement.matches(".popover-search")`)
	offered := browser.Get[string](c.tab, `document.querySelector(".popover").innerText`)
	require.Contains(t, offered, "Ben Bitdiddle")
	require.NotContains(t, offered, "Rita Reader")
	c.tab.Press(kb.Escape)
	c.awake()
	c.must(http.MethodPost, part(three[0].ID, "/messages"), map[string]any{"direction": "note", "text": "Ask Ben first"}, nil)
	c.shows(c.tab, "Ask Ben first") // which is no version

	c.visit("/reports")
	c.shows(c.tab, "Breached and still open now")
	c.tab.Click(".breached-open a")
	c.tab.Until(`document.querySelectorAll(".list li").length === 2`)
	require.ElementsMatch(t, []string{"Mateo Silva", "Wen Li"}, c.rows())
	require.Empty(t, c.tab.Complaints())
}
