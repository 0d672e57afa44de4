package ident_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/ident"
)

var anyTime = rapid.Custom(func(t *rapid.T) time.Time {
	return time.UnixMicro(rapid.Int64Range(1<<20, 1<<52).Draw(t, "µs"))
})

func TestIdentifiersAreUUIDsOfVersion7ForTheirTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime.Draw(t, "at")
		id := ident.NewSequence(at).Next()
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		sec, nsec := id.Time().UnixTime()
		require.Equal(t, at.UnixMilli(), time.Unix(sec, nsec).UnixMilli())
	})
}

// P1.5: the identifiers of one transaction rise, and so do those of the next one on the same conversation.
func TestSequencesRiseWithinAndAcrossTransactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime.Draw(t, "at")
		n := rapid.IntRange(1, 100).Draw(t, "n")
		first, last := ident.NewSequence(at), uuid.Nil
		for range n {
			id := first.Next()
			require.Negative(t, bytes.Compare(last[:], id[:]))
			last = id
		}
		later := ident.NewSequence(at.Add(time.Duration(n) * time.Microsecond)).Next()
		require.Negative(t, bytes.Compare(last[:], later[:]))
	})
}

func TestFloorIsTheLowestIdentifierOfItsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime.Draw(t, "at").Truncate(time.Millisecond)
		floor, id := ident.Floor(at), ident.NewSequence(at).Next()
		before := ident.NewSequence(at.Add(-time.Microsecond)).Next()
		require.LessOrEqual(t, bytes.Compare(floor[:], id[:]), 0)
		require.Negative(t, bytes.Compare(before[:], floor[:]))
	})
}

// Regression: "everything since the year 1" was later than everything there is.
func TestTimesBeforeTheEpochAreItsBeginning(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)} {
		require.Equal(t, ident.Floor(time.Unix(0, 0)), ident.Floor(at), "%s", at)
	}
}
