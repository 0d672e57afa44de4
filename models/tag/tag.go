// Package tag is the words that a tenant's conversations are found by: their list, and what they are called.
package tag

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Tag is a row of the tags table: a tag of the tenant or, once LeavingAt is set, a name that a tag had and that is being
// taken off the conversations that carry it (conversation.Store.PropagateTags).
type Tag struct {
	TenantID   uuid.UUID
	ID         uuid.UUID
	Name       string
	CreatedAt  time.Time
	LeavingAt  *time.Time
	LeavingFor *uuid.UUID
	LeavingBy  *wire.Actor `gorm:"serializer:json"`
}

// Wire is the tag's JSON shape.
func (t Tag) Wire() wire.Tag { return wire.Tag{ID: t.ID, Name: t.Name} }

// Topic is marked when there are names to take off conversations.
const Topic = "tags"

// Store is the tags in the database.
type Store struct{ db *postgres.DB }

// New is the tags in a database.
func New(db *postgres.DB) *Store { return &Store{db} }

// List lists a tenant's tags in the order of their names and returns the cursor of the next page.
// Errors: VALIDATION_FAILED for a cursor that is not of this list.
func (s *Store) List(ctx context.Context, tenantID uuid.UUID, page postgres.Page) (_ []Tag, _ string, err error) {
	defer postgres.During(&err, "list tags of tenant %s", tenantID)
	const sort = "name"
	at, err := page.After(sort)
	if err != nil {
		return nil, "", err
	}
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND leaving_at IS NULL", tenantID)
	if at != nil {
		q = q.Where("name > ?", at.Name)
	}
	var tags []Tag
	if err := q.Order("name").Limit(page.Size() + 1).Find(&tags).Error; err != nil {
		return nil, "", postgres.ListError(ctx, err)
	}
	tags, next := postgres.Cut(tags, page, func(t Tag) postgres.Position { return postgres.Position{Name: t.Name, Sort: sort} })
	return tags, next, nil
}

// Get returns one tag. Errors: NOT_FOUND, also for one that is retired.
func (s *Store) Get(ctx context.Context, tenantID, id uuid.UUID) (Tag, error) {
	var t Tag
	err := s.db.Main.WithContext(ctx).Take(&t, "tenant_id = ? AND id = ? AND leaving_at IS NULL", tenantID, id).Error
	return t, postgres.NotFound(err, "tag", id)
}

// Create adds a tag. Errors: TAG_EXISTS with details.tagId; TAG_BUSY for a name that is retired.
func (s *Store) Create(ctx context.Context, tenantID uuid.UUID, name string) (_ Tag, err error) {
	defer postgres.During(&err, "create a tag of tenant %s", tenantID)
	t := Tag{TenantID: tenantID, ID: ident.New(), Name: name, CreatedAt: time.Now()}
	err = s.db.Transact(ctx, func(tx *gorm.DB) error { return tx.Create(&t).Error })
	if postgres.PgCode(err) == postgres.CodeUniqueViolation {
		return Tag{}, s.taken(ctx, tenantID, name)
	}
	return t, err
}

// Rename gives a tag another name, at once. The conversations that carry it, and the filters of webhooks that name it,
// follow (conversation.Store.PropagateTags); until then filters have both names.
// Errors: NOT_FOUND; TAG_EXISTS with details.tagId; TAG_BUSY for a name that is retired.
func (s *Store) Rename(ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, name string) (_ Tag, err error) {
	defer postgres.During(&err, "rename tag %s", id)
	var t Tag
	err = s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if t, err = lockTag(tx, tenantID, id); err != nil || t.Name == name {
			return err
		}
		old := Tag{
			TenantID: tenantID, ID: ident.New(), Name: t.Name, CreatedAt: t.CreatedAt, LeavingAt: new(time.Now()),
			LeavingFor: &t.ID, LeavingBy: &actor,
		}
		t.Name = name
		if err := tx.Exec(`UPDATE tags SET name = ? WHERE tenant_id = ? AND id = ?`, name, tenantID, id).Error; err != nil {
			return err
		}
		if err := tx.Create(&old).Error; err != nil {
			return err
		}
		return tx.Exec(`UPDATE subscriptions SET filter_tags = filter_tags || ?::text
			WHERE tenant_id = ? AND ? = ANY (filter_tags) AND NOT ? = ANY (filter_tags)`, name, tenantID, old.Name, name).Error
	})
	if postgres.PgCode(err) == postgres.CodeUniqueViolation {
		return Tag{}, s.taken(ctx, tenantID, name)
	}
	if err == nil {
		s.db.Wake(ctx, Topic)
	}
	return t, err
}

// Delete removes a tag from the list, at once, and from the conversations that carry it (conversation.Store.PropagateTags).
// Filters of webhooks keep its name: one that lost its only condition would match everything. Errors: NOT_FOUND.
func (s *Store) Delete(ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor) (err error) {
	defer postgres.During(&err, "delete tag %s", id)
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		if _, err := lockTag(tx, tenantID, id); err != nil {
			return err
		}
		return tx.Exec(`UPDATE tags SET leaving_at = clock_timestamp(), leaving_by = ? WHERE tenant_id = ? AND id = ?`,
			postgres.JSONArg(actor), tenantID, id).Error
	})
	if err == nil {
		s.db.Wake(ctx, Topic)
	}
	return err
}

func lockTag(tx *gorm.DB, tenantID, id uuid.UUID) (t Tag, err error) {
	err = tx.Raw(`SELECT * FROM tags WHERE tenant_id = ? AND id = ? AND leaving_at IS NULL FOR UPDATE`, tenantID, id).Take(&t).Error
	return t, postgres.NotFound(err, "tag", id)
}

// taken says who has the name that a write met.
func (s *Store) taken(ctx context.Context, tenantID uuid.UUID, name string) error {
	var other Tag
	err := s.db.Main.WithContext(ctx).Take(&other, "tenant_id = ? AND name = ?", tenantID, name).Error
	switch {
	case err == nil && other.LeavingAt == nil:
		return problem.New(problem.Conflict, problem.CodeTagExists,
			"there is a tag called %q already", name).With("tagId", other.ID)
	case err == nil || errors.Is(err, gorm.ErrRecordNotFound):
		return problem.New(problem.Conflict, problem.CodeTagBusy,
			"%q is still being taken off the conversations that carry it; try again in a moment", name)
	default:
		return postgres.Translate(err)
	}
}
