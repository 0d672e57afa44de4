package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/browser"
)

func TestADashboardAppMayAskWhileItIsParsedInAnyOfItsForms(t *testing.T) {
	t.Parallel()
	for _, ask := range []string{
		`"chatwoot-dashboard-app:fetch-info"`, `JSON.stringify("chatwoot-dashboard-app:fetch-info")`,
		`JSON.stringify({ event: "chatwoot-dashboard-app:fetch-info" })`, `{ type: "chatwoot-dashboard-app:fetch-info" }`,
	} {
		w := newWorld(t)
		w.docks = browser.Serve(t, "localhost", w.pages(ask))
		w.open("app-early.html", nil)
		w.docks.Await("appContext " + first + " 3")
		w.moveOn()
		w.docks.Await("appContext " + second + " 3")
		// It has shown which form it speaks, and hears no other any more.
		require.True(t, browser.Get[bool](w.tab, `seen.slice(seen.findIndex((m) => m.direction === "in"))
			.every((m) => m.direction === "in" || typeof m.data === "string")`))
	}
}

func TestADashboardAppMayListenLateAndNeverAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-late.html", nil)
	w.docks.Await("late 1001")
	w.moveOn()
	w.docks.Await("late 1002")
}

func TestADashboardAppFindsEveryDocumentedKeyWithItsType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open("app-strict.html", nil)
	require.Equal(t, "[]", w.docks.Await("wrong "))
	w.docks.Await("status open delivery Channel::Email 4521")
}
