package lifecycle_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/lifecycle"
)

// In any status a conversation that carries the old name has the new one instead, and one that does not is left alone.
func TestReplacedTag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		status := rapid.SampledFrom([]lifecycle.Status{lifecycle.Active, lifecycle.Snoozed, lifecycle.Done, lifecycle.Archived})
		s := stateIn(status.Draw(t, "status"))
		s.Tags = slices.Compact(slices.Sorted(slices.Values(rapid.SliceOf(name).Draw(t, "tags"))))
		from, to := name.Draw(t, "from"), rapid.SampledFrom([]string{"", "b", "e"}).Draw(t, "to")
		if from == to {
			return
		}
		c := lifecycle.Begin(s, noon)
		c.ReplaceTag(from, to)
		if !slices.Contains(s.Tags, from) {
			require.Empty(t, c.Facts)
			return
		}
		want := slices.DeleteFunc(slices.Clone(s.Tags), func(tag string) bool { return tag == from })
		events := []lifecycle.EventType{lifecycle.ConversationUpdated, lifecycle.TagRemovedEvent}
		if to != "" && !slices.Contains(want, to) {
			want, events = append(want, to), append(events, lifecycle.TagAddedEvent)
		}
		slices.Sort(want)
		require.Equal(t, want, append([]string{}, c.After.Tags...))
		require.Equal(t, s.Status, c.After.Status)
		require.Equal(t, events, types(c))
	})
}
