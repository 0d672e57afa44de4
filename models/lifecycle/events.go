package lifecycle

import (
	"reflect"
	"slices"
)

// Event is an event that a change owes, with the fact it is about (none for conversation.updated).
type Event struct {
	Type EventType
	Fact Fact
}

// Events lists what the change fires, in order: the general conversation.updated first, at most once and only if a field
// of Diff changed; then the specific ones in the order things happened. A change in which nothing happened fires nothing;
// notes fire nothing; waking is an update, not a reopening. What counts is what the change did in the end: a tag added
// and removed again in it fires neither, one added twice fires once.
func (c *Change) Events() []Event {
	var events []Event
	isNew := len(c.Facts) > 0 && c.Facts[0].Kind == Created
	if !isNew && len(Diff(c.Before, c.After)) > 0 {
		events = append(events, Event{Type: ConversationUpdated})
	}
	for _, f := range c.Facts {
		kind, fires := c.fires(f)
		repeats := func(e Event) bool { return e.Type == kind && e.Fact.Tag == f.Tag }
		if !fires || !f.isSingular() && slices.ContainsFunc(events, repeats) {
			continue
		}
		events = append(events, Event{kind, f})
	}
	return events
}

// isSingular tells whether each fact of its kind is an event of its own: every message, every tripwire.
func (f Fact) isSingular() bool {
	switch f.Kind {
	case MessageReceived, MessageSent, SLAWarned, SLABroken:
		return true
	}
	return false
}

// fires tells which event a fact owes, if the change as a whole bears it out.
func (c *Change) fires(f Fact) (EventType, bool) {
	switch f.Kind {
	case Created:
		return ConversationCreated, true
	case MessageReceived:
		return MessageReceivedEvent, true
	case MessageSent:
		return MessageSentEvent, true
	case SLAWarned:
		return SLAWarning, true
	case SLABroken:
		return SLABreached, true
	case Resolved:
		return ConversationResolved, c.Before.Status != Done && c.After.Status == Done
	case Reopened:
		return ConversationReopened, c.Before.Status == Done && c.After.Status == Active
	case Assigned:
		return AssignmentChanged, !reflect.DeepEqual(c.Before.assignment(), c.After.assignment())
	case TagAdded:
		return TagAddedEvent, !slices.Contains(c.Before.Tags, f.Tag) && slices.Contains(c.After.Tags, f.Tag)
	case TagRemoved:
		return TagRemovedEvent, slices.Contains(c.Before.Tags, f.Tag) && !slices.Contains(c.After.Tags, f.Tag)
	default:
		return "", false
	}
}

// AnnounceTags adds the fact of each tag a new conversation begins with, after its first message (the order in which
// a creation's events fire).
func (c *Change) AnnounceTags() {
	for _, name := range c.After.Tags {
		c.Facts = append(c.Facts, Fact{Kind: TagAdded, Tag: name, Data: map[string]any{"tag": name}})
	}
}
