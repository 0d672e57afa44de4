package models_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/traced"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// What waits in the database has the span that caused it, and where nothing is traced, nothing.
func TestWhatWaitsHasTheSpanThatCausedIt(t *testing.T) {
	b := setup(t)
	provider := sdktrace.NewTracerProvider()
	ctx, _ := provider.Tracer("test").Start(t.Context(), "request")
	sub := b.subscribe()
	c := b.conversation("untraced")
	require.Zero(t, b.count(`SELECT count(*) FROM events WHERE traceparent IS NOT NULL`))
	require.Zero(t, b.count(`SELECT count(*) FROM outbox WHERE traceparent IS NOT NULL`))
	for _, d := range b.claim(uuid.New(), 10) {
		require.Nil(t, d.Traceparent)
	}

	said := "It has come."
	_, err := b.Conversations.PostMessage(ctx, b.tenant.ID, c.ID, b.actor,
		conversation.NewMessage{Direction: conversation.Inbound, Text: &said}) // in a group
	require.NoError(t, err)
	_, err = b.Conversations.Change(
		ctx,
		b.tenant.ID,
		c.ID,
		b.actor,
		conversation.Snooze{Until: time.Now().Add(time.Hour)},
	)
	require.NoError(t, err)
	_, err = b.Worktime.UpdateSettings(
		ctx,
		b.tenant.ID,
		worktime.SettingsUpdate{AutoArchive: wire.Some(wire.AutoArchive{Days: 1})},
	)
	require.NoError(t, err)
	traceparent := traced.Parent(ctx)
	require.Len(t, traceparent, 55)
	claimed := b.claim(uuid.New(), 10)
	require.NotEmpty(t, claimed)
	for _, d := range claimed {
		require.Equal(t, sub.ID, d.SubscriptionID)
		require.Equal(t, traceparent, *d.Traceparent)
	}
	require.Equal(
		t,
		1,
		b.count(`SELECT count(*) FROM outbox WHERE kind = 'conversation' AND traceparent = $1`, traceparent),
	)
	require.Equal(
		t,
		1,
		b.count(`SELECT count(*) FROM outbox WHERE kind = 'recompute' AND traceparent = $1`, traceparent),
	)
}

// A call that was written together with others has a span of its own, which names that of the transaction;
// and the transaction's names all that it has written.
func TestCallsThatAreWrittenTogetherAreLinked(t *testing.T) {
	b := setup(t)
	seen := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(seen)).Tracer("test")
	const calls = 24
	begin := func(round int) {
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				ctx, span := tracer.Start(t.Context(), "request")
				defer span.End()
				_, err := b.Conversations.Create(
					ctx,
					b.tenant.ID,
					b.actor,
					b.newConversation(fmt.Sprintf("order-%d-%d", round, i)),
				)
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	var group *tracetest.SpanStub
	for round := 0; group == nil; round++ {
		require.Less(t, round, 20, "no two calls were written together")
		seen.Reset()
		begin(round)
		for _, span := range seen.GetSpans() {
			if span.Name == "transaction of a group" && len(span.Links) > 0 {
				group = &span
			}
		}
	}
	members := map[trace.SpanID]tracetest.SpanStub{}
	for _, span := range seen.GetSpans() {
		if span.Name == "write in a group" {
			members[span.SpanContext.SpanID()] = span
		}
	}
	first, there := members[group.Parent.SpanID()]
	require.True(t, there, "it is in the trace of one of them")
	for _, of := range append([]trace.SpanContext{first.SpanContext}, linked(*group)...) {
		member, there := members[of.SpanID()]
		require.True(t, there)
		require.Equal(t, []trace.SpanContext{group.SpanContext}, linked(member))
	}
}

func linked(span tracetest.SpanStub) (spans []trace.SpanContext) {
	for _, l := range span.Links {
		spans = append(spans, l.SpanContext)
	}
	return spans
}
