package dockcontext

import (
	"cmp"
	"time"

	"github.com/atender/atender/models/wire"
)

// Build writes the context.
func Build(in Input) AppContext {
	c := in.Conversation
	contact := in.contact()
	out := Conversation{
		Meta: Meta{
			Sender: contact, Channel: "Channel::" + cmp.Or(inboxes[c.Channel], "Api"), Assignee: in.assignee(), Team: in.Team,
		},
		ID: c.Number, Messages: make([]Message, len(in.Messages)), AccountID: in.AccountNumber,
		AdditionalAttributes: ConversationAttributes{InitiatedAt: InitiatedAt{c.CreatedAt.UTC().Format(time.RFC3339)}},
		AgentLastSeenAt:      seconds(in.AgentSeen), AssigneeLastSeenAt: seconds(in.AssigneeSeen),
		CanReply: c.Status != "archived", CustomAttributes: object(c.CustomFields), InboxID: in.InboxNumber,
		Labels: append([]string{}, c.Tags...), Status: statuses[c.Status], Timestamp: seconds(c.UpdatedAt.Time),
		AllMessagesLoaded: in.AllLoaded, DataFetched: true,
	}
	if c.SnoozedUntil != nil {
		until := seconds(c.SnoozedUntil.Time)
		out.SnoozedUntil = &until
	}
	if c.LastMessageAt != nil {
		out.Timestamp = seconds(c.LastMessageAt.Time)
	}
	for i, m := range in.Messages {
		out.Messages[i] = in.message(m)
		if m.Direction == "inbound" && m.CreatedAt.After(in.AgentSeen) {
			out.UnreadCount++
		}
	}
	return AppContext{
		Conversation: out, Contact: contact,
		CurrentAgent: CurrentAgent{Email: in.Agent.Email, ID: in.Agent.Number, Name: in.Agent.Name},
	}
}

// statuses by their names in Chatwoot, which knows no archive.
var statuses = map[string]string{"active": "open", "snoozed": "snoozed", "done": "resolved", "archived": "resolved"}

func (in Input) contact() Contact {
	ct := in.Conversation.Contact
	active := ct.CreatedAt.Time
	for _, m := range in.Messages {
		if m.Direction == "inbound" {
			active = m.CreatedAt.Time
		}
	}
	return Contact{
		Email: text(ct.Email), ID: ct.Number, Name: text(ct.Name), PhoneNumber: text(ct.Phone), Identifier: ct.ExternalID,
		CustomAttributes: object(ct.CustomFields), LastActivityAt: seconds(active),
	}
}

func (in Input) assignee() *Assignee {
	a := in.Assignee
	if a == nil {
		return nil
	}
	return &Assignee{
		ID: a.Number, AccountID: in.AccountNumber, AvailabilityStatus: in.availability(*a), Confirmed: a.IsActive,
		Email: a.Email, AvailableName: a.Name, Name: a.Name, Role: role(a.Role),
	}
}

func (in Input) availability(a wire.Agent) string {
	if in.IsOnline != nil && in.IsOnline(a.ID) {
		return "online"
	}
	return "offline"
}

// role is one of Chatwoot's two.
func role(name string) string {
	if name == "owner" {
		return "administrator"
	}
	return "agent"
}

func (in Input) message(m wire.Message) Message {
	out := Message{
		ID: m.Number, Content: cmp.Or(text(m.Text), text(m.HTML)), InboxID: in.InboxNumber,
		ConversationID: in.Conversation.Number, MessageType: 1, ContentType: "text", ContentAttributes: map[string]any{},
		CreatedAt: seconds(m.CreatedAt.Time),
		SourceID:  text(m.ExternalID), Sender: in.author(m.Author),
	}
	if m.Direction == "inbound" {
		out.MessageType, out.Sender = 0, in.customer()
	}
	return out
}

func (in Input) customer() Sender {
	ct := in.contact()
	return Sender{
		CustomAttributes: ct.CustomAttributes, Email: ct.Email, ID: ct.ID, Identifier: ct.Identifier, Name: ct.Name,
		PhoneNumber: ct.PhoneNumber, Type: "contact",
	}
}

// author is who wrote to the customer: an agent, or a system with its key, which has no number.
func (in Input) author(by wire.Author) Sender {
	s := Sender{CustomAttributes: map[string]any{}, Name: by.Name, Type: "user"}
	if by.ID != nil {
		if a, ok := in.Authors[*by.ID]; ok {
			s.ID, s.Name, s.Email = a.Number, a.Name, a.Email
			return s
		}
	}
	s.Type = "agent_bot"
	return s
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
