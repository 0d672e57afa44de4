package traced_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/atender/atender/models/traced"
)

// anyKey is that of a value that has nothing to do with traces.
type anyKey struct{}

const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceparentNamesTheSpanThatItWasMadeOf(t *testing.T) {
	t.Parallel()
	provider := sdktrace.NewTracerProvider()
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	text := traced.Parent(ctx)
	require.Len(t, text, 55)
	again := trace.SpanContextFromContext(traced.Within(context.Background(), text))
	require.Equal(t, span.SpanContext().TraceID(), again.TraceID())
	require.Equal(t, span.SpanContext().SpanID(), again.SpanID())
	require.True(t, again.IsSampled())
	require.True(t, again.IsRemote())
	require.Equal(t, sampled, traced.Parent(traced.Within(t.Context(), sampled)))
}

func TestWhatIsNotSampledOrNotValidIsNoParent(t *testing.T) {
	t.Parallel()
	require.Empty(t, traced.Parent(t.Context()))
	unsampled := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	require.Empty(t, traced.Parent(traced.Within(t.Context(), unsampled)))
	for _, wrong := range []string{
		"", "00", "ada@example.com", sampled + "-x", sampled[:54], "00-" + sampled[3:54] + "x",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
	} {
		require.False(t, traced.Span(wrong).IsValid(), wrong)
	}
}

func TestASpanIsBeneathTheOneThatThereIs(t *testing.T) {
	t.Parallel()
	seen := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(seen))
	ctx, request := provider.Tracer("test").Start(t.Context(), "request")
	id := uuid.New()
	traced.OfConversation(ctx, id)
	within, span := traced.Start(ctx, "transaction")
	require.NotEqual(t, ctx, within)
	traced.Failed(span, "failed")
	span.End()
	request.End()
	ended := seen.Ended()
	require.Len(t, ended, 2)
	require.Equal(t, request.SpanContext().SpanID(), ended[0].Parent().SpanID())
	require.Equal(t, "failed", ended[0].Status().Description)
	require.Contains(t, ended[1].Attributes(), traced.ConversationID.String(id.String()))
}

// Where nothing is traced, what the write path does for traces costs no memory, and next to no time: it looks
// into its context.
func TestWithoutTracesThereIsNothingToPay(t *testing.T) {
	ctx := context.WithValue(t.Context(), anyKey{}, 1)
	id := uuid.New()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		within, span := traced.Start(ctx, "transaction")
		_ = traced.Parent(within)
		traced.OfConversation(within, id)
		span.End()
	}))
}

func BenchmarkWithoutTraces(b *testing.B) {
	ctx := context.WithValue(b.Context(), anyKey{}, 1)
	for b.Loop() {
		within, span := traced.Start(ctx, "transaction")
		_ = traced.Parent(within)
		span.End()
	}
}
