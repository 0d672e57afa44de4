package browser_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/stack"
)

const (
	// soon is how long a test waits for what happens by itself.
	soon = time.Minute
	// often is how often it looks.
	often = 50 * time.Millisecond
)

// console is the agent console of a running product, with an agent signed in.
type console struct {
	*stack.Stack
	t    testing.TB
	door *door
	site *browser.Site // where browsers find the door
	tab  *browser.Tab
	me   account.Agent
	ben  account.Agent
	team account.Team
}

// openConsole opens the console for Ada of a tenant of its own, who has the role and is signed in. setup comes before she
// is. The product is the one that tests share.
func openConsole(t testing.TB, role account.Role, setup ...func(*console)) *console {
	t.Helper()
	return openConsoleOf(t, stack.Shared(t), role, setup...)
}

// openConsoleOf does so where the test breaks something of the product, which is its own then.
func openConsoleOf(t testing.TB, product *stack.Stack, role account.Role, setup ...func(*console)) *console {
	t.Helper()
	c := &console{t: t, Stack: product}
	c.door = newDoor(t, c.URL)
	c.site = browser.Serve(t, "127.0.0.1", c.door)
	t.Cleanup(c.door.Shut) // a test that has failed may leave requests that wait
	c.me = c.agent("Ada Lovelace", c.mail("ada"), role)
	c.ben = c.agent("Ben Bitdiddle", c.mail("ben"), account.RoleAgent)
	var err error
	c.team, err = c.Store.Accounts.CreateTeam(
		t.Context(),
		c.Tenant.ID,
		account.NewTeam{Name: "Billing", MemberIDs: []uuid.UUID{c.ben.ID}},
	)
	require.NoError(t, err)
	for _, prepare := range setup {
		prepare(c)
	}
	c.tab = browser.Open(t)
	c.comeIn()
	return c
}

// mail is an address that no agent of another tenant has.
func (c *console) mail(name string) string { return name + "@" + c.Tenant.ID.String() + ".example" }

func (c *console) agent(name, email string, role account.Role) account.Agent {
	c.t.Helper()
	a, err := c.Store.Accounts.CreateAgent(c.t.Context(), c.Tenant.ID, account.NewAgent{Name: name, Email: email, Role: role})
	require.NoError(c.t, err)
	return a
}

// comeIn signs Ada in without a page: her browser gets the cookie that the button of a one-time link gives, see signIn.
func (c *console) comeIn() {
	c.t.Helper()
	token, err := c.Store.SignIns.CreateLink(c.t.Context(), c.Tenant.ID, c.me.ID, time.Minute)
	require.NoError(c.t, err)
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.site.Origin+"/console/sign-in", form)
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", c.site.Origin)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(c.t, err)
	require.NoError(c.t, answer.Body.Close())
	require.Len(c.t, answer.Cookies(), 1)
	c.tab.SetCookie(c.site, answer.Cookies()[0])
}

// signIn opens a one-time link in the tab and presses its button.
func (c *console) signIn(tab *browser.Tab, agent account.Agent) {
	c.t.Helper()
	token, err := c.Store.SignIns.CreateLink(c.t.Context(), c.Tenant.ID, agent.ID, time.Minute)
	require.NoError(c.t, err)
	tab.Goto(c.site.Origin + "/console/sign-in?token=" + token)
	tab.Click("button")
	tab.Until(`document.querySelector(".rail")`)
}

// visit goes to a page of the console, such as /inbox.
func (c *console) visit(path string) {
	c.t.Helper()
	c.tab.Goto(c.site.Origin + "/console" + path)
	c.tab.Until(`document.querySelector(".rail")`)
}

// turnTo goes to a page of the console within the document that is there, as a link does, and waits until it is drawn.
func (c *console) turnTo(path string) {
	c.t.Helper()
	c.tab.Do(`history.pushState(null, "", %q);
		dispatchEvent(new PopStateEvent("popstate"));
		new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))`, "/console"+path)
}

// open goes to a conversation and waits for its thread.
func (c *console) open(id uuid.UUID) {
	c.t.Helper()
	c.visit("/inbox/" + id.String())
	c.tab.Until(`document.querySelector(".thread .message")`)
}

// press presses the first button, link or choice that reads like this, and can be pressed.
func (c *console) press(text string) {
	c.t.Helper()
	const find = `[...document.querySelectorAll("button, a, [role=option]")].find((e) => !e.disabled
		&& e.ariaDisabled !== "true" && (e.querySelector(".option-label") ?? e).textContent.trim() === %q)`
	c.tab.Until(find, text)
	c.tab.Do(find+`.click()`, text)
}

// shows waits until the page's text has this in it.
func (c *console) shows(tab *browser.Tab, text string) {
	c.t.Helper()
	tab.Until(`document.body.innerText.includes(%q)`, text)
}

// count is how many elements a selector finds on the page.
func (c *console) count(selector string) int {
	c.t.Helper()
	return browser.Get[int](c.tab, `document.querySelectorAll(%q).length`, selector)
}

// rows are the names in the list, from the top.
func (c *console) rows() []string {
	c.t.Helper()
	return browser.Get[[]string](c.tab, `[...document.querySelectorAll(".list li")]
		.sort((a, b) => a.offsetTop - b.offsetTop).map((li) => li.querySelector(".row-name").textContent)`)
}

// incoming is a conversation to come: who has written, and about what.
type incoming struct {
	name, email, subject, text, channel string
	tags                                []string
	fields                              map[string]any
}

// incoming makes one, as a system outside does by REST.
func (c *console) incoming(in incoming) wire.Conversation {
	c.t.Helper()
	if in.email == "" {
		in.email = uuid.NewString() + "@customers.example"
	}
	body := map[string]any{
		"externalReference": uuid.NewString(), "subject": in.subject, "tags": append([]string{}, in.tags...),
		"contact":         map[string]any{"email": in.email, "name": in.name},
		"outboundContext": map[string]any{"originalMessage": in.text},
	}
	if in.fields != nil {
		body["customFields"] = in.fields
	}
	if in.channel != "" {
		body["channel"] = in.channel
	}
	var made wire.Conversation
	c.must(http.MethodPost, "/v1/conversations/outbound", body, &made)
	return made
}

// three are conversations as a small shop has them, the latest last.
func (c *console) three() [3]wire.Conversation {
	c.t.Helper()
	return [3]wire.Conversation{
		c.incoming(incoming{name: "Noor Haddad", subject: "The lid is broken", text: "It came with a broken lid.",
			tags: []string{"damage"}}),
		c.incoming(incoming{name: "Mateo Silva", subject: "Invoice for March", text: "I need the invoice again."}),
		c.incoming(incoming{name: "Wen Li", subject: "Where is my parcel?", text: "It has not come."}),
	}
}

// customerWrites posts a message of the contact's.
func (c *console) customerWrites(id uuid.UUID, message map[string]any) {
	c.t.Helper()
	message["direction"] = "inbound"
	c.must(http.MethodPost, part(id, "/messages"), message, nil)
}

func (c *console) conversation(id uuid.UUID) (found wire.Conversation) {
	c.t.Helper()
	c.must(http.MethodGet, part(id, ""), nil, &found)
	return found
}

// becomes waits until the server's conversation is as it should be.
func (c *console) becomes(id uuid.UUID, is func(wire.Conversation) bool) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return is(c.conversation(id)) }, soon, often)
}

// must makes a request with the tenant's key, which is answered with 2xx, and reads the answer.
func (c *console) must(method, path string, body, answer any) {
	c.t.Helper()
	status, text := call(c.t, c.Stack, method, path, body)
	require.Equal(c.t, 2, status/100, "%s %s: %d %s", method, path, status, text)
	if answer != nil {
		require.NoError(c.t, json.Unmarshal(text, answer))
	}
}

// call makes a request with the tenant's key.
func call(t testing.TB, s *stack.Stack, method, path string, body any) (int, []byte) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, bytes.NewReader(text))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+s.Key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, got
}

// as makes a request as the page does, with its cookie, and returns the status.
func (c *console) as(method, path string, body any) int {
	c.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(c.t, err)
	return browser.Get[int](c.tab, `fetch(%q, { method: %q,
		headers: { "Content-Type": "application/json" }, body: %q }).then((r) => r.status)`, path, method, text)
}

// awake waits until the page hears of what happens elsewhere.
func (c *console) awake() {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.door.Inside("/console/events") == 1 }, soon, often, "one stream")
}

// part is the path of a conversation, or of something in it, such as /messages.
func part(id uuid.UUID, of string) string { return "/v1/conversations/" + id.String() + of }
