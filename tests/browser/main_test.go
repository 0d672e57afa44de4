package browser_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/tests/browser"
	"github.com/atender/atender/tests/conformance"
	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) {
	code := deps.Main(m)
	browser.Quit()
	os.Exit(code)
}

// The contacts of the playground's two conversations, which the tests use, too.
const (
	first  = "Noor Haddad"
	second = "Mateo Silva"
)

// world is an agent's page on one origin, docks on a second, and a stranger's page on a third.
type world struct {
	t     testing.TB
	tab   *browser.Tab
	agent *browser.Site // serves the API, too
	docks *browser.Site
	thief *browser.Site
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tab: browser.Open(t)}
	mux := http.NewServeMux()
	mux.Handle("/", product())
	mux.HandleFunc("GET /host", func(rw http.ResponseWriter, r *http.Request) {
		if origins := r.URL.Query().Get("frames"); origins != "" {
			rw.Header().Set("Content-Security-Policy", "frame-src "+origins)
		}
		http.ServeFile(rw, r, "testdata/host.html")
	})
	w.agent = browser.Serve(t, "127.0.0.1", mux)
	w.docks = browser.Serve(t, "localhost", w.pages(""))
	w.thief = browser.Serve(t, "127.0.0.1", w.pages(""))
	w.tab.Goto(w.agent.Origin + "/host")
	w.tab.Until("window.ready")
	return w
}

// In shadow roots, where other pages do not find them: the frame of a dock, and that of a formatted message or preview.
const (
	dockFrame      = `document.querySelector(".atender-dock-page").shadowRoot.querySelector("iframe")`
	formattedFrame = `document.querySelector(".formatted-page")?.shadowRoot?.querySelector("iframe")`
)

// frameCalled is the dock's frame with the title, undefined without one.
func frameCalled(title string) string {
	return `[...document.querySelectorAll(".atender-dock-page")].map((p) => p.shadowRoot.querySelector("iframe"))
		.find((f) => f.title === "` + title + `")`
}

// product is the API with its pages, one for all tests that want no more of it than its pages and scripts.
var product = sync.OnceValue(func() http.Handler {
	t := deps.Process
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	store, err := models.Open(t.Context(), models.Options{URL: deps.Database(t), Keys: keys, Logger: log})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	server, err := api.New(api.Config{Version: "test"}, api.Deps{Store: store, Logger: log})
	require.NoError(t, err)
	return conformance.Handler(t, server.Handler())
})

// pages serves the docks of testdata. Ask is what app-early says to its host, in JavaScript.
func (w *world) pages(ask string) http.Handler { return w.pagesOf(w.agent.Origin, w.agent.Origin, ask) }

// pagesOf serves them for a host that is not where their scripts come from.
func (w *world) pagesOf(host, scripts, ask string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == "leads-away" {
			http.Redirect(rw, r, r.URL.Query().Get("to"), http.StatusFound)
			return
		}
		page, err := template.ParseFiles("testdata/docks/" + path.Base(r.URL.Path))
		if err != nil {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Cache-Control", "no-store")
		if strings.HasSuffix(r.URL.Path, ".js") {
			rw.Header().Set("Content-Type", "text/javascript")
		} else {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		_ = page.Execute(rw, map[string]string{"Host": host, "Scripts": scripts, "Ask": ask}) // the reader may be gone
	})
}

type options map[string]any

// open opens a dock of the docks' site, such as native.html?passive.
func (w *world) open(page string, o options) {
	w.t.Helper()
	w.openURL(w.docks.Origin+"/"+page, o)
}

func (w *world) openURL(url string, o options) {
	w.t.Helper()
	if o == nil {
		o = options{}
	}
	text, err := json.Marshal(o)
	require.NoError(w.t, err)
	w.tab.Do("start(%q, %s).then(() => {})", url, text)
}

// puppet opens a dock that runs the script at every context.
func (w *world) puppet(script string, o options) {
	w.t.Helper()
	w.open("puppet.html#"+url.PathEscape(script), o)
}

// moveOn lets the agent look at the second conversation.
func (w *world) moveOn() {
	w.t.Helper()
	w.tab.Do("host.setConversation(ids[1])")
}

// posted are the actions that got as far as the server, as action names.
func (w *world) posted() []string {
	w.t.Helper()
	return browser.Get[[]string](w.tab, "posted().map((p) => p.action)")
}

// ignored are the reasons why messages were ignored, each once.
func (w *world) ignored() string {
	w.t.Helper()
	return browser.Get[string](w.tab, `[...new Set(seen.filter((m) => m.verdict === "ignored").map((m) => m.reason))].join("; ")`)
}
