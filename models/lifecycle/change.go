package lifecycle

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Fact is one thing that happened in a change, in the order it happened.
type Fact struct {
	Kind  Kind
	ByUs  bool      // caused by time or by a rule, not by the change's actor
	Tag   string    // TagAdded, TagRemoved
	Index int       // MessageReceived, MessageSent, NoteAdded: which of the change's messages
	Until time.Time // SnoozeSet
	// Automated tells of a MessageSent that it is not an agent's reply.
	Automated bool
	Data      map[string]any // what the timeline shows; no personal data that is not in the row already
}

// Assignment is the pair that assignment.changed reports.
type Assignment struct {
	AssigneeID *uuid.UUID `json:"assigneeId"`
	TeamID     *uuid.UUID `json:"teamId"`
}

func (s State) assignment() Assignment { return Assignment{s.AssigneeID, s.TeamID} }

// Change is one transaction's worth of commands on one conversation.
type Change struct {
	Now    time.Time
	Before State
	After  State
	Facts  []Fact
}

// Create begins the life of a conversation.
func Create(s State, now time.Time) *Change {
	s = s.clone()
	s.Status, s.Engagement, s.OpenedAt = Active, Pending, &now
	slices.Sort(s.Tags)
	s.Tags = slices.Compact(s.Tags)
	return &Change{Now: now, Before: State{}, After: s, Facts: []Fact{{Kind: Created}}}
}

// Begin opens a change of an existing conversation and applies first what was already due at now (P1.4): a command
// that comes after the time has come finds the conversation awake, whether or not a timer has fired. When it archives
// itself is as it is given: by the terms that are in force.
func Begin(s State, now time.Time) *Change {
	c := &Change{Now: now, Before: s, After: s.clone()}
	if s.Status == Snoozed && !s.SnoozedUntil.After(now) {
		c.wake(Fact{Kind: Woken, ByUs: true, Data: map[string]any{"until": formatTime(s.SnoozedUntil)}})
	}
	if s.Status == Done && s.AutoArchiveAt != nil && !s.AutoArchiveAt.After(now) {
		c.archive(Fact{Kind: ArchivedFact, ByUs: true, Data: map[string]any{"cause": "auto_archive"}})
	}
	return c
}

// Crossed is the fact that a clock has passed a tripwire. Data is what sla.warning and sla.breached say of it.
func Crossed(breach bool, data map[string]any) Fact {
	f := Fact{Kind: SLAWarned, ByUs: true, Data: data}
	if breach {
		f.Kind = SLABroken
	}
	return f
}

func (c *Change) wake(f Fact) {
	c.After.Status, c.After.SnoozedUntil = Active, nil
	c.Facts = append(c.Facts, f)
}

func (c *Change) refuse(to Status) error { return &TransitionError{From: c.After.Status, To: to} }

// Snooze puts the conversation to sleep until the given time, which the caller has checked to be ahead.
// Errors: *TransitionError from done and archived.
func (c *Change) Snooze(until time.Time) error {
	if c.After.Status != Active && c.After.Status != Snoozed {
		return c.refuse(Snoozed)
	}
	until = until.UTC().Truncate(time.Millisecond)
	if c.After.Status == Snoozed && c.After.SnoozedUntil.Equal(until) {
		return nil
	}
	c.After.Status, c.After.SnoozedUntil = Snoozed, &until
	c.Facts = append(c.Facts, Fact{Kind: SnoozeSet, Until: until, Data: map[string]any{"until": formatTime(&until)}})
	return nil
}

// Unsnooze wakes the conversation now. Errors: *TransitionError unless it is snoozed.
func (c *Change) Unsnooze() error {
	if c.After.Status != Snoozed {
		return c.refuse(Active)
	}
	c.wake(Fact{Kind: Unsnoozed})
	return nil
}

// Resolve marks the conversation done. Errors: *TransitionError from done and archived.
func (c *Change) Resolve() error {
	if c.After.Status != Active && c.After.Status != Snoozed {
		return c.refuse(Done)
	}
	c.After.Status, c.After.SnoozedUntil, c.After.ResolvedAt, c.After.WaitingSince = Done, nil, &c.Now, nil
	c.Facts = append(c.Facts, Fact{Kind: Resolved})
	return nil
}

// Reopen makes a done conversation active again; we owe the next step. Errors: *TransitionError unless it is done.
func (c *Change) Reopen() error {
	if c.After.Status != Done {
		return c.refuse(Active)
	}
	c.reopen(Fact{Kind: Reopened})
	return nil
}

func (c *Change) reopen(f Fact) {
	c.After.Status, c.After.ResolvedAt, c.After.Engagement, c.After.OpenedAt = Active, nil, Pending, &c.Now
	c.Facts = append(c.Facts, f)
}

// Archive ends the conversation for good. Errors: *TransitionError when it is archived already.
func (c *Change) Archive() error {
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	c.archive(Fact{Kind: ArchivedFact})
	return nil
}

func (c *Change) archive(f Fact) {
	c.After.Status, c.After.SnoozedUntil, c.After.ArchivedAt, c.After.WaitingSince = Archived, nil, &c.Now, nil
	c.Facts = append(c.Facts, f)
}

// Receive records a customer's message, the index-th message of this change: it wakes a snoozed conversation and reopens
// a done one. Errors: *TransitionError when archived (such a message belongs to the successor).
func (c *Change) Receive(index int) error {
	if c.After.Status == Archived {
		return c.refuse(Active)
	}
	c.Facts = append(c.Facts, Fact{Kind: MessageReceived, Index: index})
	c.After.LastMessageAt, c.After.Engagement = &c.Now, Pending
	byMessage := map[string]any{"cause": "customer_message"}
	switch c.After.Status {
	case Snoozed:
		c.wake(Fact{Kind: Unsnoozed, ByUs: true, Data: byMessage})
	case Done:
		c.reopen(Fact{Kind: Reopened, ByUs: true, Data: byMessage})
	}
	if c.After.WaitingSince == nil {
		c.After.WaitingSince = &c.Now
	}
	return nil
}

// Send records a message to the customer, the index-th of this change. One that is not automated counts as an agent's
// reply. It does not wake a snoozed conversation. Errors: *TransitionError when archived.
func (c *Change) Send(index int, automated bool) error {
	if c.After.Status == Archived {
		return c.refuse(Active)
	}
	c.Facts = append(c.Facts, Fact{Kind: MessageSent, Index: index, Automated: automated})
	c.After.LastMessageAt = &c.Now
	if !automated {
		c.After.Engagement, c.After.WaitingSince = Engaged, nil
		if c.After.FirstReplyAt == nil {
			c.After.FirstReplyAt = &c.Now
		}
	}
	return nil
}

// Note records an internal note, the index-th message of this change. Nothing else changes, in any status.
func (c *Change) Note(index int) {
	c.Facts = append(c.Facts, Fact{Kind: NoteAdded, Index: index})
}

// Assign sets who is responsible. Errors: *TransitionError when archived.
func (c *Change) Assign(to Assignment) error {
	from := c.After.assignment()
	if reflect.DeepEqual(from, to) {
		return nil
	}
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	c.After.AssigneeID, c.After.TeamID = to.AssigneeID, to.TeamID
	c.Facts = append(c.Facts, Fact{Kind: Assigned, Data: map[string]any{"from": from, "to": to}})
	return nil
}

// AddTag applies a tag; one that is there already is nothing new. Errors: *TransitionError when archived; ErrTooManyTags.
func (c *Change) AddTag(name string) error {
	at, found := slices.BinarySearch(c.After.Tags, name)
	if found {
		return nil
	}
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	if len(c.After.Tags) >= MaxTags {
		return ErrTooManyTags
	}
	c.After.Tags = slices.Insert(c.After.Tags, at, name)
	c.Facts = append(c.Facts, Fact{Kind: TagAdded, Tag: name, Data: map[string]any{"tag": name}})
	return nil
}

// ErrTooManyTags is the refusal of a tag beyond MaxTags.
var ErrTooManyTags = fmt.Errorf("a conversation has at most %d tags", MaxTags)

// RemoveTag takes a tag away; one that is not there is nothing new. Errors: *TransitionError when archived.
func (c *Change) RemoveTag(name string) error {
	at, found := slices.BinarySearch(c.After.Tags, name)
	if !found {
		return nil
	}
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	c.After.Tags = slices.Delete(c.After.Tags, at, at+1)
	c.Facts = append(c.Facts, Fact{Kind: TagRemoved, Tag: name, Data: map[string]any{"tag": name}})
	return nil
}

// SetTags replaces the tags. Errors: those of AddTag and RemoveTag.
func (c *Change) SetTags(names []string) error {
	want := slices.Compact(slices.Sorted(slices.Values(names)))
	for _, have := range slices.Clone(c.After.Tags) {
		if _, keep := slices.BinarySearch(want, have); !keep {
			if err := c.RemoveTag(have); err != nil {
				return err
			}
		}
	}
	for _, name := range want {
		if err := c.AddTag(name); err != nil {
			return err
		}
	}
	return nil
}

// Edit sets the subject and the custom fields; nil leaves them. Errors: *TransitionError when archived.
func (c *Change) Edit(subject *string, customFields map[string]any) error {
	var fields []string
	if subject != nil && *subject != c.After.Subject {
		fields = append(fields, "subject")
	}
	if customFields != nil && !maps.EqualFunc(customFields, c.After.CustomFields, reflect.DeepEqual) {
		fields = append(fields, "customFields")
	}
	if len(fields) == 0 {
		return nil
	}
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	if subject != nil {
		c.After.Subject = *subject
	}
	if customFields != nil {
		c.After.CustomFields = customFields
	}
	c.Facts = append(c.Facts, Fact{Kind: Edited, Data: map[string]any{"fields": fields}})
	return nil
}
