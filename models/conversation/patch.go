package conversation

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Patch is what a change of several fields at once asks for; what is not set stays.
type Patch struct {
	Edit   Edit
	Assign Assign
	Tags   *[]string // replace those it has; the tenant's rule for unknown ones applies
	Status SetStatus
	// IfVersion tells whether the version that the row is at is the one the caller means; nil when any is.
	IfVersion func(version int64) bool
}

// Patch carries out a change of several fields in one transaction (P1), with at most one conversation.updated. One that
// changes nothing commits nothing and fires nothing.
// Errors: NOT_FOUND, PRECONDITION_FAILED with details.version when IfVersion does not hold, INVALID_TRANSITION,
// VALIDATION_FAILED for what only the database knows, UNAVAILABLE.
func (s *Store) Patch(ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, p Patch) (_ Conversation, err error) {
	defer postgres.During(&err, "patch conversation %s", id)
	w, err := s.writing(ctx, func(tx *gorm.DB) (*write, error) {
		if p.Assign.AssigneeID.Set || p.Assign.TeamID.Set {
			if err := p.Assign.check(ctx, tx, tenantID); err != nil {
				return nil, err
			}
		}
		w, _, err := s.lock(ctx, tx, tenantID, id, actor, lockOptions{})
		if err != nil {
			return nil, err
		}
		if at := w.conversation.Version; p.IfVersion != nil && !p.IfVersion(at) {
			return nil, problem.New(problem.Precondition, problem.CodePreconditionFailed,
				"the conversation is at version %d; read it again, and repeat what still applies", at).With("version", at)
		}
		if err := w.patch(p); err != nil {
			return nil, explain(err)
		}
		return w, w.save(ctx)
	})
	if err != nil {
		return Conversation{}, err
	}
	return w.conversation, nil
}

// patch applies the fields; the status last, because nothing follows an archiving.
func (w *write) patch(p Patch) error {
	commands := []Command{p.Edit, p.Assign}
	if p.Tags != nil {
		names, err := w.admitTags(*p.Tags)
		if err != nil {
			return err
		}
		commands = append(commands, SetTags{Names: names})
	}
	for _, cmd := range append(commands, p.Status) {
		if err := cmd.apply(w.change); err != nil {
			return err
		}
	}
	return nil
}

// admitTags applies the tenant's rule to tags that neither the tenant nor the conversation has. It brings the ids of all
// tags that come or go, for their events.
func (w *write) admitTags(names []string) ([]string, error) {
	var row struct {
		UnknownTags string
		TagIDs      map[string]uuid.UUID `gorm:"serializer:json"`
	}
	tenantID, have := w.conversation.TenantID, w.conversation.Tags
	err := w.tx.Raw(`SELECT unknown_tags, (SELECT jsonb_object_agg(name, id) FROM tags
			WHERE tenant_id = t.id AND name = ANY (?::text[])) AS tag_ids FROM tenants t WHERE id = ?`,
		postgres.Strings(slices.Concat(have, names)), tenantID).Scan(&row).Error
	if err != nil {
		return nil, err
	}
	w.tags = row.TagIDs
	known := maps.Clone(row.TagIDs)
	if known == nil {
		known = map[string]uuid.UUID{}
	}
	for _, name := range have {
		known[name] = row.TagIDs[name] // it may stay, whatever the rule
	}
	return admitTags(names, known, row.UnknownTags)
}
