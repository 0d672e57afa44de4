package deployment

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
)

// From nothing to a running product, with the one image and its one user: migrate, tenant, key, API, worker. A deadline of
// 2044 is right to the second, endpoints are believed by the image's authorities alone, and nothing is written.
func TestTheImageRunsTheWholeProduct(t *testing.T) {
	t.Parallel()
	trusted := newEndpoint(t)
	c := newContainer(t, build(t, trusted.authority))
	require.Regexp(t, `^atender \S+$`, c.run("version"))
	require.Contains(t, c.run("help", "config"), "ATENDER_DATABASE_URL")
	before := inventory(t, c.root)

	c.configure()
	_, err := c.try("probe", "api")
	require.Error(t, err, "nothing answers yet")
	c.run("migrate")
	tenant := idOf(t, c.run("tenant", "create", "Acme"))
	key := c.run("key", "create", "--tenant", tenant, "--name", "shop", "--scope", "full_access", "--tier", "custom")
	stopAPI, stopWorker := c.start("api"), c.start("worker")
	c.awaitReady("api")
	c.awaitReady("worker")

	api := c.client(key)
	untrusted := newEndpoint(t)
	require.EqualValues(t, webhook.ClassOK, test(t, api, trusted.URL).Class)
	require.EqualValues(t, webhook.ClassTLS, test(t, api, untrusted.URL).Class)
	requireDeadlineIn2044(t, api)
	trusted.await(t, "conversation.created") // by the worker
	require.Zero(t, untrusted.arrived(), "something was sent to an endpoint whose certificate no authority has signed")

	stopWorker()
	stopAPI()
	require.Equal(t, before, inventory(t, c.root))
}

// configure says where everything is.
func (c *container) configure() {
	c.t.Helper()
	address, namespace := deps.Namespace(c.t)
	c.env = []string{
		"ATENDER_DATABASE_URL=" + deps.UnmigratedDatabase(c.t), "ATENDER_SECRET_KEYS=" + seal.GenerateKeyring(),
		"TEMPORAL_ADDRESS=" + address, "TEMPORAL_NAMESPACE=" + namespace, "ATENDER_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8",
		"ATENDER_HTTP_ADDR=" + freeAddress(c.t), "ATENDER_METRICS_ADDR=" + freeAddress(c.t),
		"ATENDER_WORKER_METRICS_ADDR=" + freeAddress(c.t),
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// client calls the API with a key.
func (c *container) client(key string) *apiclient.ClientWithResponses {
	c.t.Helper()
	var url string
	for _, v := range c.env {
		if addr, ok := strings.CutPrefix(v, "ATENDER_HTTP_ADDR="); ok {
			url = "http://" + addr
		}
	}
	api, err := apiclient.NewClientWithResponses(url, apiclient.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+key)
			return nil
		}))
	require.NoError(c.t, err)
	return api
}

// idOf is the id in the first row of what `atender tenant create` prints: the live tenant's.
func idOf(t *testing.T, table string) string {
	t.Helper()
	lines := strings.Split(table, "\n")
	require.Len(t, lines, 3, table)
	fields := strings.Fields(lines[1])
	require.Len(t, fields, 2, table)
	return fields[1]
}

// test makes a webhook and has the API try it.
func test(t *testing.T, api *apiclient.ClientWithResponses, url string) wire.Attempt {
	t.Helper()
	made, err := api.CreateWebhookWithResponse(t.Context(), apiclient.CreateWebhookJSONRequestBody{
		Name: url, URL: url, Events: apiclient.SubscribedEvents{"*"},
	})
	require.NoError(t, err)
	require.NotNil(t, made.JSON201, "%s", made.Body)
	tried, err := api.TestWebhookWithResponse(t.Context(), made.JSON201.ID)
	require.NoError(t, err)
	require.NotNil(t, tried.JSON200, "%s", tried.Body)
	return *tried.JSON200
}

// requireDeadlineIn2044 has a first reply be due after so many hours of which each week has one, in a zone with daylight
// saving time: the last of them is in the summer of 2044, far behind the end of the tables of a zone's changes.
func requireDeadlineIn2044(t *testing.T, api *apiclient.ClientWithResponses) {
	t.Helper()
	const zone = "America/New_York"
	place, err := time.LoadLocation(zone)
	require.NoError(t, err)
	day := time.Now().In(place).AddDate(0, 0, 3) // in three days, so that none of its hours is going on
	var due time.Time
	weeks := 0
	for closes := day; due.Year() < 2044 || due.Month() < time.July; closes = closes.AddDate(0, 0, 7) {
		due = time.Date(closes.Year(), closes.Month(), closes.Day(), 10, 0, 0, 0, place)
		weeks++
	}
	hours, err := api.CreateOpeningHoursWithResponse(t.Context(), apiclient.CreateOpeningHoursJSONRequestBody{
		Name: "An hour a week", TimeZone: zone,
		Weekly: apiclient.Weekly{strings.ToLower(day.Weekday().String()): []calendar.Slot{{From: "09:00", To: "10:00"}}},
	})
	require.NoError(t, err)
	require.NotNil(t, hours.JSON201, "%s", hours.Body)
	seconds := int64(weeks) * 3600
	policy, err := api.CreateSLAPolicyWithResponse(t.Context(), apiclient.CreateSLAPolicyJSONRequestBody{
		Name: "Patient", Targets: apiclient.SLATargets{sla.FirstReply: {Normal: 1, High: 2, Urgent: seconds}},
	})
	require.NoError(t, err)
	require.NotNil(t, policy.JSON201, "%s", policy.Body)
	assigned, err := api.CreateSLAAssignmentWithResponse(t.Context(),
		apiclient.CreateSLAAssignmentJSONRequestBody{PolicyID: policy.JSON201.ID})
	require.NoError(t, err)
	require.NotNil(t, assigned.JSON201, "%s", assigned.Body)
	text := "It has not come."
	made, err := api.CreateOutboundConversationWithResponse(t.Context(), apiclient.CreateOutboundConversationJSONRequestBody{
		ExternalReference: "order-4521", Subject: "Where is my order?", Contact: apiclient.NewContact{Email: "ada@example.com"},
		OutboundContext: &apiclient.OutboundContext{OriginalMessage: &text},
	})
	require.NoError(t, err)
	require.NotNil(t, made.JSON201, "%s", made.Body)
	require.NotNil(t, made.JSON201.SLA)
	require.Equal(t, due.UTC().String(), made.JSON201.SLA.Metrics[0].DueAt.Breached.UTC().String())
}
