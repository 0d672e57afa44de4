package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

func TestADockIsToldItsContextAndUsesAllFiveActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html", options{"theme": "dark", "actions": []string{"addTag", "assign", "resolve", "snooze", "sendMessage"}})
	w.docks.Await("token 3 true")
	require.Equal(t, []string{
		"done active delivery,refunded", "done active delivery,refunded", "done active delivery,refunded",
		"done snoozed delivery,refunded", "done done delivery,refunded", "refused INVALID_TRANSITION true",
		"refused INVALID_PARAMS true", "refused INVALID_PARAMS true",
	}, outcomes(w))
	require.Equal(t, first+" dark delivery", w.docks.Await("context "))
	w.docks.Await("context " + first + " dark delivery,refunded") // what an action changes comes back as a context
	require.Equal(t, "Ava Agent via Refunds: addTag", browser.Get[string](w.tab,
		"`${notices[0].agent.name} via ${notices[0].dock.name}: ${notices[0].action}`"))
	require.Equal(t, "<b>All</b> done", browser.Get[string](w.tab, `notices.find((n) => n.type === "text").text`))
	require.Equal(t, "4000px", browser.Get[string](w.tab, dockFrame+`.style.height`))
	require.Empty(t, w.tab.Complaints())
}

// outcomes are what the native dock reports of its actions.
func outcomes(w *world) (of []string) {
	for _, r := range w.docks.Reports() {
		if len(r) > 5 && (r[:5] == "done " || r[:8] == "refused ") {
			of = append(of, r)
		}
	}
	return of
}

func TestADockCanBeAModule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("module.html", nil)
	w.docks.Await(first + " delivery,module")
	require.Empty(t, w.tab.Complaints())
}

func TestTheFrameIsAsTightAsItCanBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive", options{"permissions": []string{"clipboard-write", "camera *; microphone"}})
	require.Equal(t, w.agent.Origin+"/ ?passive", w.docks.Await("load "), "the referrer is the origin and no more")
	require.Equal(t, "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads "+
		"allow-storage-access-by-user-activation|strict-origin|clipboard-write|Refunds",
		browser.Get[string](w.tab, `(() => { const f = `+dockFrame+`;
			return [f.getAttribute("sandbox"), f.referrerPolicy, f.allow, f.title].join("|") })()`))
}

func TestOneFrameLivesThroughAllConversations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive", nil)
	w.docks.Await("context " + first)
	w.moveOn()
	w.docks.Await("context " + second)
	w.tab.Do(`for (let i = 0; i < 20; i++) host.setAppearance({ theme: "dark" })`)
	w.docks.Await("context " + second + " dark")
	w.docks.Count("load", 1)

	// Ten changes at once are one context.
	w.tab.Do(`window.before = sentContexts().length; window.asked = requests.length;
		contexts.get(ids[1]).conversation.tags.push("changed"); for (let i = 0; i < 10; i++) host.refresh()`)
	w.docks.Await("context " + second + " dark damage,vip,changed")
	require.Equal(t, []int{1, 1}, browser.Get[[]int](w.tab, "[sentContexts().length - before, requests.length - asked]"))
}

func TestThePageIsLoadedAnewOnlyIfItsAddressChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive&mail={{contact.email}}", nil)
	w.docks.Await("load " + w.agent.Origin + "/ ?passive&mail=noor%40customers.example")
	w.tab.Do("host.refresh()")
	w.docks.Count("load", 1)
	w.moveOn()
	w.docks.Await("load " + w.agent.Origin + "/ ?passive&mail=mateo%40customers.example")
	w.docks.Await("context " + second)
	w.docks.Count("load", 2)
}

func TestAHiddenDockIsToldWhenItIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive", options{"visible": false})
	w.docks.Count("load", 0)
	w.tab.Do("host.setVisible(true)")
	w.docks.Await("context " + first)
	w.tab.Do("host.setVisible(false)")
	w.moveOn()
	w.tab.Do("host.refresh()")
	w.docks.Count("context "+second, 0)
	w.tab.Do("host.setVisible(true)")
	w.docks.Await("context " + second)
	w.tab.Do(`host.setVisible(false); host.setAppearance({ theme: "dark" })`)
	w.docks.Count("context "+second+" dark", 0)
	w.tab.Do("host.setVisible(true)")
	w.docks.Await("context " + second + " dark")
	w.docks.Count("load", 1)
}

func TestAClosedDockIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("native.html?passive", nil)
	w.docks.Await("context " + first)
	w.tab.Do("host.close()")
	require.Equal(t, "0 closed DELETE", browser.Get[string](w.tab,
		"`${document.querySelectorAll('.atender-dock-page, iframe').length} ${host.state.name} ${requests.at(-1).method}`"))
	w.tab.Do("host.refresh()")
	w.moveOn()
	w.docks.Count("load", 1)
}
