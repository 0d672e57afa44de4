package lifecycle

import "slices"

// EventType is one of the types a webhook can subscribe to.
type EventType string

// The event types.
const (
	ConversationCreated  EventType = "conversation.created"
	ConversationUpdated  EventType = "conversation.updated"
	ConversationResolved EventType = "conversation.resolved"
	ConversationReopened EventType = "conversation.reopened"
	MessageReceivedEvent EventType = "message.received"
	MessageSentEvent     EventType = "message.sent"
	ContactCreated       EventType = "contact.created"
	ContactUpdated       EventType = "contact.updated"
	SLAWarning           EventType = "sla.warning"
	SLABreached          EventType = "sla.breached"
	AssignmentChanged    EventType = "assignment.changed"
	TagAddedEvent        EventType = "tag.added"
	TagRemovedEvent      EventType = "tag.removed"
)

// EventTypes are all types a subscription may name, in the order the documentation lists them.
var EventTypes = []EventType{
	ConversationCreated, ConversationUpdated, ConversationResolved, ConversationReopened, MessageReceivedEvent,
	MessageSentEvent, ContactCreated, ContactUpdated, SLAWarning, SLABreached, AssignmentChanged, TagAddedEvent,
	TagRemovedEvent,
}

// Event is an event that a change owes, with the fact it is about (none for conversation.updated).
type Event struct {
	Type EventType
	Fact Fact
}

// Events lists what the change fires, in order: the general conversation.updated first, at most once and only if a field
// of Diff changed; then the specific ones in the order things happened. A change in which nothing happened fires nothing;
// notes fire nothing; waking is an update, not a reopening. A tag added and removed in one change fires neither.
func (c *Change) Events() []Event {
	var events []Event
	isNew := len(c.Facts) > 0 && c.Facts[0].Kind == Created
	if !isNew && len(Diff(c.Before, c.After)) > 0 {
		events = append(events, Event{Type: ConversationUpdated})
	}
	for _, f := range c.Facts {
		switch f.Kind {
		case Created:
			events = append(events, Event{ConversationCreated, f})
		case MessageReceived:
			events = append(events, Event{MessageReceivedEvent, f})
		case MessageSent:
			events = append(events, Event{MessageSentEvent, f})
		case Resolved:
			if c.After.Status == Done && c.Before.Status != Done {
				events = append(events, Event{ConversationResolved, f})
			}
		case Reopened:
			if c.Before.Status == Done && c.After.Status == Active {
				events = append(events, Event{ConversationReopened, f})
			}
		case Assigned:
			events = append(events, Event{AssignmentChanged, f})
		case TagAdded:
			if slices.Contains(c.After.Tags, f.Tag) && !slices.Contains(c.Before.Tags, f.Tag) {
				events = append(events, Event{TagAddedEvent, f})
			}
		case TagRemoved:
			if !slices.Contains(c.After.Tags, f.Tag) && slices.Contains(c.Before.Tags, f.Tag) {
				events = append(events, Event{TagRemovedEvent, f})
			}
		}
	}
	return events
}

// AnnounceTags adds the fact of each tag a new conversation begins with, after its first message (the order in which
// a creation's events fire).
func (c *Change) AnnounceTags() {
	for _, name := range c.After.Tags {
		c.Facts = append(c.Facts, Fact{Kind: TagAdded, Tag: name, Data: map[string]any{"tag": name}})
	}
}
