package browser_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/tests/browser"
)

// paramCases are parameters of actions, as a dock would send them, in JSON.
func paramCases() []string {
	long := func(unit string, n int) string { return `"` + strings.Repeat(unit, n) + `"` }
	const id = `"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"`
	return []string{
		`addTag {}`, `addTag {"tag":""}`, `addTag {"tag":null}`, `addTag {"tag":7}`, `addTag {"tag":"vip","color":"red"}`,
		`addTag {"tag":" "}`, `addTag {"tag":` + long("a", 100) + `}`, `addTag {"tag":` + long("a", 101) + `}`,
		`addTag {"tag":` + long("ø", 100) + `}`, `addTag {"tag":` + long("😀", 100) + `}`, `addTag {"tag":` + long("😀", 101) + `}`,
		`resolve {}`, `resolve {"force":true}`,
		`assign {}`, `assign {"agentId":` + id + `}`, `assign {"agentId":"ada"}`, `assign {"agentId":"{019a9f0e6c1e7a3b9c543f0f5b1f2a10}"}`,
		`assign {"agentId":` + id + `,"agentEmail":"a@b.example"}`, `assign {"teamId":` + id + `,"teamName":"Billing"}`,
		`assign {"agentEmail":"a@b.example","teamName":"Billing"}`, `assign {"teamName":""}`, `assign {"teamName":null}`,
		`assign {"teamName":` + long("é", 200) + `}`, `assign {"teamName":` + long("é", 201) + `}`, `assign {"agentId":[]}`,
		`snooze {}`, `snooze {"until":"garbage"}`, `snooze {"until":"2026-11-21T09:30:00Z"}`, `snooze {"until":"2026-11-21"}`,
		`snooze {"until":"2026-11-21T09:30:00.123+01:00"}`, `snooze {"until":"2026-02-30T09:30:00Z"}`,
		`snooze {"until":"2026-02-29T09:30:00Z"}`, `snooze {"until":"2028-02-29T09:30:00Z"}`,
		`snooze {"until":"2026-11-21T24:00:00Z"}`, `snooze {"until":"2026-11-21T09:30Z"}`, `snooze {"until":"2026-11-21 09:30:00Z"}`,
		`snooze {"until":"1969-12-31T23:59:59Z"}`, `snooze {"until":"2199-12-31T23:59:59Z"}`, `snooze {"until":"2200-01-01T00:00:00Z"}`,
		`snooze {"until":1764000000}`,
		`sendMessage {}`, `sendMessage {"text":"Hi"}`, `sendMessage {"text":" "}`, `sendMessage {"html":"<p>Hi</p>"}`,
		`sendMessage {"text":"Hi","html":null}`, `sendMessage {"text":"Hi","html":""}`, `sendMessage {"text":"Hi","html":{}}`,
		`sendMessage {"text":` + long("a", 262144) + `}`, `sendMessage {"text":` + long("a", 262145) + `}`,
		`sendMessage {"text":` + long("ø", 131072) + `}`, `sendMessage {"text":` + long("ø", 131073) + `}`,
		`sendMessage {"text":"Hi","html":` + long("a", 262145) + `}`,
	}
}

// Server and scripts read the same schemas: of any parameters they say the same, in the same words.
func TestTheScriptsSayOfParametersWhatTheServerSays(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t)
	agent := browser.Serve(t, "localhost", product())
	tab.Goto(agent.Origin + "/docks")
	cases := paramCases()
	text, err := json.Marshal(cases)
	require.NoError(t, err)
	said := browser.Get[[]string](tab, `import("/sdk/dock-params.js").then(({ wrongParams }) => `+string(text)+`.map((of) => {
		const at = of.indexOf(" ");
		return wrongParams(of.slice(0, at), JSON.parse(of.slice(at))) ?? "";
	}))`)
	refused := 0
	for i, of := range cases {
		kind, params, _ := strings.Cut(of, " ")
		var given map[string]any
		require.NoError(t, json.Unmarshal([]byte(params), &given))
		want := ""
		_, err := dockaction.Parse(kind, given)
		if wrong, ok := errors.AsType[*dockaction.Error](err); ok {
			want = wrong.Message
			refused++
		}
		require.Equal(t, want, said[i], "%.200s", of)
	}
	require.Greater(t, refused, len(cases)/2)
	require.Empty(t, tab.Complaints())
}
