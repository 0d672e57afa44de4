package conversation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
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
	Assign struct{ AssigneeID, TeamID wire.Optional[uuid.UUID] }
	// AddTag applies a tag, creating it if the tenant has none of that name.
	AddTag struct{ Name string }
	// RemoveTag takes a tag away.
	RemoveTag struct{ Name string }
	// SetTags replaces the tags.
	SetTags struct{ Names []string }
	// SetStatus brings the conversation to a status, by the transition that leads there, or gives a sleeping one a new
	// time. The status it has is no transition. Without a Status, a time means snoozed and null means awake.
	SetStatus struct {
		Status       *lifecycle.Status
		SnoozedUntil wire.Optional[time.Time]
	}
	// Edit sets fields that the conversation's life does not depend on.
	Edit lifecycle.Edit
)

func (Resolve) apply(c *lifecycle.Change) error     { return c.Resolve() }
func (Reopen) apply(c *lifecycle.Change) error      { return c.Reopen() }
func (Unsnooze) apply(c *lifecycle.Change) error    { return c.Unsnooze() }
func (Archive) apply(c *lifecycle.Change) error     { return c.Archive() }
func (t AddTag) apply(c *lifecycle.Change) error    { return c.AddTag(t.Name) }
func (t RemoveTag) apply(c *lifecycle.Change) error { return c.RemoveTag(t.Name) }
func (t SetTags) apply(c *lifecycle.Change) error   { return c.SetTags(t.Names) }
func (e Edit) apply(c *lifecycle.Change) error      { return c.Edit(lifecycle.Edit(e)) }
func (s Snooze) apply(c *lifecycle.Change) error    { return snooze(c, "until", s.Until) }

// snooze judges the time, which the request calls field, under the row's lock.
func snooze(c *lifecycle.Change, field string, until time.Time) error {
	if !until.After(c.Now) {
		return problem.Fields(problem.Field{
			Field: field, Code: "not_ahead",
			Message: "must be in the future; it is " + c.Now.UTC().Format(time.RFC3339) + " now",
		})
	}
	if until.After(c.Now.Add(lifecycle.MaxSnooze)) {
		return problem.Fields(problem.Field{Field: field, Code: "too_far", Message: "must be within a year"})
	}
	return c.Snooze(until)
}

func (s SetStatus) apply(c *lifecycle.Change) error {
	const field = "snoozedUntil"
	is, to, until := c.After.Status, c.After.Status, s.SnoozedUntil.Value
	switch {
	case s.Status != nil:
		to = *s.Status
	case until != nil:
		to = lifecycle.Snoozed
	case s.SnoozedUntil.Set && is == lifecycle.Snoozed:
		to = lifecycle.Active
	}
	switch {
	case to == lifecycle.Snoozed && until != nil:
		return snooze(c, field, *until)
	case to == lifecycle.Snoozed && (is != to || s.SnoozedUntil.Set):
		return problem.Fields(problem.Field{
			Field: field, Code: "required", Message: "a snoozed conversation needs a time to wake",
		})
	case until != nil:
		return problem.Fields(problem.Field{
			Field: field, Code: "not_applicable", Message: "means nothing for status " + string(to),
		})
	case is == to:
		return nil
	case to == lifecycle.Done:
		return c.Resolve()
	case to == lifecycle.Archived:
		return c.Archive()
	case is == lifecycle.Snoozed:
		return c.Unsnooze()
	default:
		return c.Reopen()
	}
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

// check refuses, before the conversation is locked, an assignee or team that the tenant does not have, and an agent who may
// not change conversations: readers and analysts cannot do what they would be assigned. That the two exist holds until the
// commit. An agent who is given another role meanwhile, or later, keeps what is assigned to them.
func (a Assign) check(ctx context.Context, tx *gorm.DB, tenantID uuid.UUID) error {
	var role *account.Role
	var team bool
	err := tx.Statement.ConnPool.QueryRowContext(ctx, `SELECT
		(SELECT role FROM agents WHERE tenant_id = $1 AND id = $2 AND is_active FOR KEY SHARE),
		$3::uuid IS NULL OR EXISTS (SELECT FROM teams WHERE tenant_id = $1 AND id = $3 FOR KEY SHARE)`,
		tenantID, a.AssigneeID.Value, a.TeamID.Value).Scan(&role, &team)
	if err != nil {
		return err
	}
	var wrong []problem.Field
	switch agent := a.AssigneeID.Value; {
	case agent == nil:
	case role == nil:
		wrong = append(wrong, unknownAgent("assigneeId", *agent))
	case !role.MayWork():
		wrong = append(wrong, cannotWork("assigneeId", *agent, *role))
	}
	if !team {
		wrong = append(
			wrong,
			problem.Field{Field: "teamId", Code: "unknown", Message: "there is no team " + a.TeamID.Value.String()},
		)
	}
	return problem.Fields(wrong...)
}

// unknownAgent is what is wrong with a field that names an agent whom the tenant does not have, or has no more.
func unknownAgent(field string, agent uuid.UUID) problem.Field {
	return problem.Field{Field: field, Code: "unknown", Message: "there is no active agent " + agent.String()}
}

// cannotWork is what is wrong with a field that names an agent who may not change conversations.
func cannotWork(field string, agent uuid.UUID, role account.Role) problem.Field {
	return problem.Field{
		Field: field, Code: "cannot_work",
		Message: "agent " + agent.String() + " has the role " + string(role) + ", which cannot change conversations: " +
			"name an agent whose role is one of " + strings.Join(account.WorkingRoles(), ", "),
	}
}

// explain turns the refusals of package lifecycle into the API's problems.
func explain(err error) error {
	if t, ok := errors.AsType[*lifecycle.TransitionError](err); ok {
		return problem.New(problem.Conflict, problem.CodeInvalidTransition,
			"%s", t.Error()).With("from", t.From).With("to", t.To)
	}
	if errors.Is(err, lifecycle.ErrTooManyTags) {
		return problem.Fields(problem.Field{Field: "tags", Code: "too_many", Message: err.Error()})
	}
	return err
}
