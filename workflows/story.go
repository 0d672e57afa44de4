package workflows

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/atender/atender/models/durable"
)

// storyLines is how many of the last things that happened in a conversation its details tell.
const storyLines = 8

// story is what a conversation's workflow has seen happen: for its details, and for its result.
type story struct {
	done   durable.Done
	status string // that it was told of last
}

func newStory(done *durable.Done) story {
	if done == nil {
		return story{}
	}
	return story{done: *done}
}

// tick notes what a tick did, and found done.
func (s *story) tick(ctx workflow.Context, state durable.TickResult) {
	changed := s.status != "" && s.status != state.Status
	for _, f := range state.Fired {
		due := ""
		if workflow.Now(ctx).Sub(f.DueAt) >= time.Second { // else it says what the line begins with
			due = " (due " + f.DueAt.UTC().Format(second) + ")"
		}
		switch f.What {
		case "wake":
			s.done.Wakes++
			s.note(ctx, "woke: its snooze ended"+due)
		case "warning":
			s.done.Warnings++
			s.note(ctx, "SLA "+f.Metric+" became "+spaced(f.State)+due)
		case "breach":
			s.done.Breaches++
			s.note(ctx, "SLA "+f.Metric+" breached"+due)
		case "archive":
			s.note(ctx, "archived itself"+due)
		}
		if f.What == "wake" || f.What == "archive" {
			changed = false
		}
	}
	if changed {
		s.note(ctx, "became "+state.Status)
	}
	s.status = state.Status
}

// dockAction notes what became of an action of a dock.
func (s *story) dockAction(ctx workflow.Context, result durable.DockActionResult) {
	if result.State != "" {
		s.note(ctx, "dock "+result.DockID.String()+" asked for "+result.Action+": "+result.State)
	}
}

func (s *story) note(ctx workflow.Context, what string) {
	lines := append(s.done.Story, workflow.Now(ctx).UTC().Format(second)+" "+what)
	s.done.Story = slices.Clone(lines[max(0, len(lines)-storyLines):])
}

// text is the last things that happened, in Markdown, the newest first; empty for none.
func (s *story) text() string {
	var b strings.Builder
	for i, line := range slices.Backward(s.done.Story) {
		if i == len(s.done.Story)-1 {
			b.WriteString("\n\nWhat happened, the newest first:\n")
		}
		b.WriteString("\n- " + line)
	}
	return b.String()
}
