package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/traced"
)

// line is the one line that f writes, decoded.
func line(t *testing.T, f func(*slog.Logger)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	f(logging.New(&out, false, slog.LevelInfo))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), out.String())
	var fields map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &fields))
	delete(fields, "time")
	return fields
}

func TestDurationsAreMillisecondsWhoeverWritesThem(t *testing.T) {
	got := line(t, func(log *slog.Logger) {
		log.Info(
			"done",
			"took",
			12345678*time.Nanosecond,
			slog.Group("of", slog.Duration("wait", time.Second)),
		)
	})
	require.Equal(
		t,
		map[string]any{
			"level":  "INFO",
			"msg":    "done",
			"tookMs": 12.346,
			"of":     map[string]any{"waitMs": 1000.0},
		},
		got,
	)
	var text strings.Builder
	logging.New(&text, true, slog.LevelInfo).Info("done", "took", 1500*time.Microsecond)
	require.Contains(t, text.String(), "tookMs=1.5\n")
}

func TestLinesHaveTheFieldsOfTheirContext(t *testing.T) {
	ctx := logging.With(t.Context(), slog.String(logging.RequestID, "r1"))
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	logging.Add(within, slog.String(logging.TenantID, "t1"), slog.String(logging.RequestID, "r2"))
	child := logging.With(within, slog.String(logging.Activity, "Tick"))
	logging.Add(t.Context(), slog.String("lost", "x"))

	want := map[string]any{"level": "WARN", "msg": "slow", "requestId": "r2", "tenantId": "t1"}
	require.Equal(t, want, line(t, func(log *slog.Logger) { log.WarnContext(ctx, "slow") }))
	want["tenantId"] = "own"
	require.Equal(
		t,
		want,
		line(t, func(log *slog.Logger) { log.WarnContext(ctx, "slow", "tenantId", "own") }),
	)
	want["tenantId"], want["activity"], want["role"] = "t1", "Tick", "worker"
	require.Equal(
		t,
		want,
		line(t, func(log *slog.Logger) { log.With("role", "worker").WarnContext(child, "slow") }),
	)
}

func TestLinesOfTracedWorkNameTheirTrace(t *testing.T) {
	ctx := traced.Within(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	got := line(t, func(log *slog.Logger) { log.With("role", "api").InfoContext(ctx, "request") })
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "request", "role": "api", "traceId": "0af7651916cd43dd8448eb211c80319c",
	}, got)
	unsampled := traced.Within(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	got = line(t, func(log *slog.Logger) { log.InfoContext(unsampled, "request") })
	require.NotContains(t, got, "traceId", "there is no such trace")
}

func TestTemporalsFieldsAreNamedAsOurs(t *testing.T) {
	got := line(t, func(log *slog.Logger) {
		log.With(
			"WorkflowID",
			"w",
			"RunID",
			"r",
		).Error(
			"failed",
			"ActivityType",
			"Tick",
			"Error",
			errors.New("no"),
		)
	})
	require.Equal(t, map[string]any{
		"level": "ERROR", "msg": "failed", "workflowId": "w", "runId": "r", "activity": "Tick", "error": "no",
	}, got)
}

// value is what must not be in a line.
const value = `ada "the MARKER" <ada@example.com>`

func TestErrorsQuoteNothing(t *testing.T) {
	_, number := strconv.Atoi(value)
	_, moment := time.Parse(time.DateOnly, value)
	var into struct{ N int }
	decoding := json.Unmarshal([]byte(`{"N": 123.5}`), &into)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"data": {
			fmt.Errorf("store: %w", &pgconn.PgError{
				Severity: "ERROR", Code: "22P02", Message: `invalid input syntax for type uuid: "` + value + `"`,
			}), `store: ERROR: invalid input syntax for type uuid: "…" (SQLSTATE 22P02)`,
		},
		"constraint": {
			&pgconn.PgError{
				Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "contacts_email"`,
				Detail: "Key (email)=(" + value + ") already exists.", TableName: "contacts", ConstraintName: "contacts_email",
			}, `ERROR: duplicate key value violates unique constraint "contacts_email" (SQLSTATE 23505)`,
		},
		"table": {
			&pgconn.PgError{Severity: "ERROR", Code: "42P01", Message: `relation "contacts" does not exist`},
			`ERROR: relation "contacts" does not exist (SQLSTATE 42P01)`,
		},
		"detail": {errors.New("failed: Key (email)=(" + value + ") already exists"), "failed: Key (…)=(…) already exists"},
		"refusal": {
			fmt.Errorf("create: %w", problem.New(problem.Invalid, "VALIDATION_FAILED", "not %q", value)),
			"create: VALIDATION_FAILED",
		},
		"outage": {
			&problem.Error{Kind: problem.Unavailable, Code: "UNAVAILABLE", Message: "away", Cause: number},
			`UNAVAILABLE: away: strconv.Atoi: parsing "…": invalid syntax`,
		},
		"number as text": {errors.New(number.Error()), `strconv.Atoi: parsing "…": invalid syntax`},
		"time":           {moment, `parsing time: not like "2006-01-02"`},
		"several":        {errors.Join(errors.New("one"), number), "one\nstrconv.Atoi: parsing \"…\": invalid syntax"},
		"address": {
			&url.Error{Op: "Post", URL: "https://crm.example.com/hooks?token=MARKER", Err: errors.New("refused")},
			`Post "https://crm.example.com/…": refused`,
		},
		"argument": {
			errors.New(`failed to encode args[2]: unable to encode "` + value + `" into binary format for int4: no plan`),
			"failed to encode args[2]: unable to encode … into binary format for int4: no plan",
		},
		"column": {
			errors.New(`sql: Scan error on column "n": converting driver.Value type string ("` + value + `") to a int: x`),
			`sql: Scan error on column "n": converting driver.Value type string ("…") to a int: x`,
		},
		"json": {decoding, "json: cannot unmarshal number into Go struct field .N of type int"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, logging.ErrorText(c.err))
			got := line(t, func(log *slog.Logger) { log.Error("failed", "error", c.err) })
			require.Equal(t, c.want, got["error"])
		})
	}
	long := logging.ErrorText(errors.New(strings.Repeat("é", 5000)))
	require.Less(t, len(long), 2100)
	require.True(t, strings.HasSuffix(long, "é…"))
}

func TestPanicsSayNothingOfTheirValue(t *testing.T) {
	require.Equal(t, "a value of type string; the stack says where", logging.Panic(value).Value.String())
	got := line(t, func(log *slog.Logger) { log.Error("panic", logging.Panic(errors.New("nil map"))) })
	require.Equal(t, "nil map", got["panic"])
}
