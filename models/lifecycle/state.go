// Package lifecycle holds the rules of a conversation's life: which transitions exist, what each of them changes, whose
// turn it is, when time will act on it by itself, and which events and timeline entries follow. It is pure: time and
// state come in as arguments, and nothing here knows of a database.
//
// The transitions (everything else is ErrTransition):
//
//	            → active             creation
//	active      → snoozed            snooze
//	snoozed     → snoozed            snooze again: the new time replaces the old
//	snoozed     → active             the time comes; a customer message, at once; unsnooze
//	active, snoozed → done           resolve
//	done        → active             customer message; reopen
//	active, snoozed, done → archived archive; from done also by itself, after the tenant's time
//	archived    →                    nothing: a customer message makes a successor
package lifecycle

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/freeform"
)

// MaxSnooze is how far ahead a conversation can be snoozed.
const MaxSnooze = 366 * 24 * time.Hour

// MaxTags is how many tags a conversation carries at most.
const MaxTags = 50

// State is the part of a conversation that commands change. Its tags say how the conversation's row keeps it.
type State struct {
	Status        Status
	Engagement    Engagement
	Subject       string
	AssigneeID    *uuid.UUID
	TeamID        *uuid.UUID
	Tags          []string `gorm:"serializer:texts"` // sorted, unique
	CustomFields  freeform.Values
	SnoozedUntil  *time.Time // set exactly while Snoozed
	FirstReplyAt  *time.Time
	LastMessageAt *time.Time
	ResolvedAt    *time.Time // set exactly while Done; kept when archived from Done
	ArchivedAt    *time.Time // set exactly while Archived

	// What the SLA clocks start from, whatever policies there are.
	OpenedAt     *time.Time // created or last reopened
	WaitingSince *time.Time // the first message of the customer that no agent has replied to; nil: none, or done

	// What follows from the tenant's policies and hours, which are not this package's.
	SLAState      string     `gorm:"default:null"` // worst state of the clocks, "" without any
	SLADueAt      *time.Time // the next tripwire
	AutoArchiveAt *time.Time // when a Done conversation archives itself
	// SLABreachedSince is when the clock was to be met that is breached and runs, of several the earliest; nil without one.
	SLABreachedSince *time.Time
}

// NextDue is the moment at which time will change this conversation by itself, nil if never.
func (s State) NextDue() *time.Time {
	switch s.Status {
	case Snoozed:
		return earliest(s.SnoozedUntil, s.SLADueAt)
	case Active:
		return s.SLADueAt
	case Done:
		return s.AutoArchiveAt
	}
	return nil
}

func earliest(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// NeedsSignal tells whether the conversation's workflow must hear of a change (P3.1): the status changed, or
// something is due earlier than the workflow is armed for. A due time that moved later costs nothing: the old timer
// fires, finds nothing due and is armed anew.
func NeedsSignal(before, after Status, nextDue, armedFor *time.Time) bool {
	if before != after {
		return true
	}
	return nextDue != nil && (armedFor == nil || nextDue.Before(*armedFor))
}

// MayEnd tells whether a conversation's workflow has nothing left to wait for (P3.4).
func (s State) MayEnd() bool {
	return s.Status == Archived || s.Status == Done && s.NextDue() == nil
}

// TransitionError is the refusal of a transition that the table above does not have.
type TransitionError struct{ From, To Status }

// Error implements error.
func (e *TransitionError) Error() string {
	if e.From == e.To {
		return fmt.Sprintf("the conversation is already %s", e.From)
	}
	return fmt.Sprintf("a conversation that is %s cannot become %s", e.From, e.To)
}

// FieldChange is one changed field, as conversation.updated names it.
type FieldChange struct {
	From any `json:"from"`
	To   any `json:"to"`
}

// Diff lists the fields that conversation.updated fires for, with their values before and after.
func Diff(before, after State) map[string]FieldChange {
	d := map[string]FieldChange{}
	note := func(field string, from, to any) {
		if !reflect.DeepEqual(from, to) {
			d[field] = FieldChange{from, to}
		}
	}
	note("status", before.Status, after.Status)
	note("snoozedUntil", formatTime(before.SnoozedUntil), formatTime(after.SnoozedUntil))
	note("assigneeId", before.AssigneeID, after.AssigneeID)
	note("teamId", before.TeamID, after.TeamID)
	note("subject", before.Subject, after.Subject)
	if !slices.Equal(before.Tags, after.Tags) {
		d["tags"] = FieldChange{orEmpty(before.Tags), orEmpty(after.Tags)}
	}
	note("slaState", orNull(before.SLAState), orNull(after.SLAState))
	if len(before.CustomFields) > 0 || len(after.CustomFields) > 0 {
		note("customFields", before.CustomFields, after.CustomFields)
	}
	return d
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func formatTime(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (s State) clone() State {
	s.Tags = slices.Clone(s.Tags)
	s.CustomFields = maps.Clone(s.CustomFields)
	return s
}

// Edit is what sets the fields that nothing else depends on; nil leaves a field as it is.
type Edit struct {
	Subject      *string
	CustomFields freeform.Values
}

// Edit sets fields. Errors: *TransitionError when archived.
func (c *Change) Edit(e Edit) error {
	after := c.After
	var fields []string
	if e.Subject != nil && *e.Subject != after.Subject {
		after.Subject, fields = *e.Subject, append(fields, "subject")
	}
	if e.CustomFields != nil && !e.CustomFields.Equal(after.CustomFields) {
		after.CustomFields, fields = e.CustomFields, append(fields, "customFields")
	}
	if len(fields) == 0 {
		return nil
	}
	if c.After.Status == Archived {
		return c.refuse(Archived)
	}
	c.After = after
	c.Facts = append(c.Facts, Fact{Kind: Edited, Data: map[string]any{"fields": fields}})
	return nil
}
