package sla_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/sla"
)

// FuzzBoard lets things happen to a conversation's clocks in any order and at any distance, each byte one of them, and
// reopens the board from what it would store. States never fall, crossings come in order of time, once each, and nothing
// grows without end.
func FuzzBoard(f *testing.F) {
	f.Add([]byte{0, 1, 6, 7, 2, 3}, int64(60), true)
	f.Add([]byte("0123456789abcdef0123456789abcdef"), int64(31536000), false)
	f.Add([]byte{0, 6, 16, 22, 32, 6, 48, 22, 2}, int64(3600), true)
	hours, err := calendar.Rule{
		Zone: "Europe/Copenhagen", Weekly: map[string][]calendar.Slot{"monday": {{From: "09:00", To: "17:00"}}},
	}.Compile()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, program []byte, target int64, pauses bool) {
		if len(program) > 2000 {
			return
		}
		normal := 1 + (target&0x7fffffff)%(365*24*3600-2)
		terms := sla.Terms{
			Targets: sla.Targets{Normal: normal, High: normal + 1, Urgent: normal + 2}, Schedule: hours,
			PauseWhileSnoozed: pauses,
		}
		resolver := func(sla.Metric) (sla.Terms, bool) { return terms, true }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		now := time.Date(2026, 5, 4, 7, 0, 0, 0, time.UTC)
		type key struct {
			metric   sla.Metric
			cycle    int
			tripwire sla.Tripwire
		}
		crossed := map[key]bool{}
		board := sla.Open(ctx, sla.Progress{}, nil, 0, resolver, now)
		for i, b := range program {
			now = now.Add(time.Duration(b>>4) * 37 * time.Minute)
			board = sla.Open(ctx, board.Progress(), board.Clocks(), int64(i), resolver, now)
			before := map[sla.Metric]sla.Clock{}
			for _, c := range board.Clocks() {
				before[c.Metric] = c
			}
			switch b & 7 {
			case 0:
				board.On(opened, now)
			case 1:
				board.On(customerMessage, now)
			case 2:
				board.On(agentReply, now)
			case 3:
				board.On(resolved, now)
			case 4:
				board.On(reopenedByCustomer, now)
			case 5:
				board.On(woken, now)
			case 6:
				board.On(snoozed(now.Add(time.Duration(b>>3)*time.Hour+time.Minute)), now)
			case 7:
				board.Move(resolver, now)
			}
			require.NoError(t, board.Err())
			last := time.Time{}
			for _, x := range board.Crossings() {
				require.False(t, x.CrossedAt.Before(last), "in order of time")
				last = x.CrossedAt
				k := key{x.Metric, x.Cycle, x.Tripwire}
				require.False(t, crossed[k], "%v crossed twice", k)
				crossed[k] = true
			}
			for _, c := range board.Clocks() {
				require.LessOrEqual(t, len(c.Pauses), sla.MaxPauses)
				if was, ok := before[c.Metric]; ok && was.Cycle == c.Cycle {
					require.False(t, sla.Worse(was.State, c.State), "a state fell")
				}
				if due := c.NextDue(); due != nil {
					require.True(t, due.After(now), "what is due is crossed")
				}
			}
		}
	})
}
