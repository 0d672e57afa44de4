// Package logging is what lines of the log look like, in every role: fields that are written one way, the ids
// of the request or the activity that a line belongs to, durations with their unit, and no text of an error
// that quotes data.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// The fields by which lines are found, as deploy/logs.md describes them.
const (
	RequestID      = "requestId"
	TraceID        = "traceId"
	TenantID       = "tenantId"
	KeyID          = "keyId"
	AgentID        = "agentId"
	ConversationID = "conversationId"
	WebhookID      = "webhookId"
	WorkflowID     = "workflowId"
	RunID          = "runId"
	Activity       = "activity"
	Attempt        = "attempt"
	Err            = "error"
)

// sdkNames are the names that Temporal's SDK has for fields, and ours for the same.
var sdkNames = map[string]string{
	"WorkflowID": WorkflowID, "RunID": RunID, "WorkflowType": "workflow", "ActivityType": Activity, "ActivityID": "activityId",
	"Attempt": Attempt, "Error": Err, "Namespace": "namespace", "TaskQueue": "taskQueue", "WorkerID": "workerId",
	"WorkerType": "workerType", "SignalName": "signal",
}

// New makes a logger of lines in JSON, or, where isText, in slog's text for people.
func New(w io.Writer, isText bool, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: rewrite}
	if isText {
		return slog.New(handler{slog.NewTextHandler(w, options)})
	}
	return slog.New(handler{slog.NewJSONHandler(w, options)})
}

// rewrite gives an attribute the one form that it has in all lines.
func rewrite(groups []string, a slog.Attr) slog.Attr {
	if ours, theirs := sdkNames[a.Key]; theirs && len(groups) == 0 {
		a.Key = ours
	}
	switch a.Value.Kind() {
	case slog.KindDuration:
		return Millis(a.Key, a.Value.Duration())
	case slog.KindString:
		if a.Key == Err {
			a.Value = slog.StringValue(withoutValues(a.Value.String()))
		}
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(ErrorText(err))
		}
	}
	return a
}

// Millis is a duration as lines have it: in milliseconds, to a thousandth, under a name that ends with Ms.
func Millis(key string, d time.Duration) slog.Attr {
	return slog.Float64(key+"Ms", math.Round(float64(d)/float64(time.Microsecond))/1000)
}

// Panic is what was panicked with, as attributes: the text of an error, and of anything else, which may be
// data, its type.
func Panic(value any) slog.Attr {
	if err, ok := value.(error); ok {
		return slog.Any("panic", err)
	}
	return slog.String("panic", fmt.Sprintf("a value of type %T; the stack says where", value))
}

// fieldsKey is where a context has the fields of its lines.
type fieldsKey struct{}

// fields are the attributes of a context's lines. More are learnt while the work goes on: who calls, what
// about.
type fields struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

// With returns a context whose lines, where a logger of New is given it, have these attributes, besides those
// of ctx.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	f := &fields{attrs: of(ctx)}
	f.add(attrs)
	return context.WithValue(ctx, fieldsKey{}, f)
}

// Add gives the lines of a context, which With has returned or that was made of such a one, more attributes:
// also those of the contexts between. Without With it does nothing.
func Add(ctx context.Context, attrs ...slog.Attr) {
	if f, ok := ctx.Value(fieldsKey{}).(*fields); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.add(attrs)
	}
}

// add appends attributes, in the place of those that have the same names. The lock is held, or f is not known
// to others.
func (f *fields) add(attrs []slog.Attr) {
next:
	for _, a := range attrs {
		for i := range f.attrs {
			if f.attrs[i].Key == a.Key {
				f.attrs[i] = a
				continue next
			}
		}
		f.attrs = append(f.attrs, a)
	}
}

// of are the attributes of a context's lines, to keep.
func of(ctx context.Context) []slog.Attr {
	f, ok := ctx.Value(fieldsKey{}).(*fields)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]slog.Attr(nil), f.attrs...)
}

// handler adds the fields of the context.
type handler struct{ slog.Handler }

// Handle implements slog.Handler. An attribute that the line itself has is not added a second time. Where the
// context's work is traced, its trace is added, so that a line leads to it.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		r.AddAttrs(slog.String(TraceID, span.TraceID().String()))
	}
	for _, a := range of(ctx) {
		has := false
		r.Attrs(func(own slog.Attr) bool {
			has = own.Key == a.Key
			return !has
		})
		if !has {
			r.AddAttrs(a)
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
