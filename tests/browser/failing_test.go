package browser_test

import (
	"net/http"
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
	w.tab.Do(`document.querySelector("iframe").src += "#mute"`) // the same document, which stops answering
	w.tab.Until(`host.state.name === "failed"`)
	require.Equal(t, "Refunds has stopped answering.", browser.Get[string](w.tab, "host.state.reason"))
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
