package browser_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local/sampledock"
	"github.com/atender/atender/tests/browser"
)

// playground is the playground, the frame with the sample dock in it, and where the playground comes from.
func playground(t *testing.T) (tab, frame *browser.Tab, agent *browser.Site) {
	t.Helper()
	tab = browser.Open(t)
	agent = browser.Serve(t, "localhost", product())
	handler, err := sampledock.Handler(agent.Origin)
	require.NoError(t, err)
	dock := browser.Serve(t, "127.0.0.1", handler)
	tab.Goto(agent.Origin + "/docks/playground#url=" + url.QueryEscape(dock.Origin+"/"))
	tab.Until(`document.querySelector("#state").textContent === "open"`)
	tab.Until(`[...document.querySelectorAll(".what")].some((e) => e.textContent === "ready")`)
	return tab, tab.Frame(dock), agent
}

func TestThePlaygroundShowsWhatTheSampleDockSaysAndWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	tab, frame, agent := playground(t)
	frame.Do(`document.querySelector("[data-do=addTag] button").click()`)
	tab.Until(`document.querySelector("#notices").textContent.includes("Ava Agent, via Your dock: addTag")`)
	tab.Until(`document.querySelector("#context").value.includes("refund-asked")`)
	require.Contains(t, browser.Get[string](tab, `document.querySelector("#entries").textContent`), `"tag": "refund-asked"`)

	// What is not allowed is refused, with the reason beside it.
	choose(tab, "assign", "no")
	frame.Do(`document.querySelector("[data-do=assign] button").click()`)
	tab.Until(`document.querySelector("#entries").textContent.includes("this dock is not allowed to use assign")`)
	tab.Until(`[...document.querySelectorAll("#entries .badge")].some((e) => e.textContent === "NOT_ALLOWED")`)

	// What has to be confirmed is asked for.
	choose(tab, "snooze", "confirm")
	frame.Do(`document.querySelector("[data-do=snooze] button").click()`)
	tab.Until(`document.querySelector("dialog").open`)
	tab.Click("dialog button.primary")
	tab.Until(`document.querySelector("#context").value.includes('"status": "snoozed"')`)

	// The agent moves on: the same page is told.
	tab.Do(`document.querySelector("#conversation").selectedIndex = 1`)
	tab.Do(`document.querySelector("#conversation").dispatchEvent(new Event("change"))`)
	frame.Until(`document.querySelector("#who").textContent === "Mateo Silva"`)

	// A mistake in the context is said, and a URL of this origin is not framed.
	tab.Do(`document.querySelector("#context").value = "{"`)
	tab.Do(`document.querySelector("#context").dispatchEvent(new Event("input"))`)
	tab.Until(`document.querySelector("#context-problem").textContent.startsWith("Not JSON yet")`)
	tab.Do(`document.querySelector("#url").value = %q`, agent.Origin+"/docks")
	tab.Click("#load button")
	tab.Until(`document.querySelector("#state").textContent === "failed"`)
	require.Empty(t, tab.Complaints())
}

// choose sets what the dock may do, and waits until its host has been told.
func choose(tab *browser.Tab, action, choice string) {
	const asked = `[...document.querySelectorAll("#entries .what")].filter((e) => e.textContent.startsWith("GET ")).length`
	before := browser.Get[int](tab, asked)
	tab.Do(`document.querySelector("#action-%s").value = %q`, action, choice)
	tab.Do(`document.querySelector("#action-%s").dispatchEvent(new Event("change"))`, action)
	tab.Until(asked+" > %d", before)
}

func TestTheSampleDocksRefundUsesTheOtherActions(t *testing.T) {
	t.Parallel()
	tab, frame, _ := playground(t)
	frame.Do(`document.querySelector("[data-do=refund] button").click()`)
	tab.Until(`document.querySelector("#context").value.includes('"status": "done"')`)
	frame.Until(`document.querySelector("#said").textContent === "Done."`)
	frame.Do(`document.querySelector("[data-do=refund] button").click()`)
	frame.Until(`document.querySelector("#said").textContent.startsWith("INVALID_TRANSITION")`)
}

func TestTheGuideNamesThisAtenderAndBreaksNoPolicy(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t)
	agent := browser.Serve(t, "localhost", product())
	tab.Goto(agent.Origin + "/docks")
	tab.Until(`document.querySelectorAll("pre button").length === document.querySelectorAll("pre").length`)
	text := browser.Get[string](tab, "document.body.textContent")
	require.Contains(t, text, agent.Origin+"/sdk/dock.js")
	require.NotContains(t, text, "support.example.com")
	require.Empty(t, tab.Complaints())
}

// TestPagesFitPhones also leaves pictures of the pages in the directory that ATENDER_SCREENSHOTS names.
func TestPagesFitPhones(t *testing.T) {
	t.Parallel()
	tab, frame, agent := playground(t)
	frame.Do(`document.querySelector("[data-do=addTag] button").click()`)
	tab.Until(`document.querySelector("#notices").textContent !== ""`)
	for _, page := range []string{"playground", "guide"} {
		if page == "guide" {
			tab.Goto(agent.Origin + "/docks")
		}
		for _, size := range [][2]int64{{1280, 720}, {390, 844}} {
			tab.Size(size[0], size[1])
			require.LessOrEqual(t, browser.Get[int64](tab, "document.documentElement.scrollWidth"), size[0], page)
			for _, scheme := range []string{"light", "dark"} {
				tab.Scheme(scheme)
				if page == "playground" { // the dock follows
					frame.Until("document.documentElement.dataset.theme === %q", scheme)
				}
				picture(t, tab, strings.Join([]string{page, scheme, map[int64]string{1280: "desk", 390: "phone"}[size[0]]}, "-"))
			}
		}
	}
}

func picture(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("ATENDER_SCREENSHOTS"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), tab.Screenshot(), 0o600))
	}
}
