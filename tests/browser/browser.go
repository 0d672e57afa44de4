// Package browser opens pages in a real, headless Chromium, and serves them from as many origins as a test needs.
package browser

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/tools"
)

const (
	// patience is how long a test waits for something to happen in a page: longer than the minute after which a page reads
	// an open conversation again, for where a busy worker is later than the news.
	patience = 100 * time.Second
	// pollEvery is how often it looks, and pollSeldom how often after a while: looking costs the browser more than a page
	// that waits does.
	pollEvery, pollSeldom = 20 * time.Millisecond, 100 * time.Millisecond
)

// unused are features of Chromium's own window, which no test looks at. Each tab with a browser context of its own has a
// window, and Chromium prepares the address bar's menus and the toolbar of each as pages of their own, and a process for
// the page that may come next: without them a tab takes half a second of computing instead of one and a half. The first
// two are those that chromedp turns off.
const unused = "Translate,BlinkGenPropertyTrees," +
	"WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI,InitialWebUI,WebUIReloadButton," +
	"WebUIToolbar,SpareRendererForSitePerProcess,BackForwardCache"

// chromium is the one browser of a test process, started when the first test asks.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path, err := tools.Chromium(context.Background())
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-features", unused),
		// A page of another site has a process of its own, as on every desktop: a headless shell does not by itself.
		chromedp.Flag("site-per-process", true),
		// Motion is drawn sixty times a second, by computing.
		chromedp.Flag("force-prefers-reduced-motion", true),
		// A desk has a mouse, which a headless browser does not notice: what hovers, and points finely.
		chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium does not start as root otherwise
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	quit = func() {
		cancel()
		stop() // waits for its end
	}
	return ctx, nil
})

var quit = func() {}

// Quit ends the browser, if there is one. TestMain of a package that uses it calls it at the end.
func Quit() { quit() }

// Tab is one tab, with cookies and storage of its own.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// open opens a tab, which is closed when the test ends.
func open(parent context.Context, t testing.TB) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return use(ctx, t)
}

// use lets the test have a tab that is there.
func use(ctx context.Context, t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{t: t, ctx: ctx}
	go tab.listen(chromedp.Console(ctx))
	tab.Size(1280, 720) //nolint:contextcheck // it is the tab's own
	// Of several tabs each behaves as if the user looked at it.
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	return tab
}

// Beside opens another tab of the same browser: with the same cookies and storage.
func (tab *Tab) Beside() *Tab {
	tab.t.Helper()
	return open(tab.ctx, tab.t)
}

// Close closes the tab before the test ends.
func (tab *Tab) Close() {
	tab.t.Helper()
	require.NoError(tab.t, chromedp.Cancel(tab.ctx))
}

// listen collects what the page's own code and policy got wrong, until the tab is closed.
func (tab *Tab) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err == nil && (m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleError) {
			tab.mu.Lock()
			tab.complaints = append(tab.complaints, m.Text)
			tab.mu.Unlock()
		}
	}
}

// Complaints are the page's exceptions and what its console shows as errors: refused loads, violated policies.
func (tab *Tab) Complaints() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.complaints)
}

// run does one thing in the tab, within the patience.
func run[T any](tab *Tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

func (tab *Tab) do(action chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	_, err := run(tab, action)
	require.NoError(tab.t, err)
}

// Goto loads a page and waits for its load event.
func (tab *Tab) Goto(url string) {
	tab.t.Helper()
	tab.do(chromedp.Navigate(url))
}

// Size sets the size of what the page is shown in, in pixels; below 600 it is a phone.
func (tab *Tab) Size(width, height int64) {
	tab.t.Helper()
	var as []chromedp.EmulateViewportOption
	if width < 600 {
		as = append(as, chromedp.EmulateMobile)
	}
	tab.do(chromedp.EmulateViewport(width, height, as...))
}

// Scheme sets what the page hears of the user's preference: light or dark.
func (tab *Tab) Scheme(scheme string) {
	tab.t.Helper()
	_, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(tab.t, err)
}

// Zone sets the user's time zone, by its name in the IANA database.
func (tab *Tab) Zone(name string) {
	tab.t.Helper()
	_, err := chromedp.Call(tab.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
	require.NoError(tab.t, err)
}

// SetCookie gives the tab a cookie, as an answer of the site would.
func (tab *Tab) SetCookie(site *Site, c *http.Cookie) {
	tab.t.Helper()
	same := map[http.SameSite]network.CookieSameSite{
		http.SameSiteLaxMode: network.CookieSameSiteLax, http.SameSiteStrictMode: network.CookieSameSiteStrict,
		http.SameSiteNoneMode: network.CookieSameSiteNone,
	}
	_, err := chromedp.Call(tab.ctx, network.SetCookie, network.SetCookieParams{
		Name: c.Name, Value: c.Value, URL: site.Origin, Path: c.Path, Secure: &c.Secure, HTTPOnly: &c.HttpOnly,
		SameSite: same[c.SameSite],
	})
	require.NoError(tab.t, err)
}

// Do runs JavaScript in the page and waits for it, if it is a promise. Arguments are put in as fmt does: %q is a string.
func (tab *Tab) Do(script string, args ...any) {
	tab.t.Helper()
	tab.do(evaluate[chromedp.Void](script, args))
}

// Get is the value of a JavaScript expression in the page, awaited if it is a promise.
func Get[T any](tab *Tab, expression string, args ...any) T {
	tab.t.Helper()
	value, err := run(tab, evaluate[T](expression, args))
	require.NoError(tab.t, err)
	return value
}

func evaluate[T any](script string, args []any) chromedp.Action[T] {
	return chromedp.Evaluate[T](fill(script, args), chromedp.EvalAwaitPromise)
}

// fill puts the arguments in.
func fill(script string, args []any) string {
	if len(args) == 0 {
		return script
	}
	return fmt.Sprintf(script, args...)
}

// Until waits until a JavaScript expression is true.
func (tab *Tab) Until(expression string, args ...any) {
	tab.t.Helper()
	deadline, pause := time.After(patience), pollEvery/2
	for {
		is, err := run(tab, evaluate[bool]("Boolean("+expression+")", args))
		if err == nil && is {
			return
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, pollSeldom)
		case <-deadline:
			require.FailNow(tab.t, "never true: "+fill(expression, args), "%v\n%s", err, strings.Join(tab.Complaints(), "\n"))
		}
	}
}

// Frame is the frame in the page that shows something of another site, such as a dock; it is waited for.
func (tab *Tab) Frame(site *Site) *Tab {
	tab.t.Helper()
	frame := &Tab{t: tab.t}
	require.Eventually(tab.t, func() bool {
		targets, err := chromedp.Targets(tab.ctx)
		i := slices.IndexFunc(targets, func(i *target.Info) bool {
			return i.Type == "iframe" && strings.HasPrefix(i.URL, site.Origin)
		})
		if err != nil || i < 0 {
			return false
		}
		ctx, cancel := chromedp.NewContext(tab.ctx, chromedp.WithTargetID(targets[i].TargetID), chromedp.WithDetachOnCancel())
		tab.t.Cleanup(cancel)
		frame.ctx = ctx
		return chromedp.Do(ctx) == nil
	}, patience, pollEvery, "no frame shows %s", site.Origin)
	return frame
}

// Click clicks on the first element that a CSS selector finds, once it is there.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.do(chromedp.Click(chromedp.CSS(selector)))
}

// ClickAt clicks on whatever is at a point of the visible part of the page.
func (tab *Tab) ClickAt(x, y float64) {
	tab.t.Helper()
	tab.do(chromedp.MouseClickXY(x, y))
}

// Screenshot is the visible part of the page as PNG.
func (tab *Tab) Screenshot() []byte {
	tab.t.Helper()
	png, err := run(tab, chromedp.CaptureScreenshot())
	require.NoError(tab.t, err)
	return png
}
