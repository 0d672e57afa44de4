package models

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/problem"
)

// Command is one thing to do to a conversation. Several in one Store.Change are one transaction.
type Command interface {
	// apply does it. A *lifecycle.TransitionError or a problem refuses the whole change.
	apply(c *lifecycle.Change) error
}

// The commands. Their transitions are those of package lifecycle.
type (
	// Resolve marks the conversation done.
	Resolve struct{}
	// Reopen makes a done conversation active.
	Reopen struct{}
	// Snooze puts it to sleep; Until is in the future and at most a year ahead, judged under the row's lock.
	Snooze struct{ Until time.Time }
	// Unsnooze wakes it now.
	Unsnooze struct{}
	// Archive ends it for good.
	Archive struct{}
	// Assign sets or clears the assignee, the team, or both; what is not Set stays.
	Assign struct{ AssigneeID, TeamID Optional[uuid.UUID] }
	// AddTag applies a tag, creating it if the tenant has none of that name.
	AddTag struct{ Name string }
	// RemoveTag takes a tag away.
	RemoveTag struct{ Name string }
	// Edit sets the subject or the custom fields; nil leaves them.
	Edit struct {
		Subject      *string
		CustomFields map[string]any
	}
)

func (Resolve) apply(c *lifecycle.Change) error     { return c.Resolve() }
func (Reopen) apply(c *lifecycle.Change) error      { return c.Reopen() }
func (Unsnooze) apply(c *lifecycle.Change) error    { return c.Unsnooze() }
func (Archive) apply(c *lifecycle.Change) error     { return c.Archive() }
func (t AddTag) apply(c *lifecycle.Change) error    { return c.AddTag(t.Name) }
func (t RemoveTag) apply(c *lifecycle.Change) error { return c.RemoveTag(t.Name) }
func (e Edit) apply(c *lifecycle.Change) error      { return c.Edit(e.Subject, e.CustomFields) }

func (s Snooze) apply(c *lifecycle.Change) error {
	if !s.Until.After(c.Now) {
		return problem.Fields(problem.Field{
			Field: "until", Code: "not_ahead",
			Message: "must be in the future; it is " + c.Now.UTC().Format(time.RFC3339) + " now",
		})
	}
	if s.Until.After(c.Now.Add(lifecycle.MaxSnooze)) {
		return problem.Fields(problem.Field{Field: "until", Code: "too_far", Message: "must be within a year"})
	}
	return c.Snooze(s.Until)
}

func (a Assign) apply(c *lifecycle.Change) error {
	to := lifecycle.Assignment{AssigneeID: c.After.AssigneeID, TeamID: c.After.TeamID}
	if a.AssigneeID.Set {
		to.AssigneeID = a.AssigneeID.Value
	}
	if a.TeamID.Set {
		to.TeamID = a.TeamID.Value
	}
	return c.Assign(to)
}

// check refuses an assignee or team that the tenant does not have, before any lock is taken.
func (a Assign) check(ctx context.Context, tx *gorm.DB, tenantID uuid.UUID) error {
	var agent, team bool
	err := tx.Statement.ConnPool.QueryRowContext(ctx, `SELECT
		$2::uuid IS NULL OR EXISTS (SELECT FROM agents WHERE tenant_id = $1 AND id = $2 AND is_active),
		$3::uuid IS NULL OR EXISTS (SELECT FROM teams WHERE tenant_id = $1 AND id = $3)`,
		tenantID, a.AssigneeID.Value, a.TeamID.Value).Scan(&agent, &team)
	if err != nil {
		return err
	}
	var wrong []problem.Field
	if !agent {
		wrong = append(wrong, problem.Field{
			Field: "assigneeId", Code: "unknown",
			Message: "there is no active agent " + a.AssigneeID.Value.String(),
		})
	}
	if !team {
		wrong = append(
			wrong,
			problem.Field{Field: "teamId", Code: "unknown", Message: "there is no team " + a.TeamID.Value.String()},
		)
	}
	return problem.Fields(wrong...)
}

// Optional is a field of an update that may be absent, null or a value.
type Optional[T any] struct {
	Set   bool
	Value *T // nil for null
}

// UnmarshalJSON implements json.Unmarshaler: whoever is called was not absent.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}

// Some returns an Optional that is set to v.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: &v} }

// explain turns the refusals of package lifecycle into the API's problems.
func explain(err error) error {
	if t, ok := errors.AsType[*lifecycle.TransitionError](err); ok {
		return problem.New(problem.Conflict, "INVALID_TRANSITION", "%s", t.Error()).With("from", t.From).With("to", t.To)
	}
	if errors.Is(err, lifecycle.ErrTooManyTags) {
		return problem.Fields(problem.Field{Field: "tags", Code: "too_many", Message: err.Error()})
	}
	return err
}
