package postgres

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

type shade string

// mixed has a field of each type that Rows carries.
type mixed struct {
	ID     uuid.UUID
	Other  *uuid.UUID
	Shade  shade
	Text   *string
	Reason string `gorm:"default:null"`
	Count  int
	Status int `gorm:"default:null"`
	Long   *int64
	At     time.Time
	Due    *time.Time
	On     bool
	Took   time.Duration `gorm:"column:took_ms;serializer:ms"`
	Unseen string        `gorm:"-"`
}

func TestRowsTravelAsColumns(t *testing.T) {
	t.Parallel()
	id, text, long, at := uuid.New(), "x", int64(7), time.Now()
	empty := ""
	var st Statement
	require.Equal(t, `$1`, st.Arg("before"))
	from := Rows(&st, []mixed{
		{ID: id, Other: &id, Shade: "red", Text: &text, Reason: "why", Count: 3, Status: 200, Long: &long, At: at, Due: &at,
			On: true, Took: 1999 * time.Microsecond},
		{Text: &empty},
	})
	require.Equal(t, `unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], `+
		`$9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::bool[], $13::bigint[]) `+
		`WITH ORDINALITY u (id, other, shade, text, reason, count, status, long, at, due, on, took_ms, ord)`, from)
	why, ok := "why", int64(200)
	known := pgtype.UUID{Bytes: id, Valid: true}
	require.Equal(t, []any{
		"before",
		[]pgtype.UUID{known, {Valid: true}}, []pgtype.UUID{known, {}}, []string{"red", ""}, []*string{&text, &empty},
		[]*string{&why, nil}, []int64{3, 0}, []*int64{&ok, nil}, []*int64{&long, nil},
		[]time.Time{at, {}}, []*time.Time{&at, nil}, []bool{true, false}, []int64{1, 0},
	}, st.args)
}

func TestRowsRefuseWhatTheyCannotCarry(t *testing.T) {
	t.Parallel()
	var st Statement
	require.Panics(t, func() { Rows(&st, []struct{ Share float64 }{}) })
}
