package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/inbox"
)

// balanceDeliveries compares deliveries with arrivals, both ways.
func (w *world) balanceDeliveries() (duplicates int) {
	w.t.Helper()
	var accepted []inbox.Delivery
	for _, in := range w.inboxes {
		accepted = append(accepted, in.Accepted()...)
	}
	owed := rows[string](w, `SELECT id || ' ' || event_id FROM deliveries`)
	duplicates, err := compareDeliveries(accepted, owed, w.ledger.repeatable)
	require.NoError(w.t, err)
	for sub, in := range w.ordered {
		require.NoError(w.t, inOrder(in.Accepted()), "the webhook %s, which is ordered", sub)
	}
	return duplicates
}

// seenLate is how long after a kill a receiver may see a request that the killed process had sent: it waits in the socket until
// a busy machine gets to it. A worker of after the kill cannot send it so soon: the lease that was cut off holds for 30 s.
const seenLate = 2 * time.Second

// compareDeliveries says what is wrong between what arrived and what was owed, a list of ids with those of their events.
// What came twice must have been claimed and not recorded when a worker was killed, and its first arrival fall within the
// lease that a kill cut off.
func compareDeliveries(accepted []inbox.Delivery, owed []string, kills map[string][]time.Time) (duplicates int, err error) {
	first, times := map[string]inbox.Delivery{}, map[string]int{}
	for _, d := range accepted {
		if !d.Verified {
			return 0, fmt.Errorf("delivery %s: the signature is wrong", d.Delivery)
		}
		was, again := first[d.Delivery]
		if again && was.ID != d.ID {
			return 0, fmt.Errorf("delivery %s: one attempt has the webhook-id %s, another %s", d.Delivery, was.ID, d.ID)
		}
		if times[d.Delivery]++; !again {
			first[d.Delivery] = d
		}
	}
	known := set(owed)
	for id, d := range first {
		if !known[id+" "+d.ID] {
			return 0, fmt.Errorf("what arrived was never owed, or under another webhook-id: %s of event %s", id, d.ID)
		}
		if times[id] == 1 {
			continue
		}
		duplicates += times[id] - 1
		if len(kills[id]) < times[id]-1 {
			return 0, fmt.Errorf("delivery %s came %d times; kills that entitle it to: %v", id, times[id], kills[id])
		}
		if !slices.ContainsFunc(kills[id], func(kill time.Time) bool { // perhaps not the first: it was not sent yet
			return !d.At.Before(kill.Add(-lease)) && !d.At.After(kill.Add(seenLate))
		}) {
			return 0, fmt.Errorf("delivery %s came first at %s, within no lease that a kill cut off, at %v", id, d.At, kills[id])
		}
	}
	if len(first) != len(owed) {
		return 0, fmt.Errorf("%d deliveries arrived of %d that there are", len(first), len(owed))
	}
	return duplicates, nil
}

// inOrder says what is wrong with the order in which an ordered webhook accepted events: those of a conversation come as
// they happened. One may come again, before the next.
func inOrder(accepted []inbox.Delivery) error {
	before := map[uuid.UUID]inbox.Delivery{}
	for _, d := range accepted {
		c := d.Data.Conversation
		if c.ID == uuid.Nil {
			continue // of a contact
		}
		was, any := before[c.ID]
		if any && !rises(was.Data.Conversation.Version, was.ID, c.Version, d.ID) && was.ID != d.ID {
			return fmt.Errorf("conversation %s: version %d, event %s arrived after version %d, event %s",
				c.ID, c.Version, d.ID, was.Data.Conversation.Version, was.ID)
		}
		before[c.ID] = d
	}
	return nil
}

// rises tells whether an event is behind another one of the same conversation (P1.5).
func rises(version int64, id string, nextVersion int64, nextID string) bool {
	return nextVersion > version || nextVersion == version && nextID > id
}

// What compares deliveries finds what it is there for.
func TestCompareDeliveries(t *testing.T) {
	now := time.Now()
	came := func(delivery, event string, ago time.Duration) inbox.Delivery {
		return inbox.Delivery{Delivery: delivery, ID: event, At: now.Add(-ago), Verified: true}
	}
	type all = []inbox.Delivery
	d1, both := []string{"d1 e1"}, []string{"d1 e1", "d2 e1"}
	kill := func(ago ...time.Duration) map[string][]time.Time {
		var kills []time.Time
		for _, a := range ago {
			kills = append(kills, now.Add(-a))
		}
		return map[string][]time.Time{"d1": kills}
	}
	for name, c := range map[string]struct {
		accepted   []inbox.Delivery
		owed       []string
		kills      map[string][]time.Time
		duplicates int
		wrong      string
	}{
		"balances":    {accepted: all{came("d1", "e1", 0)}, owed: d1},
		"lost":        {accepted: all{came("d1", "e1", 0)}, owed: both, wrong: "1 deliveries arrived of 2"},
		"never owed":  {accepted: all{came("d1", "e1", 0)}, wrong: "never owed"},
		"another id":  {accepted: all{came("d1", "e2", 0)}, owed: d1, wrong: "never owed"},
		"a second id": {accepted: all{came("d1", "e1", 2), came("d1", "e2", 1)}, owed: d1, wrong: "another e2"},
		"not signed":  {accepted: all{{Delivery: "d1", ID: "e1"}}, owed: d1, wrong: "signature"},
		"twice":       {accepted: all{came("d1", "e1", 2), came("d1", "e1", 1)}, owed: d1, wrong: "came 2 times"},
		"twice, after a kill": {
			accepted: all{came("d1", "e1", 3), came("d1", "e1", 1)}, owed: d1, kills: kill(2), duplicates: 1,
		},
		"three times, after a kill": {
			accepted: all{came("d1", "e1", 3), came("d1", "e1", 1), came("d1", "e1", 0)}, owed: d1, kills: kill(2),
			wrong: "came 3 times",
		},
		"twice, though the kill came before": {
			accepted: all{came("d1", "e1", 3), came("d1", "e1", 1)}, owed: d1, kills: kill(seenLate + 4), wrong: "no lease",
		},
		"twice, and the first was seen just after the kill": {
			accepted: all{came("d1", "e1", 3), came("d1", "e1", 1)}, owed: d1, kills: kill(4), duplicates: 1,
		},
		"twice, though the lease was over": {
			accepted: all{came("d1", "e1", time.Minute), came("d1", "e1", 1)}, owed: d1, kills: kill(2), wrong: "no lease",
		},
	} {
		t.Run(name, func(t *testing.T) {
			duplicates, err := compareDeliveries(c.accepted, c.owed, c.kills)
			require.Equal(t, c.duplicates, duplicates)
			if c.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.wrong)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	one, other := uuid.New(), uuid.New()
	came := func(id uuid.UUID, version int64, event string) inbox.Delivery {
		return inbox.Delivery{ID: event, Data: inbox.Data{Conversation: wire.Conversation{ID: id, Version: version}}}
	}
	require.NoError(t, inOrder([]inbox.Delivery{
		came(one, 1, "a"), came(one, 1, "b"), came(other, 1, "c"), came(one, 1, "b"), came(one, 3, "a"), came(other, 2, "a"),
	}))
	back := []inbox.Delivery{came(one, 2, "b"), came(other, 1, "a"), came(one, 1, "a")}
	require.ErrorContains(t, inOrder(back), "after version 2")
	require.ErrorContains(t, inOrder([]inbox.Delivery{came(one, 1, "b"), came(one, 1, "a")}), "event a arrived after")
}
