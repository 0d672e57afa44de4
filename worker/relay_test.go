package worker

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/mocks"

	"github.com/atender/atender/activities"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// relaying is a relay on a database of its own, with what Temporal was told and what it logged.
type relaying struct {
	relay
	t        *testing.T
	temporal *mocks.Client
	log      *buffer
}

func newRelaying(t *testing.T) *relaying {
	t.Helper()
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	log := &buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	store, err := models.Open(t.Context(), models.Options{URL: deps.Database(t), Keys: keys, Logger: logger})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	registry := prometheus.NewRegistry()
	r := &relaying{t: t, temporal: mocks.NewClient(t), log: log}
	r.relay = relay{
		store: store, client: r.temporal, queue: "queue", log: logger,
		metrics: newMetrics(registry, activities.NewMetrics(registry)),
	}
	return r
}

// add puts an entry into the outbox.
func (r *relaying) add(e outbox.Entry) {
	r.t.Helper()
	require.NoError(r.t, outbox.AddNow(r.store.DB.Main.WithContext(r.t.Context()), e))
}

// round claims what is urgent and tells it.
func (r *relaying) round() (wait time.Duration) {
	r.t.Helper()
	rows, err := r.store.Outbox.Claim(r.t.Context(), outbox.Urgent, 100)
	require.NoError(r.t, err)
	return r.tell(r.t.Context(), rows, urgentPace)
}

func (r *relaying) depth() int {
	r.t.Helper()
	depth, _, err := r.store.Outbox.Depth(r.t.Context())
	require.NoError(r.t, err)
	return depth
}

// expect makes Temporal expect one signal to a workflow.
func (r *relaying) expect(id, signal string, payload any, workflow string, input any) *mock.Call {
	return r.temporal.On("SignalWithStartWorkflow", mock.Anything, id, signal, payload, mock.Anything, workflow, input).Once()
}

// named is a tenant whose row is not there.
func named(tenant uuid.UUID) durable.Tenant { return durable.Tenant{ID: tenant} }

func TestARowOfAnUnknownKindStaysAndIsReported(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	tenant, subscription, damaged := ident.New(), ident.New(), ident.New()
	r.add(outbox.Entry{Kind: outbox.Retry, TenantID: tenant, TargetID: subscription})
	r.add(outbox.Entry{Kind: outbox.Retry, TenantID: tenant, TargetID: damaged})
	_, err := r.store.DB.SQL.ExecContext(t.Context(), `UPDATE outbox SET kind = 'retrx' WHERE target_id = $1`, damaged)
	require.NoError(t, err)

	// The mock fails the test if Temporal is told of the other row, whatever it is taken for.
	r.expect(durable.RetryID(named(tenant), durable.Endpoint{ID: subscription}), durable.SignalRetriesOwed, nil,
		durable.RetryWorkflow,
		durable.RetryInput{TenantID: tenant, SubscriptionID: subscription, Reports: true}).Return(nil, nil)
	require.Equal(t, relayPoll, r.round(), "Temporal answers: it is not the reason to wait")
	require.Equal(t, 1, r.depth(), "the row is there for a version that knows its kind")
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.unknownKinds), 0)
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.relayed.WithLabelValues("ok")), 0)
	require.Regexp(t, `level=ERROR msg="outbox row of an unknown kind.* id=2 kind=retrx .*targetId=`+damaged.String(),
		r.log.String())

	r.round()
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.unknownKinds), 0, "it is not met again at once")
	var wait float64
	err = r.store.DB.SQL.QueryRowContext(t.Context(),
		`SELECT extract(epoch FROM available_at - clock_timestamp()) FROM outbox`).Scan(&wait)
	require.NoError(t, err)
	require.Greater(t, wait, 0.0)
	require.LessOrEqual(t, wait, relayUnknown.Seconds())

	// A version that knows it finds it as it was.
	_, err = r.store.DB.SQL.ExecContext(t.Context(), `UPDATE outbox SET kind = 'retry', available_at = clock_timestamp()`)
	require.NoError(t, err)
	r.expect(durable.RetryID(named(tenant), durable.Endpoint{ID: damaged}), durable.SignalRetriesOwed, nil, durable.RetryWorkflow,
		durable.RetryInput{TenantID: tenant, SubscriptionID: damaged, Reports: true}).Return(nil, nil)
	r.round()
	require.Zero(t, r.depth())
}

func TestEachKindTellsItsWorkflow(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	tenant, target, action := ident.New(), ident.New(), ident.New()
	due, status, former := time.Now().Add(10*time.Second), "snoozed", "webhook/acme/old.example.com-1b9d7f3a"
	conversation := durable.ConversationInput{TenantID: tenant, ConversationID: target, Reports: true}
	for _, e := range []outbox.Entry{
		{Kind: outbox.Conversation, DueAt: &due, Status: &status},
		{Kind: outbox.DockAction, DockActionID: &action},
		{Kind: outbox.Retry},
		{Kind: outbox.Retry, FormerID: &former},
		{Kind: outbox.Replay},
		{Kind: outbox.Recompute},
	} {
		e.TenantID, e.TargetID = tenant, target
		r.add(e)
	}
	_, err := r.store.DB.SQL.ExecContext(t.Context(), `UPDATE outbox SET priority = 0`) // so that all come at once
	require.NoError(t, err)
	conversationID, endpoint := durable.ConversationID(named(tenant), target, 0), durable.Endpoint{ID: target}
	for _, told := range []*mock.Call{
		r.expect(conversationID, durable.SignalConversationChanged, nil, durable.ConversationWorkflow, conversation),
		r.expect(conversationID, durable.SignalDockAction, durable.DockActionSignal{ActionID: action},
			durable.ConversationWorkflow, conversation),
		r.expect(durable.RetryID(named(tenant), endpoint), durable.SignalRetriesOwed, nil, durable.RetryWorkflow,
			durable.RetryInput{TenantID: tenant, SubscriptionID: target, Reports: true}),
		r.expect(durable.ReplayID(named(tenant), endpoint, target), durable.SignalReplayChanged, nil, durable.ReplayWorkflow,
			durable.ReplayInput{TenantID: tenant, ReplayID: target, Reports: true}),
		r.expect(durable.RecomputeID(named(tenant)), durable.SignalTimeRulesChanged, nil, durable.RecomputeWorkflow,
			durable.RecomputeInput{TenantID: tenant, Reports: true}),
	} {
		told.Return(nil, nil)
	}
	// Under an id that it had before, none is started; that none runs is well.
	r.temporal.On("SignalWorkflow", mock.Anything, former, "", durable.SignalRetriesOwed, nil).Once().
		Return(serviceerror.NewNotFound("none runs"))
	r.round()
	require.Zero(t, r.depth())
}

// What Temporal was not told stays in the outbox, and is told again.
func TestRowsStayWhileTemporalDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := newRelaying(t)
	tenant, id := ident.New(), uuid.New()
	r.add(outbox.Entry{Kind: outbox.Replay, TenantID: tenant, TargetID: id})
	told := r.expect(durable.ReplayID(named(tenant), durable.Endpoint{ID: id}, id), durable.SignalReplayChanged, nil,
		durable.ReplayWorkflow, mock.Anything)
	told.Return(nil, errors.New("no answer"))
	require.Equal(t, relayAway, r.round())
	require.Equal(t, 1, r.depth())
	require.Zero(t, testutil.ToFloat64(r.metrics.unknownKinds))
}
