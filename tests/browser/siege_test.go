package browser_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/stack"
)

// siege is the console with its owner signed in, docks that are its siblings (the same host on another port, which for
// cookies is the same site), and a stranger's page on another host.
type siege struct {
	*world
	store        *models.Store
	tenant       account.Tenant
	conversation conversation.Conversation

	mu     sync.Mutex
	writes []write
}

// write is a request that would change something, as the server has seen and answered it.
type write struct {
	path, origin string
	cookie       bool
	status       int
	answer       string
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	product := stack.Shared(t)
	s := &siege{world: &world{t: t}, store: product.Store, tenant: product.Tenant}
	s.agent = browser.Serve(t, "127.0.0.1", s.watched(newDoor(t, product.URL)))
	s.docks = browser.Serve(t, "127.0.0.1", s.pages(""))
	s.thief = browser.Serve(t, "localhost", s.pages(""))
	s.tab = browser.Open(t) // closed before the server, which waits for the stream of its events
	html := "<p>Hello</p>"
	var err error
	s.conversation, err = s.store.Conversations.Create(t.Context(), s.tenant.ID, wire.Actor{Type: wire.ActorSystem, Name: "Test"},
		conversation.NewConversation{
			ExternalReference: "1", Subject: "Hello", Contact: contact.Identity{Email: "noor@customers.example"},
			Message: &conversation.FirstMessage{HTML: &html},
		})
	require.NoError(t, err)
	s.signIn()
	return s
}

// watched notes every write that comes to the server.
func (s *siege) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			next.ServeHTTP(rw, r)
			return
		}
		seen := httptest.NewRecorder()
		next.ServeHTTP(seen, r)
		s.mu.Lock()
		s.writes = append(s.writes, write{
			r.URL.Path, r.Header.Get("Origin"), r.Header.Get("Cookie") != "", seen.Code, seen.Body.String(),
		})
		s.mu.Unlock()
		for name, values := range seen.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(seen.Code)
		_, _ = rw.Write(seen.Body.Bytes()) // the reader may be gone
	})
}

// of are the writes that a page of the origin has made.
func (s *siege) of(origin string) []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.writes), func(w write) bool { return w.origin != origin })
}

func (s *siege) signIn() {
	s.t.Helper()
	owner, err := s.store.Accounts.CreateAgent(s.t.Context(), s.tenant.ID,
		account.NewAgent{Name: "Olivia", Email: "olivia@shop.example", Role: account.RoleOwner})
	require.NoError(s.t, err)
	token, err := s.store.SignIns.CreateLink(s.t.Context(), s.tenant.ID, owner.ID, time.Minute)
	require.NoError(s.t, err)
	s.tab.Goto(s.agent.Origin + "/console/sign-in?token=" + token)
	s.tab.Click("button")
	s.tab.Until(`document.querySelector(".rail")`)
}

func (s *siege) dock(tenant account.Tenant, url string, frames ...string) wire.Dock {
	s.t.Helper()
	d, err := s.store.Docks.Create(s.t.Context(), tenant.ID, dock.NewDock{
		Name: "Refunds", URL: url, Update: dock.Update{FrameOrigins: &frames},
	})
	require.NoError(s.t, err)
	return d
}

func TestADockOnASiblingCannotUseTheAgentsCookieNorThePageAroundIt(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	s.dock(s.tenant, s.docks.Origin+"/burglar.html?host="+s.agent.Origin+"&conversation={{conversation.id}}")
	page := s.agent.Origin + "/console/inbox/" + s.conversation.ID.String()
	s.tab.Goto(page)
	s.docks.Await("end")
	for _, outcome := range []string{
		"read TypeError", "write TypeError", "simple opaque", "sign-in opaque", "stream silent", "form sent",
		"reach SecurityError", "store SecurityError", "frame TypeError", "top SecurityError",
	} {
		s.docks.Await(outcome) // reports overtake each other
	}
	refused := s.of(s.docks.Origin)
	require.Len(t, refused, 3, "what browsers send without asking first")
	for _, w := range refused {
		require.True(t, w.cookie, "%s: the browser has sent the cookie along, or this proves nothing", w.path)
		require.Equal(t, http.StatusForbidden, w.status, w.path)
		require.Contains(t, w.answer, "ORIGIN_REFUSED", w.path)
	}
	c, err := s.store.Conversations.Get(t.Context(), s.tenant.ID, s.conversation.ID)
	require.NoError(t, err)
	require.Equal(t, lifecycle.Active, c.Status)
	require.Equal(t, page, browser.Get[string](s.tab, "location.href"))
}

func TestNobodyFramesTheConsole(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	messages, _, err := s.store.Lists.Messages(t.Context(), s.tenant.ID, s.conversation.ID, postgres.Page{})
	require.NoError(t, err)
	message := "/v1/conversations/" + s.conversation.ID.String() + "/messages/" + messages[0].ID.String() + "/html"
	pages := []string{"/console", "/console/inbox", "/console/sign-in?token=x"}
	for around, paths := range map[*browser.Site][]string{
		s.docks: append(pages, message),
		s.thief: pages, // another site, which the cookie is not sent for: there is no message to show
	} {
		s.tab.Goto(around.Origin + "/report.js") // any page of theirs will do
		for _, path := range paths {
			before := len(s.tab.Complaints())
			s.tab.Do(`new Promise((done) => {
				const frame = Object.assign(document.createElement("iframe"), { src: %q, onload: done });
				document.body.append(frame);
			}).then(() => {})`, s.agent.Origin+path)
			require.Eventually(t, func() bool {
				return slices.ContainsFunc(s.tab.Complaints()[before:], func(text string) bool {
					return strings.Contains(text, "frame-ancestors")
				})
			}, 10*time.Second, 20*time.Millisecond, "%s in %s", path, around.Origin)
		}
	}
}

func TestTheConsoleFramesTheTenantsDocksAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	other, _, err := s.store.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Another"})
	require.NoError(t, err)
	s.dock(s.tenant, "https://tools.example/refunds", "https://login.example")
	s.dock(s.tenant, s.docks.Origin+"/mute.html")
	s.dock(other, "https://theirs.example/")
	off, gone := s.dock(s.tenant, "https://off.example/"), s.dock(s.tenant, "https://gone.example/")
	inactive := false
	_, err = s.store.Docks.Update(t.Context(), s.tenant.ID, off.ID, dock.Update{IsActive: &inactive})
	require.NoError(t, err)
	require.NoError(t, s.store.Docks.Delete(t.Context(), s.tenant.ID, gone.ID))

	policy := browser.Get[string](s.tab, `fetch("/console").then((r) => r.headers.get("Content-Security-Policy"))`)
	var frames []string
	for directive := range strings.SplitSeq(policy, ";") {
		if sources, found := strings.CutPrefix(strings.TrimSpace(directive), "frame-src "); found {
			frames = strings.Fields(sources)
		}
	}
	require.ElementsMatch(t, []string{"'self'", "https://tools.example", "https://login.example", s.docks.Origin}, frames)

	// The policy holds: a frame of another origin stays empty.
	s.tab.Goto(s.agent.Origin + "/console")
	s.tab.Until(`document.querySelector(".rail")`)
	s.tab.Do(`(() => {
		addEventListener("securitypolicyviolation", (e) => { window.refused = e.blockedURI; }, { once: true });
		document.body.append(Object.assign(document.createElement("iframe"), { src: %q }));
	})()`, s.thief.Origin+"/thief.html")
	s.tab.Until("window.refused === %q", s.thief.Origin)
	require.Empty(t, s.thief.Reports())
}
