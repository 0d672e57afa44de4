package retry_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/retry"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(1994, 11, 6, 8, 49, 7, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0":                              0,
		"120":                            2 * time.Minute,
		" 120\t":                         2 * time.Minute,
		"00120":                          2 * time.Minute,
		"86400":                          24 * time.Hour,
		"86401":                          24 * time.Hour,
		"99999999999999999999999999":     24 * time.Hour,
		"Sun, 06 Nov 1994 08:49:37 GMT":  30 * time.Second,
		"Sunday, 06-Nov-94 08:49:37 GMT": 30 * time.Second,
		"Sun Nov  6 08:49:37 1994":       30 * time.Second,
		"Sun, 06 Nov 1994 08:49:07 GMT":  0,
		"Fri, 06 Nov 2026 08:49:07 GMT":  24 * time.Hour,
	} {
		t.Run(value, func(t *testing.T) {
			got, ok := retry.ParseRetryAfter(value, now)
			require.True(t, ok)
			require.Equal(t, want, got)
		})
	}
	for _, value := range []string{
		"", " ", "-1", "+5", "1.5", "1e3", "5s", "soon", "0x10", "１２", "120, 240",
		"Sun, 06 Nov 1994 08:49:06 GMT", // a second ago
		"Sun, 06 Nov 1994 08:49:37 PST", "Sun, 06 Nov 1994 08:49:37 +0000", "1994-11-06T08:49:37Z",
	} {
		t.Run("not "+value, func(t *testing.T) {
			_, ok := retry.ParseRetryAfter(value, now)
			require.False(t, ok)
		})
	}
}

func TestParseRetryAfterReadsWhatGoServersWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "now"), 0)
		ahead := time.Duration(rapid.IntRange(0, 86400).Draw(t, "ahead")) * time.Second
		got, ok := retry.ParseRetryAfter(now.Add(ahead).UTC().Format(http.TimeFormat), now)
		require.True(t, ok)
		require.Equal(t, ahead, got)
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := retry.ParseRetryAfter(value, time.Unix(784111747, 0))
		if !ok && got != 0 || got < 0 || got > retry.MaxRetryAfter {
			t.Fatalf("%q gives %v, %v", value, got, ok)
		}
	})
}
