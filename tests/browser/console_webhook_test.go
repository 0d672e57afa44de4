package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

// The page of a webhook shows what is asked for now, and how things are now.
func TestAWebhooksPageKeepsUp(t *testing.T) {
	t.Parallel()
	var hook struct{ ID uuid.UUID }
	c := openConsole(t, account.RoleOwner, func(c *console) {
		c.must(http.MethodPost, "/v1/webhooks", map[string]any{"name": "CRM", "url": "https://crm.example/hooks",
			"events": []string{"*"}}, &hook)
		c.Exec(`INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, seq, shard, state, due_at,
				finished_at, created_at)
			SELECT gen_random_uuid(), $1, $2, gen_random_uuid(), 'message.sent', i, 0, 'delivered', now(), now(), now()
			FROM generate_series(1, 60) i`, c.Tenant.ID, hook.ID)
	})
	path := "/v1/webhooks/" + hook.ID.String()
	const rows = "table[aria-label=Deliveries] tbody tr"
	c.visit("/settings/webhooks/" + hook.ID.String())
	c.awake()

	// More of the old question does not come under the new one.
	letGo := c.door.Hold("GET " + path + "/deliveries?limit=50")
	c.press("Show more")
	c.door.AwaitHeld()
	c.tab.Do(`{
		const select = document.querySelector("select[aria-label=Status]");
		select.value = "cancelled";
		select.dispatchEvent(new Event("change"));
	}`)
	c.shows(c.tab, "No delivery matches.")
	letGo()
	c.tab.Do(`new Promise((done) => setTimeout(done, 300))`)
	require.Zero(t, c.count(rows))

	// What the news are about is read again.
	c.must(http.MethodPatch, path, map[string]any{"name": "New CRM"}, nil)
	c.says(fmt.Sprintf(`{ type: "webhook", id: %q }`, hook.ID))
	c.shows(c.tab, "New CRM")

	// A replay is looked at while it runs, however long an answer takes.
	c.tab.Do(`window.real = window.fetch;
		window.looks = 0;
		window.fetch = async (url, init) => {
			if (!url.includes("/replays")) return real(url, init);
			const at = new Date().toISOString();
			const run = { id: "r", status: "running", since: at, until: at, events: [], queued: 5, progress: looks++ / 100 };
			await new Promise((done, fail) => {
				setTimeout(done, 1700);
				init.signal.addEventListener("abort", () => fail(init.signal.reason));
			});
			return new Response(JSON.stringify({ data: [run] }), { headers: { "Content-Type": "application/json" } });
		};
		undefined`)
	c.tab.Click(".section-head a[aria-label=Back]")
	c.press("New CRM")
	c.shows(c.tab, "1 %")

	// What cannot be read again says so, beside what was read before.
	c.tab.Until("document.querySelectorAll(%q).length === 25", rows)
	c.tab.Do(`window.fetch = (url, init) => (url.includes("/deliveries") ? Promise.reject(new TypeError()) : real(url, init));
		undefined`)
	c.tab.Click("button[aria-label='Refresh']")
	c.shows(c.tab, "The log could not be read.")
	require.Equal(t, 25, c.count(rows))
	c.tab.Do(`window.fetch = real; undefined`)
	c.press("Try again")
	c.tab.Until(`!document.querySelector(".callout.danger")`)
}
