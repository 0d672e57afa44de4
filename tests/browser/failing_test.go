package browser_test

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

func TestADockThatDoesNotLoadSaysSoAndIsLoadedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var up atomic.Bool
	pages := w.pages("")
	w.docks = browser.Serve(t, "localhost", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			<-r.Context().Done() // hangs until the browser gives up
			return
		}
		pages.ServeHTTP(rw, r)
	}))
	w.open("native.html?passive", options{"limits": options{"load": 300}})
	w.tab.Until(`host.state.name === "failed"`)
	require.Equal(t, []string{"Refunds did not load.", "Refunds did not load."}, browser.Get[[]string](w.tab,
		`[host.state.reason, document.querySelector("[role=alert] span").textContent]`))
	up.Store(true)
	w.tab.Click("[role=alert] button")
	w.docks.Await("context " + first)
	w.tab.Until(`host.state.name === "open" && document.querySelector("[role=alert]").hidden`)
}

func TestADockThatStopsAnsweringSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("mute.html", options{"limits": options{"ping": 50, "pong": 300}})
	w.docks.Await("ping")
	w.tab.Until(`host.state.name === "open"`)
	w.tab.Do(dockFrame + `.contentWindow.postMessage("mute", "*")`)
	w.tab.Until(`host.state.name === "failed"`)
	require.Equal(t, "Refunds has stopped answering.", browser.Get[string](w.tab, "host.state.reason"))
}

// A dock sends the agent to sign in elsewhere, within its frame. That page says nothing to the host, which it does not know.
func TestAPageToSignInAtStaysVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("leave.html?to="+url.QueryEscape(w.thief.Origin+"/silent.html"),
		options{"limits": options{"firstWord": 200, "ping": 50, "pong": 200}})
	w.thief.Await("load")
	w.tab.Until(`host.state.name === "quiet"`)
	w.tab.Do(`window.pings = seen.filter((m) => m.data.type === "ping").length`)
	w.tab.Do(`new Promise((done) => setTimeout(done, 600))`) // in which a dock that is asked, and does not answer, is covered
	require.Equal(t, "quiet", browser.Get[string](w.tab, "host.state.name"))
	require.True(t, browser.Get[bool](w.tab, `document.querySelector("[role=alert]").hidden`))
	require.Zero(t, browser.Get[int](w.tab, `seen.filter((m) => m.data.type === "ping").length - pings`), "it is not the dock")

	// Signed in, the agent is sent back: the dock is looked after again.
	w.tab.Do(dockFrame+`.contentWindow.location = %q`, w.docks.Origin+"/mute.html")
	w.docks.Await("ping")
	w.tab.Until(`host.state.name === "open" && document.querySelector("[role=status]").hidden`)
	w.tab.Do(dockFrame + `.contentWindow.postMessage("mute", "*")`)
	w.tab.Until(`host.state.name === "failed"`)
}

// What a dock has said once, because its button was pressed, it need not say after every load.
func TestADashboardAppThatAsksOnDemandStaysVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-button.html?mail={{contact.email}}", options{"limits": options{"firstWord": 200}})
	w.docks.Await("heard " + first)
	w.tab.Do(dockFrame + `.contentWindow.postMessage("press", "*")`)
	w.tab.Until(`seen.some((m) => m.direction === "in" && m.verdict === "accepted")`)
	w.moveOn() // which loads it anew: its address has the customer in it
	w.docks.Await("heard " + second)
	w.tab.Until(`host.state.name === "quiet"`)
	require.NotContains(t, browser.Get[[]string](w.tab, "states"), "failed")
}

// The server is away just when the agent moves on. What the dock shows is about another customer then, and is covered
// until it can be opened again, whatever it says meanwhile.
func TestADockThatCanBeOpenedAgainIsUncovered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-button.html", nil)
	w.docks.Await("heard " + first)
	covered := func() bool {
		return browser.Get[bool](w.tab, `host.state.name === "failed" && !document.querySelector("[role=alert]").hidden`)
	}
	open := func() bool {
		return browser.Get[bool](w.tab, `host.state.name === "open" && document.querySelector("[role=alert]").hidden`)
	}
	goTo := func(i int) { w.tab.Do(`host.setConversation(ids[%d])`, i) }
	const away = `transport.updateContext = async () => { throw Object.assign(new Error("away"), { code: "UNAVAILABLE" }); }`
	w.tab.Do(away)
	goTo(1)
	require.True(t, covered())
	w.tab.Do(dockFrame + `.contentWindow.postMessage("press", "*")`)
	w.tab.Until(`seen.some((m) => m.direction === "in" && m.verdict === "accepted")`)
	require.True(t, covered(), "it speaks, about the first customer")
	w.tab.Do(`delete transport.updateContext`)
	goTo(1)
	require.True(t, open())
	w.docks.Await("heard " + second)

	w.tab.Do(away)
	goTo(0)
	require.True(t, covered())
	goTo(1)
	require.True(t, open(), "where its page has been all along")
	w.docks.Count("load", 1)
}

func TestADockThatIsNeverHeardIsAskedAboutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-late.html", options{"limits": options{"firstWord": 100}})
	w.tab.Until(`host.state.name === "quiet"`)
	w.tab.Click("[role=status] button:last-child")
	w.tab.Until(`host.state.name === "open" && document.querySelector("[role=status]").hidden`)
	w.tab.Do("host.reload()")
	w.tab.Until(`states.filter((name) => name === "loading").length === 2 && host.state.name === "open"`)
	require.Equal(t, 1, browser.Get[int](w.tab, `states.filter((name) => name === "quiet").length`))
}

func TestAServerThatIsAwayIsSaidAndTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tab.Do(`import("/sdk/dock-host.js").then(({ DockHost, restTransport }) => {
		Object.assign(window, { fetches: [], down: true });
		const dock = { id: "d", name: "Refunds", actions: ["addTag"] };
		const session = { id: "s", contextId: "c", token: "t", context: contexts.get(ids[0]), appContext: {}, url: %q, dock };
		const fetch = async (url, init) => {
			fetches.push([init.method, url.pathname, init.headers.Authorization, init.credentials]);
			if (down) throw new TypeError("away");
			return new Response(JSON.stringify(session), { status: 201 });
		};
		window.host = new DockHost(document.querySelector("#dock"), { dock, transport: restTransport({ fetch }) });
		return host.setConversation(ids[0]);
	})`, w.docks.Origin+"/native.html?passive")
	require.Equal(t, "Refunds cannot be opened. the server cannot be reached", browser.Get[string](w.tab, "host.state.reason"))
	w.tab.Do("down = false")
	w.tab.Click("[role=alert] button")
	w.docks.Await("context " + first)
	require.Equal(t, `[["POST","/v1/dock-sessions",null,"same-origin"],["POST","/v1/dock-sessions",null,"same-origin"]]`,
		browser.Get[string](w.tab, "JSON.stringify(fetches)"))
}

// The server has taken an action: a look at it that fails does not end it.
func TestAnActionThatIsPendingOutlivesALookThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, "done after 4", browser.Get[string](w.tab, `import("/sdk/dock-host.js").then(async ({ restTransport }) => {
		const pending = { status: "pending", url: "/v1/dock-actions/a" };
		const answers = [[202, pending], null, [503, {}], [200, { status: "applied", id: "done" }]];
		let asked = 0;
		const fetch = async () => {
			const answer = answers[asked++];
			if (!answer) throw new TypeError("away");
			return new Response(JSON.stringify(answer[1]), { status: answer[0] });
		};
		const { id } = await restTransport({ fetch }).act({ id: "s" }, { requestId: "r" });
		return id + " after " + asked;
	})`))
}
