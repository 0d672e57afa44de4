package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/webhook"
)

// subscribe makes a webhook and returns its path.
func (h *harness) subscribe() string {
	h.t.Helper()
	made := h.call("POST", "/v1/webhooks", object{"name": "Shop", "url": "https://shop.example.com/hooks", "events": []any{"*"}})
	return "/v1/webhooks/" + made.want(201).string("id")
}

// attempt claims everything that is owed and records the given state for it, as a dispatcher would.
func (h *harness) attempt(state webhook.DeliveryState) {
	h.t.Helper()
	ctx, owner := context.Background(), uuid.New()
	endpoints, _, err := h.store.Webhooks.FreshEndpoints(ctx, 0, webhook.Shards, webhook.ClaimPosition{})
	require.NoError(h.t, err)
	var quotas []webhook.Quota
	for i := range endpoints {
		quotas = append(quotas, webhook.Quota{Endpoint: &endpoints[i], Rows: 100})
	}
	claimed, err := h.store.Webhooks.ClaimFresh(ctx, owner, quotas)
	require.NoError(h.t, err)
	var outcomes []webhook.Outcome
	for _, d := range claimed {
		o := webhook.Outcome{
			Delivery: d, Attempt: webhook.Attempt{StartedAt: time.Now(), Status: 200, Class: webhook.ClassOK},
			Decision: webhook.Decision{State: state, Counted: true},
		}
		if state != webhook.DeliveryDelivered {
			o.Status, o.Class, o.Error, o.Failure = 500, webhook.ClassHTTP5xx, "the endpoint answered 500", "RETRIES_EXHAUSTED"
		}
		outcomes = append(outcomes, o)
	}
	require.NoError(h.t, h.store.Webhooks.RecordOutcomes(ctx, owner, outcomes))
}

func TestDeliveryLog(t *testing.T) {
	h := newHarness(t)
	hook := h.subscribe()
	body := h.creation("1")
	body["subject"] = "<b>"
	h.call("POST", "/v1/conversations/outbound", body).want(201)
	log := h.call("GET", hook+"/deliveries?status=pending", nil).want(200).list()
	require.Len(t, log, 2)
	require.Nil(t, log[0]["lastAttempt"])
	h.attempt(webhook.DeliveryFailed)
	require.Empty(t, h.call("GET", hook+"/deliveries?status=pending", nil).want(200).list())
	log = h.call("GET", hook+"/deliveries?status=failed&event=contact.created&since=2026-01-01T00:00:00Z", nil).want(200).list()
	require.Len(t, log, 1)

	path := hook + "/deliveries/" + log[0]["id"].(string)
	read := h.call("GET", path, nil).want(200)
	require.Contains(t, read.text, h.payload(log[0]["eventId"].(string)), "byte for byte")
	require.Len(t, read.body["attemptLog"], 1)
	h.call("GET", path, nil, "Authorization", "Bearer "+h.newKey(h.live, "webhooks:read")).refused(403, "SCOPE_MISSING")

	again := h.call("POST", path+"/redeliver", nil, "Idempotency-Key", "k").want(202)
	require.Equal(t, "pending", again.string("status"))
	require.Equal(t, again.text, h.call("POST", path+"/redeliver", nil, "Idempotency-Key", "k").want(202).text)
	h.call("POST", path+"/redeliver", nil).refused(409, "DELIVERY_PENDING")
	h.attempt(webhook.DeliveryDelivered)
	require.Len(t, h.call("GET", path, nil).want(200).body["attemptLog"], 2)

	health := h.call("GET", hook, nil).want(200).body["health"].(map[string]any)
	require.Equal(t, 0.0, health["backlog"])
	require.InDelta(t, 1./3, health["successRate24h"], 0.001)
	require.NotNil(t, health["lastSuccessAt"])

	require.Equal(t, []string{"status:invalid_value"}, h.call("GET", hook+"/deliveries?status=lost", nil).wrong())
	require.Equal(t, []string{"cursor:invalid"}, h.call("GET", hook+"/deliveries?cursor=x", nil).wrong())
	h.call("GET", fillIn("/v1/webhooks/:id/deliveries"), nil).refused(404, "NOT_FOUND")
	other := h.newKey(h.sandbox, "full_access")
	for _, p := range []string{hook + "/deliveries", path, hook + "/replays"} {
		h.call("GET", p, nil, "Authorization", "Bearer "+other).refused(404, "NOT_FOUND")
	}
	h.call("POST", path+"/redeliver", nil, "Authorization", "Bearer "+other).refused(404, "NOT_FOUND")
}

func TestReplayOverTheAPI(t *testing.T) {
	h := newHarness(t)
	hook := h.subscribe()
	since := object{"since": "2026-01-01T00:00:00Z"}
	made := h.call("POST", hook+"/replay", since, "Idempotency-Key", "k").want(202)
	require.Equal(t, "running", made.string("status"))
	require.Equal(t, made.text, h.call("POST", hook+"/replay", since, "Idempotency-Key", "k").want(202).text)
	running := h.call("POST", hook+"/replay", since).refused(409, "REPLAY_RUNNING")
	require.Equal(t, made.string("id"), running["replayId"])
	path := made.header.Get("Location")
	require.Equal(t, made.body, h.call("GET", path, nil).want(200).body)
	require.Equal(t, made.body, h.call("GET", hook+"/replays", nil).want(200).list()[0])
	require.Equal(t, "cancelled", h.call("DELETE", path, nil).want(200).string("status"))
	require.Equal(t, "cancelled", h.call("DELETE", path, nil).want(200).string("status"))

	require.Equal(t, []string{"since:required"}, h.call("POST", hook+"/replay", object{}).wrong())
	for _, never := range []object{
		{"since": "2099-01-01T00:00:00Z"}, {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
	} {
		require.Equal(t, []string{"since:out_of_range"}, h.call("POST", hook+"/replay", never).wrong())
	}
	h.call("PATCH", hook, object{"isActive": false}).want(200)
	h.call("POST", hook+"/replay", since).refused(409, "WEBHOOK_INACTIVE")
	h.call("POST", fillIn("/v1/webhooks/:id/replay"), since).refused(404, "NOT_FOUND")
	h.call("GET", fillIn(hook+"/replays/:replayId"), nil).refused(404, "NOT_FOUND")
}

// Where nothing is set up to send tests, that is said; the test itself is a matter of the running product (package tests).
func TestWebhookTestNeedsASender(t *testing.T) {
	h := newHarness(t)
	h.call("POST", fillIn("/v1/webhooks/:id/test"), nil).refused(404, "NOT_FOUND")
	h.call("POST", h.subscribe()+"/test", nil).refused(503, "UNAVAILABLE")
}

func TestWhoMayDeliverOnceMore(t *testing.T) {
	h := newHarness(t)
	hook := h.subscribe()
	h.call("POST", "/v1/conversations/outbound", h.creation("1")).want(201)
	h.attempt(webhook.DeliveryFailed)
	failed := h.call("GET", hook+"/deliveries?status=failed", nil).want(200).list()
	path := func(i int) string { return hook + "/deliveries/" + failed[i]["id"].(string) + "/redeliver" }

	h.newBrowser(account.RoleAgent).call("POST", path(0), nil).refused(403, "SCOPE_MISSING")
	h.call("POST", path(0), nil, "Authorization", "Bearer "+h.newKey(h.live, "webhooks:read")).refused(403, "SCOPE_MISSING")
	lead := h.newBrowser(account.RoleLead)
	lead.call("POST", path(0), nil).want(202)
	lead.call("POST", hook+"/replay", object{"since": "2026-01-01T00:00:00Z"}).refused(403, "SCOPE_MISSING")
	h.call("POST", path(1), nil, "Authorization", "Bearer "+h.newKey(h.live, "webhooks:write")).refused(403, "SCOPE_MISSING")
	may := h.newKey(h.live, "webhooks:write", "conversations:read", "contacts:read")
	h.call("POST", path(1), nil, "Authorization", "Bearer "+may).want(202)
}
