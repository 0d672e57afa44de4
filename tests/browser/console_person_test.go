package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
)

const passphrase = "a long enough passphrase"

// signInAs signs an agent in by the form on the page.
func (c *console) signInAs(tab *browser.Tab, email string) {
	c.t.Helper()
	for name, text := range map[string]string{"email": email, "password": passphrase} {
		tab.Until(`document.querySelector(".sign-in input[name=%s]")`, name)
		tab.Do(`document.querySelector(".sign-in input[name=%s]").focus()`, name)
		tab.Press(text)
	}
	tab.Press(kb.Enter)
	tab.Until(`document.querySelector(".rail")`)
}

func (c *console) signOut() {
	c.t.Helper()
	c.tab.Do(`document.querySelector(".rail .picker button").click()`)
	c.press("Sign out")
}

// drafted opens the conversation in the tab with a draft in it, and something by which the document is known again.
func (c *console) drafted(tab *browser.Tab, of wire.Conversation) {
	c.t.Helper()
	tab.Goto(c.site.Origin + "/console/inbox/" + of.ID.String())
	tab.Until(`document.querySelector(".thread .message")`)
	tab.Do(`window.same = true; document.querySelector("textarea").focus()`)
	tab.Press("Half a thou")
	tab.Until(`Object.keys(localStorage).some((key) => key.startsWith("atender.draft."))`)
}

// left waits until the tab shows a new document, which asks who is there.
func left(tab *browser.Tab) {
	tab.Until(`!window.same && document.querySelector(".sign-in") && location.pathname === "/console"`)
}

const personal = `Object.keys(localStorage).filter((key) => /draft|unsent|seen|person/.test(key)).length`

// Who signs in next at the same browser, of another organisation here, meets nothing of who was there before: not on the
// page, not behind the address, not in the other tab, not by going back.
func TestNothingOfAPersonIsLeftForTheNext(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	other, _, err := c.Store.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Bergen Bikes"})
	require.NoError(t, err)
	bob, err := c.Store.Accounts.CreateAgent(t.Context(), other.ID,
		account.NewAgent{Name: "Bob Bergen", Email: "bob@" + other.ID.String() + ".example", Role: account.RoleOwner})
	require.NoError(t, err)
	require.NoError(t, c.Store.SignIns.SetPassword(t.Context(), other.ID, bob.ID, passphrase))
	three := c.three()
	second := c.tab.Beside()
	c.drafted(c.tab, three[0])
	c.drafted(second, three[1])

	c.signOut()
	left(c.tab)
	left(second)
	require.Zero(t, browser.Get[int](c.tab, personal))

	c.signInAs(c.tab, bob.Email)
	c.tab.Until(`location.pathname === "/console/inbox" && document.querySelector(".rail [title^='Bob Bergen']")`)
	c.shows(c.tab, "Nothing is open.")
	second.Until(`document.querySelector(".rail [title^='Bob Bergen']")`) // which follows
	for _, tab := range []*browser.Tab{c.tab, second} {
		for _, of := range []string{"Noor", "The lid is broken", "Invoice", "Ben Bitdiddle"} {
			require.NotContains(t, browser.Get[string](tab, "document.body.innerText"), of)
		}
	}
	c.tab.Goto(c.site.Origin + "/console/inbox/" + three[0].ID.String())
	c.shows(c.tab, "There is no such conversation.")
}

// A session that has ended elsewhere ends here by itself. What its agent has written waits for the same agent, and for
// no other.
func TestASessionThatHasEndedLeavesThePage(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent, func(c *console) { // before she is there: it ends sessions
		require.NoError(t, c.Store.SignIns.SetPassword(t.Context(), c.Tenant.ID, c.me.ID, passphrase))
	})
	three := c.three()
	second := c.tab.Beside()
	c.drafted(c.tab, three[0])
	c.drafted(second, three[1])
	c.awake()
	require.NoError(t, c.Store.SignIns.EndAll(t.Context(), c.Tenant.ID, c.me.ID))
	left(c.tab)
	left(second)

	c.signInAs(c.tab, c.me.Email)
	c.open(three[0].ID)
	require.Equal(t, "Half a thou", browser.Get[string](c.tab, `document.querySelector("textarea").value`))
	c.tab.Do(`window.same = true`)
	require.NoError(t, c.Store.SignIns.EndAll(t.Context(), c.Tenant.ID, c.me.ID))
	c.press("Send") // which is answered with 401, if the end was not heard of before
	left(c.tab)

	c.signIn(c.tab, c.ben)
	require.Zero(t, browser.Get[int](c.tab, `Object.keys(localStorage).filter((key) => /draft|unsent/.test(key)).length`))
	c.open(three[0].ID)
	require.Empty(t, browser.Get[string](c.tab, `document.querySelector("textarea").value`))
	require.Zero(t, c.count(".outgoing"))
	require.Len(t, c.messages(three[0]), 1)
}

// Another agent signs in in another tab: the cookie is theirs now, and so is every page.
func TestEveryTabIsTheSamePersons(t *testing.T) {
	t.Parallel()
	c := openConsole(t, account.RoleAgent)
	three := c.three()
	c.drafted(c.tab, three[0])
	c.signIn(c.tab.Beside(), c.ben)
	c.tab.Until(`!window.same && location.pathname === "/console/inbox"
		&& document.querySelector(".rail [title^='Ben Bitdiddle']")`)
	c.open(three[0].ID)
	require.Empty(t, browser.Get[string](c.tab, `document.querySelector("textarea").value`))
}

// Which docks a page may frame is said with the document: that of who signs in by password is a new one.
func TestThePolicyIsThatOfWhoSignsIn(t *testing.T) {
	t.Parallel()
	var site *browser.Site
	c := openConsole(t, account.RoleAgent, func(c *console) {
		site = c.docksSite()
		c.dock("Orders", puppet(site, ""), nil)
		c.three()
		require.NoError(t, c.Store.SignIns.SetPassword(t.Context(), c.Tenant.ID, c.me.ID, passphrase))
	})
	c.visit("/inbox")
	c.signOut()
	c.tab.Until(`document.querySelector(".sign-in")`)
	c.tab.Goto(c.site.Origin + "/console") // with a policy that allows no dock
	c.signInAs(c.tab, c.me.Email)
	c.tab.Do(`window.same = true`)
	c.tab.Click(".list li a")
	site.Await("context ")
	require.True(t, browser.Get[bool](c.tab, "window.same"))
	for _, complaint := range c.tab.Complaints() {
		require.NotContains(t, complaint, "frame-src")
	}
}
