package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/interceptor"
	"google.golang.org/protobuf/proto"

	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
	"github.com/atender/atender/worker"
	flows "github.com/atender/atender/workflows"
)

// caller is a span of who calls the API.
type caller struct{ trace, span string }

func newCaller() caller {
	random := strings.ReplaceAll(uuid.NewString(), "-", "")
	return caller{trace: random, span: strings.ReplaceAll(uuid.NewString(), "-", "")[:16]}
}

// header has the caller's trace in the headers of a request, with what else of it must not get in.
func (c caller) header(r *http.Request) {
	r.Header.Set("Traceparent", "00-"+c.trace+"-"+c.span+"-01")
	r.Header.Set("Tracestate", "private=state")
	r.Header.Set("Baggage", "private=baggage")
}

// traceOf waits until the trace has so many spans of each of the names, and returns it.
func traceOf(t *testing.T, s *stack.Stack, c caller, want map[string]int) (spans tracetest.SpanStubs) {
	t.Helper()
	count := map[string]int{}
	complete := func() bool {
		spans = slices.DeleteFunc(s.Spans.GetSpans(), func(span tracetest.SpanStub) bool {
			return span.SpanContext.TraceID().String() != c.trace
		})
		clear(count)
		for _, span := range spans {
			count[span.Name]++
		}
		for name, n := range want {
			if count[name] < n {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(time.Minute); !complete(); <-time.After(20 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "the trace has %v, and should have %v", count, want)
	}
	return spans
}

// parents maps each span of a trace to the name of the one above it, and fails where that is not in the
// trace.
func parents(t *testing.T, c caller, spans tracetest.SpanStubs) map[string]string {
	t.Helper()
	names := map[string]string{c.span: "caller"}
	for _, span := range spans {
		names[span.SpanContext.SpanID().String()] = span.Name
	}
	above := map[string]string{}
	for _, span := range spans {
		parent, known := names[span.Parent.SpanID().String()]
		require.True(t, known, "what is above %s is not in the trace", span.Name)
		above[span.Name] = parent
	}
	return above
}

func attribute(span tracetest.SpanStub, key string) string {
	for _, a := range span.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// One request is one trace, from the call of the API to what its events bring about, and nothing personal is
// in it.
func TestATraceGoesFromTheRequestToTheReceiver(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t)
	in := inbox.Open(t)
	sub := s.Subscribe(in)
	made, snoozed := newCaller(), newCaller()
	from := func(c caller) apiclient.RequestEditorFn {
		return func(_ context.Context, r *http.Request) error {
			c.header(r)
			return nil
		}
	}
	answer, err := s.API.CreateOutboundConversationWithResponse(
		t.Context(),
		apiclient.CreateOutboundConversationJSONRequestBody{
			ExternalReference: "private-reference", Subject: "private subject",
			Contact:         apiclient.NewContact{Email: "private@example.com", Name: ptr("Private Person")},
			OutboundContext: &apiclient.OutboundContext{OriginalMessage: ptr("private words")},
			Tags:            []string{"private-tag"},
		},
		from(made),
	)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON201, "%s", answer.Body)
	conversation := answer.JSON201.ID
	until := time.Now().Add(time.Hour)
	_, err = s.API.SnoozeConversationWithResponse(t.Context(), conversation,
		apiclient.SnoozeConversationJSONRequestBody{Until: until}, from(snoozed))
	require.NoError(t, err)
	list, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodGet,
		s.URL+"/v1/conversations?q=private%40example.com",
		nil,
	)
	require.NoError(t, err)
	list.Header.Set("Authorization", "Bearer "+s.Key)
	made.header(list)
	listed, err := http.DefaultClient.Do(list)
	require.NoError(t, err)
	require.NoError(t, listed.Body.Close())
	untraced := create(t, s, "untraced")

	// The creation: its transaction, which may be a group's, and an attempt for each event.
	creation := traceOf(
		t,
		s,
		made,
		map[string]int{
			"POST /v1/conversations/outbound": 1,
			"GET /v1/conversations":           1,
			"webhook attempt":                 3,
		},
	)
	above := parents(t, made, creation)
	require.Equal(t, "caller", above["POST /v1/conversations/outbound"])
	require.Equal(t, "POST /v1/conversations/outbound", above["webhook attempt"])

	// The snooze: what it tells the conversation's workflow, and what that does.
	snoozing := traceOf(t, s, snoozed, map[string]int{
		"POST /v1/conversations/:id/snooze": 1, "transaction": 2, "relay conversation": 1,
		"SignalWithStartWorkflow:" + durable.ConversationWorkflow: 1,
		"HandleSignal:" + durable.SignalConversationChanged:       1,
		"StartActivity:" + durable.TickActivity:                   1, "RunActivity:" + durable.TickActivity: 1,
		"webhook attempt": 1,
	})
	above = parents(t, snoozed, snoozing)
	for span, want := range map[string]string{
		"POST /v1/conversations/:id/snooze":                       "caller",
		"relay conversation":                                      "POST /v1/conversations/:id/snooze",
		"SignalWithStartWorkflow:" + durable.ConversationWorkflow: "relay conversation",
		"HandleSignal:" + durable.SignalConversationChanged:       "SignalWithStartWorkflow:" + durable.ConversationWorkflow,
		"RunActivity:" + durable.TickActivity:                     "StartActivity:" + durable.TickActivity,
		"webhook attempt":                                         "POST /v1/conversations/:id/snooze",
	} {
		require.Equal(t, want, above[span], span)
	}
	require.Contains(t, []string{ // the run that the signal has started looks before it is told
		"HandleSignal:" + durable.SignalConversationChanged, "SignalWithStartWorkflow:" + durable.ConversationWorkflow,
	}, above["StartActivity:"+durable.TickActivity])
	for _, span := range snoozing {
		switch span.Name {
		case "POST /v1/conversations/:id/snooze":
			require.Equal(t, "200", attribute(span, "http.response.status_code"))
			require.Equal(t, s.Tenant.ID.String(), attribute(span, "atender.tenant.id"))
			require.Equal(t, conversation.String(), attribute(span, "atender.conversation.id"))
			require.NotEmpty(t, attribute(span, "atender.request.id"))
		case "webhook attempt":
			require.Equal(t, sub.ID.String(), attribute(span, "atender.webhook.id"))
			require.Equal(t, "conversation.updated", attribute(span, "atender.event.type"))
			require.Equal(t, "1", attribute(span, "atender.attempt.number"))
			require.Equal(t, "200", attribute(span, "http.response.status_code"))
			requireReceived(t, in, attribute(span, "atender.delivery.id"), snoozed, span)
		}
	}
	requireNoneReceived(t, in, untraced.ID)
	requireNothingPrivate(t, slices.Concat(creation, snoozing))
	requireReplaysEitherWay(t, s, s.ConversationID(*answer.JSON201))
}

// requireReceived holds the header that came with a delivery against the span of its attempt.
func requireReceived(t *testing.T, in *inbox.Inbox, delivery string, c caller, attempt tracetest.SpanStub) {
	t.Helper()
	at := slices.IndexFunc(in.All(), func(d inbox.Delivery) bool { return d.Delivery == delivery })
	require.GreaterOrEqual(t, at, 0, "delivery %s", delivery)
	got := in.All()[at].Header
	require.Equal(
		t,
		fmt.Sprintf("00-%s-%s-01", c.trace, attempt.SpanContext.SpanID()),
		got.Get(traced.Header),
	)
	require.Empty(t, got.Get("Tracestate"))
	require.Empty(t, got.Get("Baggage"))
}

// requireNoneReceived waits for what a conversation's creation brings, none of which names a trace.
func requireNoneReceived(t *testing.T, in *inbox.Inbox, conversation uuid.UUID) {
	t.Helper()
	of := func(d inbox.Delivery) bool { return d.Data.Conversation.ID == conversation }
	for _, d := range in.Await(time.Minute, "the untraced conversation", func(got []inbox.Delivery) bool {
		return slices.ContainsFunc(got, of)
	}) {
		if of(d) {
			require.NotContains(t, d.Header, "Traceparent")
		}
	}
}

func requireNothingPrivate(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	for _, span := range spans {
		raw, err := json.Marshal(struct{ Name, Attributes, Events, Status, State any }{
			span.Name, span.Attributes, span.Events, span.Status, span.SpanContext.TraceState().String(),
		})
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(raw)), "private", span.Name)
		require.NotContains(t, string(raw), "example.com", span.Name)
	}
}

// requireReplaysEitherWay replays what was recorded by a worker that traces, with traces and without: workers
// of both kinds may run beside each other.
func requireReplaysEitherWay(t *testing.T, s *stack.Stack, workflow string) {
	t.Helper()
	recorded := &history.History{Events: events(t, s.Temporal, workflow, "")}
	require.True(t, slices.ContainsFunc(recorded.Events, func(e *history.HistoryEvent) bool {
		return len(e.GetWorkflowExecutionSignaledEventAttributes().GetHeader().GetFields()) > 0
	}), "a signal brings its trace along")
	for _, interceptors := range [][]interceptor.WorkerInterceptor{nil, tracing(t)} {
		replayer := newReplayer(t, flows.Conversation, interceptors...)
		replayed := proto.CloneOf(recorded) // a replay changes it
		require.NoError(t, replayer.ReplayWorkflowHistory(quiet, replayed))
	}
}

// tracing is what a worker that traces does to its workflows.
func tracing(t *testing.T) (list []interceptor.WorkerInterceptor) {
	t.Helper()
	interceptors, err := worker.TraceInterceptors(noop.NewTracerProvider())
	require.NoError(t, err)
	for _, i := range interceptors {
		list = append(list, i.(interceptor.WorkerInterceptor))
	}
	return list
}
