package browser_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

func TestAnotherPagesFrameCannotSpeakForTheDock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive", nil)
	w.docks.Await("context")
	w.tab.Do(`(() => { const f = document.createElement("iframe"); f.src = %q + host.contextId; document.body.append(f); })()`,
		w.thief.Origin+"/thief.html?contextId=")
	w.thief.Await("tried")
	w.thief.Count("heard", 0)
	require.Empty(t, w.posted())
	require.Equal(t, "it is from another window than the dock's frame", w.ignored())
}

func TestAFrameWithinTheDockCannotSpeakForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("nest.html?inner="+url.QueryEscape(w.thief.Origin+"/thief.html"), nil)
	w.thief.Await("tried")
	w.thief.Count("heard", 0)
	// A frame of the dock's own origin is not the dock either.
	w.tab.Do("host.close()")
	w.open("nest.html?inner="+url.QueryEscape(w.docks.Origin+"/thief.html"), nil)
	w.docks.Await("tried")
	w.docks.Count("heard", 0)
	require.Empty(t, w.posted())
}

func TestADockThatHasGoneElsewhereIsNotTheDockAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("leave.html?to="+url.QueryEscape(w.thief.Origin+"/thief.html"), nil)
	w.thief.Await("tried")
	w.tab.Do("contexts.get(ids[0]).conversation.tags.push('secret'); host.refresh()")
	w.moveOn()
	w.thief.Count("heard", 0)
	require.Empty(t, w.posted())
	// A message that was under way while the frame changed processes has no window any more, which is said besides.
	require.Contains(t, w.ignored(), "its origin is "+w.thief.Origin+", the dock's is "+w.docks.Origin)
}

func TestADockCannotLeaveItsFrame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("escape.html", nil)
	w.docks.Await("end")
	w.docks.Await("top SecurityError")
	w.docks.Await("reach SecurityError")
	w.docks.Await("frame TypeError") // it has no frameElement
	require.Equal(t, w.agent.Origin+"/host", browser.Get[string](w.tab, "location.href"))
}

func TestAPageOfTheHostsOwnOriginIsNotFramed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, url := range []string{
		w.agent.Origin + "/docks", "javascript:alert(1)", "data:text/html,x", "http://example.com/", "nothing",
	} {
		w.openURL(url, nil)
		require.Equal(t, "failed", browser.Get[string](w.tab, "host.state.name"), url)
		require.Zero(t, browser.Get[int](w.tab, `document.querySelectorAll(".atender-dock-page, iframe").length`), url)
		w.tab.Do("host.close()")
	}
}

func TestAnActionForTheLastConversationIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (m.contextId !== contexts[0].contextId) act("late", "addTag", { tag: "refunded" }, contexts[0].contextId)`, nil)
	w.docks.Await("context")
	w.moveOn()
	w.docks.Await("result late STALE_CONTEXT")
	require.Empty(t, w.posted())
	require.Equal(t, "damage,vip", browser.Get[string](w.tab, "contexts.get(ids[1]).conversation.tags.join()"))
}

func TestAnActionIsRefusedWhileTheServerIsStillAskedForTheNextContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (contexts.length === 1) addEventListener("message", ({ data }) => {
		if (data === "now") act("between", "resolve", {})
	})`, nil)
	w.docks.Await("context")
	w.tab.Do(`(() => {
		const frame = ` + dockFrame + `;
		const slow = transport.updateContext.bind(transport);
		transport.updateContext = (...args) => new Promise((done) => { window.goOn = () => done(slow(...args)); });
		host.setConversation(ids[1]);
		frame.contentWindow.postMessage("now", "*");
	})()`)
	w.docks.Await("result between STALE_CONTEXT")
	w.tab.Do("goOn()")
	w.tab.Until("host.contextId")
	require.Empty(t, w.posted())
}

func TestARepeatedRequestIdDoesNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (contexts.length === 1) {
		for (let i = 0; i < 3; i++) act("same", "addTag", { tag: "once" });
		act("same", "resolve", {});
	}`, nil)
	w.docks.Count("result same ok", 4)
	require.Equal(t, []string{"addTag"}, w.posted())
}

// What failed on the way to the server is asked again, as it was asked first, without another question to the agent, and even
// if the agent has moved on: the server knows the request id, and says what became of it.
func TestARepeatedRequestIdAsksAgainForAResultThatNeverCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tab.Do(`Promise.all([import("/docks/local-transport.js"), import("/sdk/dock-messages.js")])
		.then(([{ LocalTransport }, { DockError }]) => {
			Object.assign(window, { carried: [], questions: 0 });
			Object.defineProperty(window, "question", { set: () => questions++ });
			const failures = ["UNAVAILABLE", "TIMEOUT"];
			LocalTransport.prototype.act = async (session, { action, params }) => {
				carried.push(action + " " + params.tag);
				if (failures.length) throw new DockError(failures.shift(), "away");
				return { conversation: session.context.conversation };
			};
		})`)
	w.puppet(`if (contexts.length === 1) {
		act("same", "addTag", { tag: "once" });
		onNative("result", (r) => r.error?.code === "UNAVAILABLE" && act("same", "resolve", {}));
	} else if (m.contextId !== contexts[0].contextId && !window.again) {
		window.again = true;
		act("same", "addTag", { tag: "x" }, contexts[0].contextId);
	}`,
		options{"confirm": []string{"addTag"}, "answer": "yes"})
	w.docks.Await("result same TIMEOUT")
	w.moveOn()
	w.docks.Await("result same ok")
	require.Equal(t, []string{"addTag once", "addTag once", "addTag once"}, browser.Get[[]string](w.tab, "carried"))
	require.Equal(t, 1, browser.Get[int](w.tab, "questions"))
}

func TestWhatADockMayNotDoGetsNoFurtherThanTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (contexts.length === 1) {
		const tag = { tag: "x" };
		act("a", "resolve", {}); act("b", "deleteEverything", {}); act("c", "constructor", {});
		act("d", "addTag", "tag"); act("e", "addTag", null);
		act("f", "addTag", tag, "guess"); act("g", "addTag", tag, [m.contextId]);
		act({}, "addTag", tag); act("", "addTag", tag); act("x".repeat(101), "addTag", tag);
		const action = { type: "action", requestId: "v", contextId: m.contextId, action: "addTag", params: tag };
		parent.postMessage({ protocol: "atender.dock", version: 2, ...action }, "*");
		parent.postMessage(action, "*");
		send("everything"); send("notify", { text: { html: "x" } });
		send("resize", { height: "9px" }); send("resize", { height: NaN });
		act("end", "addTag", tag);
	}`, options{"actions": []string{"addTag"}})
	w.docks.Await("result end ok")
	require.Equal(t, []string{"addTag"}, w.posted())
	for _, want := range []string{
		"a NOT_ALLOWED", "b UNKNOWN_ACTION", "c UNKNOWN_ACTION", "d INVALID_PARAMS", "e INVALID_PARAMS", "f STALE_CONTEXT",
	} {
		w.docks.Await("result " + want)
	}
	w.docks.Count("result", 8)
	require.Equal(t, 0, browser.Get[int](w.tab, `notices.filter((n) => n.type === "text").length`))
	require.Empty(t, browser.Get[string](w.tab, dockFrame+`.style.height`))
	require.Contains(t, w.ignored(), "version 2 is not spoken here")
}

func TestWhatNeedsTheAgentsConsentIsAskedFor(t *testing.T) {
	t.Parallel()
	const script = `if (contexts.length === 1) act("r", "resolve", {})`
	for answer, want := range map[string]string{"yes": "ok", "no": "REJECTED", "": "REJECTED"} {
		w := newWorld(t)
		w.puppet(script, options{"confirm": []string{"resolve"}, "answer": answer})
		w.docks.Await("result r " + want)
	}
	// The agent moves on instead of answering: the question is over, whatever is answered then.
	w := newWorld(t)
	w.puppet(script, options{"confirm": []string{"resolve"}, "answer": "never"})
	w.tab.Until("window.question")
	w.moveOn()
	w.docks.Await("result r STALE_CONTEXT")
	require.True(t, browser.Get[bool](w.tab, "question.signal.aborted"))
	require.Empty(t, w.posted())
}

func TestADockThatDoesTooMuchIsSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.puppet(`if (contexts.length === 1) (async () => {
		for (let i = 0; i < 20; i++) send("notify", { text: "again and again ".repeat(100) });
		for (let i = 0; i < 60; i++) act("n" + i, "addTag", { tag: "t" + i });
	})()`, nil)
	w.tab.Until("results().length === 60")
	require.Equal(t, []string{"RATE_LIMITED"}, browser.Get[[]string](w.tab,
		"[...new Set(results().filter((r) => !r.ok).map((r) => r.error.code))]"))
	require.Equal(t, 10, browser.Get[int](w.tab, `notices.filter((n) => n.type === "text" && n.text.length <= 300).length`))
	require.Equal(t, 10, browser.Get[int](w.tab, `notices.filter((n) => n.type === "text").length`))
}
