package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

// sentStrings is how many contexts were sent in the form of dashboard apps.
const sentStrings = `seen.filter((m) => m.direction === "out" && typeof m.data === "string").length`

// An app that never asks may call its own back end each time a context comes.
func TestAnAppThatNeverAsksIsToldTwiceAfterALoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-button.html", options{"limits": options{"unasked": []int{20, 120}}})
	w.docks.Count("heard "+first, 2)

	// What is no news is not sent, however often something is said to have changed; a token that is younger is no news.
	w.tab.Do(`window.before = ` + sentStrings + `; window.asked = requests.length; host.refresh()`)
	w.tab.Until(`requests.length === asked + 1`)
	require.Greater(t, browser.Get[int](w.tab, `new Set(requests.map((r) => r.answer?.token)).size`), 1)
	w.tab.Do(`host.setVisible(false); host.setVisible(true); host.setAppearance({ theme: "dark" })`) // nor is its theme to it
	w.docks.Count("heard "+first, 2)
	w.tab.Do(`contexts.get(ids[0]).contact.name = "Noor Haddad-Silva"; for (let i = 0; i < 5; i++) host.refresh()`)
	w.docks.Count("heard Noor Haddad-Silva", 1)
	w.moveOn()
	w.docks.Count("heard "+second, 1)
	require.Equal(t, 4, browser.Get[int](w.tab, sentStrings))

	// Loaded anew it knows nothing.
	w.tab.Do("host.reload()")
	w.docks.Count("heard "+second, 3)
}

// Asked for or answered by an action, the context has arrived: it is not sent again.
func TestAPageThatAsksOrActsIsNotToldAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := options{"unasked": []int{250, 1000}} // the page has a quarter of a second to ask in, and a second to act
	afterBoth := func() {                          // times at which it could be told
		w.tab.Do(`window.from = performance.now()`)
		w.tab.Until(`performance.now() > from + 1200`)
	}
	w.docks = browser.Serve(t, "localhost", w.pages(`"chatwoot-dashboard-app:fetch-info"`))
	w.open("app-early.html", options{"limits": limits}) // it asks while it is parsed
	w.docks.Await("appContext " + first)
	afterBoth()
	w.docks.Count("appContext "+first, 1)
	w.tab.Do("host.reload()")
	w.docks.Count("appContext "+first, 2)
	afterBoth()
	w.docks.Count("appContext "+first, 2)

	w = newWorld(t)
	w.open("acts.html", options{"limits": limits}) // it never asks, and acts at once
	w.docks.Await("result ok")
	afterBoth()
	w.docks.Count("context "+first+" acted,delivery", 1)
	w.docks.Count("context "+first, 2)
}

// What the second context after a load was for is not lost while the dock is not visible.
func TestTheSecondContextComesWhenTheDockIsShownAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-button.html", options{"limits": options{"unasked": []int{20, 300}}})
	w.docks.Await("heard " + first)
	w.tab.Do(`host.setVisible(false)`)
	w.docks.Count("heard "+first, 1)
	w.tab.Do(`host.setVisible(true)`)
	w.docks.Count("heard "+first, 2)
}

func TestWhatIsNoJSONIsRefusedAndAlwaysAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (contexts.length === 1) {
		const circle = { tag: "x" };
		circle.self = circle;
		act("a", 10n, {}); act("b", circle, {}); act("c", { toString: 1, valueOf: 1 }, {}); act("d", undefined, {});
		act("e", "addTag", { tag: 10n }); act("f", "addTag", circle); act("g", "addTag", { tag: [[10n]] });
		act("h", "addTag", 10n); act("i", "addTag", new Date()); act("j", "addTag", new String("x"));
		act("k", "addTag", undefined); act("l", "addTag", { tag: 1n }, 10n);
		parent.postMessage({ protocol: "atender.dock", version: 1n, type: "ready" }, "*");
		parent.postMessage({ protocol: "atender.dock", version: 1, type: circle }, "*");
		parent.postMessage(10n, "*");
		parent.postMessage({ protocol: "atender.dock", version: 1, type: "action", requestId: 10n }, "*");
		act("date", "snooze", { until: new Date(Date.now() + 3600_000) });
	}`, options{"confirm": []string{"addTag"}, "answer": "yes"})
	w.docks.Await("result date ok")
	for _, id := range []string{"a", "b", "e", "f", "g", "h", "i", "j", "k", "l"} {
		w.docks.Await("result " + id + " INVALID_PARAMS")
	}
	w.docks.Await("result c UNKNOWN_ACTION")
	w.docks.Await("result d UNKNOWN_ACTION")
	w.docks.Count("result ", 13)
	require.Equal(t, []string{"snooze"}, w.posted())
	require.Equal(t, 4, browser.Get[int](w.tab, `seen.filter((m) => m.verdict === "ignored").length`))
	require.Empty(t, w.tab.Complaints())
}

// An author hears of parameters that no window can be sent, and of a time that is none, as of anything else.
func TestTheScriptForDocksRefusesWhatItCannotSend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("unsendable.html", nil)
	for _, what := range []string{"function", "bigint", "circle", "date"} {
		w.docks.Await("refused " + what + " INVALID_PARAMS true")
	}
}
