package models_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/calendar"
)

// FuzzCursor reads cursors that a caller made up: one that is taken has nothing in it that a query cannot take.
func FuzzCursor(f *testing.F) {
	f.Add(models.CursorOf(time.Date(2026, 5, 4, 7, 0, 0, 0, time.UTC), "name"))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"t":"9999-12-31T23:59:59Z","n":"\u0000"}`)))
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		at, name, err := models.ReadCursor(cursor)
		if err != nil {
			require.ErrorContains(t, err, "VALIDATION_FAILED")
			return
		}
		require.True(t, at.IsZero() || calendar.InYears(at))
		require.NotContains(t, name, "\x00")
	})
}
