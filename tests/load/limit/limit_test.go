package limit

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// What one operation writes, the position of its events included. The feed's counter is left out: it is written once for
// each batch of events. An update of a conversation has entries of its own only where its page is full.
var (
	ofMessage = Writes{
		Rows: map[string]int{
			"conversations": 1, "conversation_recency": 1, "messages": 1, "timeline": 1, "events": 2, "deliveries": 1,
		},
		Indexes: map[string]int{
			"conversation_recency": 5, "messages": 2, "timeline": 2, "events": 6, "deliveries": 3,
		},
	}
	ofCreation = Writes{
		Rows: map[string]int{
			"contacts": 1, "conversations": 1, "conversation_recency": 1, "messages": 1, "timeline": 2, "events": 6,
			"outbox": 1, "deliveries": 1,
		},
		Indexes: map[string]int{
			"contacts": 4, "conversations": 7, "conversation_recency": 5, "messages": 2, "timeline": 4, "events": 18,
			"outbox": 4, "deliveries": 3,
		},
	}
)

// The limit stays what it is: it writes as many rows and index entries as when it was frozen, and messages that share a
// transaction leave the same.
func TestLimitWritesWhatItWasFrozenWith(t *testing.T) {
	const n = 20
	for _, c := range []struct {
		name, event string
		run         func(*Limit, context.Context, int) (float64, error)
		each        Writes
	}{
		{"messages", "message.sent", (*Limit).Messages, ofMessage},
		{"groups", "message.sent", groups, ofMessage},
		{"creations", "conversation.created", (*Limit).Creations, ofCreation},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Open(t.Context(), Options{URL: deps.Database(t), Concurrency: 8, Event: c.event, Conversations: 16})
			require.NoError(t, err)
			defer func() { require.NoError(t, l.Close(context.WithoutCancel(t.Context()))) }()
			from, err := Position(t.Context(), l.pool)
			require.NoError(t, err)
			rate, err := c.run(l, t.Context(), n)
			require.NoError(t, err)
			require.Positive(t, rate)
			require.NoError(t, l.sequenced(t.Context()))
			got, err := ReadWrites(t.Context(), l.pool, Schema, from)
			require.NoError(t, err)
			delete(got.Rows, "feed")
			if c.event == "message.sent" {
				require.LessOrEqual(t, got.Indexes["conversations"], 7*(warmup+n))
				delete(got.Indexes, "conversations")
			}
			require.Equal(t, times(c.each.Rows, warmup+n), got.Rows)
			require.Equal(t, times(c.each.Indexes, warmup+n), got.Indexes)
		})
	}
}

func groups(l *Limit, ctx context.Context, n int) (float64, error) {
	rate, size, err := l.Groups(ctx, n)
	if err == nil && (size < 1 || size > groupRows) {
		err = fmt.Errorf("%f messages in a transaction", size)
	}
	return rate, err
}

func times(each map[string]int, n int) map[string]int {
	all := maps.Clone(each)
	for table := range all {
		all[table] *= n
	}
	return all
}

func TestStatementsThatMakeNoSenseAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		"--: a\n--$ number\n": "no text", "--: a\n--$ what\nSELECT": "no known kind", "--: a\n--$ now then\nSELECT": "may follow",
		"--: a\nSELECT\n--$ now": "after the text", "--: a\n--$ - now\nSELECT": "no array", "--: a\n--$ each null\nSELECT": "type",
		"--: a\n--$ int x\nSELECT": "invalid syntax", "--: a\n--$ text ${whom}\nSELECT": "no known kind",
	} {
		_, err := parse(content)
		require.ErrorContains(t, err, want, content)
	}
}

func TestParametersOfAnOperation(t *testing.T) {
	found, err := parse("-- A remark.\n\n--: a\n--$ text ${key}: ${fresh 2}, ${number}\n--$ ids\n--$ - fresh 1\n--$ - null\n" +
		"--$ texts\n--$ each int 3\n--$ each null time\nSELECT 1\n\n--: b\nSELECT 2\n")
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "SELECT 2", found[1].sql)
	first, second := uuid.New(), uuid.New()
	o := &operation{key: "k", number: 7, fresh: []uuid.UUID{first, second}}
	values := found[0].values(o)
	require.Equal(t, []any{
		"k: " + second.String() + ", 7", []pgtype.UUID{{Bytes: first, Valid: true}, {}}, []string{}, int64(3), nil,
	}, values)
	require.Equal(t, append(slices.Clone(values[:3]), []int64{3, 3}, []*time.Time{nil, nil}),
		found[0].batch([][]any{values, values}))
}
