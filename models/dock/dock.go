package dock

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/docktoken"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// MaxDocks is how many docks a tenant may have, inactive ones included.
const MaxDocks = 50

// DefaultDockGrace is how long the secret that signs goes on signing after a rotation, unless the caller says otherwise.
const DefaultDockGrace = 24 * time.Hour

// Dock is a tool dock's row: a page of the tenant's own systems, shown beside a conversation. Secrets are sealed.
type Dock struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	Name           string
	URL            string // with placeholders (package dockurl)
	Icon           string
	Position       int // in the list that agents see; lower first
	IsActive       bool
	Actions        postgres.Strings // that it may ask for (package dockaction)
	Confirm        postgres.Strings // those of them that its host asks the agent to confirm
	Permissions    postgres.Strings
	FrameOrigins   postgres.Strings
	TeamIDs        postgres.UUIDs   // who sees it: members of these teams,
	Channels       postgres.Strings // with conversations on these channels,
	Roles          postgres.Strings // in these roles; an empty list narrows nothing
	Secret         []byte
	PreviousSecret []byte // signs until then, after a rotation
	PreviousUntil  *time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      *time.Time // a plain column: sessions, actions and timelines still name a deleted dock
}

// Wire is the dock's JSON shape, without its secret.
func (d Dock) Wire() wire.Dock {
	return wire.Dock{
		ID: d.ID, Name: d.Name, URL: d.URL, Icon: d.Icon, Position: d.Position, IsActive: d.IsActive,
		Actions: postgres.Texts(d.Actions), Confirm: postgres.Texts(d.Confirm), Permissions: postgres.Texts(d.Permissions),
		FrameOrigins: postgres.Texts(
			d.FrameOrigins,
		), TeamIDs: append([]uuid.UUID{}, d.TeamIDs...), Channels: postgres.Texts(d.Channels),
		Roles: postgres.Texts(d.Roles), CreatedAt: wire.At(d.CreatedAt), UpdatedAt: wire.At(d.UpdatedAt),
	}
}

// via is the dock as the means through which an agent acts.
func (d Dock) via() *wire.Via { return &wire.Via{Type: wire.ActorDock, ID: d.ID, Name: d.Name} }

// NewDock is what a dock is made from.
type NewDock struct {
	Name, URL string
	Update
}

// Update changes a dock; what is nil stays.
type Update struct {
	Name, URL, Icon *string
	Position        *int
	IsActive        *bool
	Actions         *[]string
	Confirm         *[]string
	Permissions     *[]string
	FrameOrigins    *[]string
	TeamIDs         *[]uuid.UUID
	Channels        *[]string
	Roles           *[]string
	// May refuses a change after which the dock may ask for these actions, if it could show or do more than before; nil
	// allows all.
	May func(actions []string) error
}

// exposes tells whether the update can show conversations to another page, show them to more, or let the page do more.
// Switching off, and what the dock is called and looks like, does not.
func (u Update) exposes() bool {
	return u.URL != nil || u.IsActive != nil && *u.IsActive || u.Actions != nil || u.Confirm != nil || u.Permissions != nil ||
		u.FrameOrigins != nil || u.TeamIDs != nil || u.Channels != nil || u.Roles != nil
}

// Create makes a dock, which may ask for all actions unless told otherwise; its secret is in the answer and never
// readable again. Errors: VALIDATION_FAILED, DOCK_LIMIT_REACHED.
func (s *Store) Create(ctx context.Context, tenantID uuid.UUID, in NewDock) (_ wire.Dock, err error) {
	defer postgres.During(&err, "create a dock of tenant %s", tenantID)
	now := time.Now()
	d := Dock{
		TenantID: tenantID, ID: ident.New(), IsActive: true, CreatedAt: now, Actions: slices.Clone(dockaction.Kinds),
		Confirm: postgres.Strings{}, Permissions: postgres.Strings{}, FrameOrigins: postgres.Strings{},
		TeamIDs: postgres.UUIDs{}, Channels: postgres.Strings{}, Roles: postgres.Strings{},
	}
	update := in.Update
	update.Name, update.URL = &in.Name, &in.URL
	secret, err := s.newSecret(&d)
	if err != nil {
		return wire.Dock{}, err
	}
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		// The tenant's row is locked, so that two creations cannot both be the last one allowed.
		if err := tx.Exec(`SELECT FROM tenants WHERE id = ? FOR NO KEY UPDATE`, tenantID).Error; err != nil {
			return err
		}
		var count int64
		if err := postgres.NotDeleted(tx, tenantID).Model(&Dock{}).Count(&count).Error; err != nil {
			return err
		}
		if count >= MaxDocks {
			return problem.New(problem.Limited, problem.CodeDockLimitReached,
				"a tenant may have %d docks, inactive ones included: delete one first", MaxDocks)
		}
		if err := s.apply(tx, &d, update, now); err != nil {
			return err
		}
		return tx.Create(&d).Error
	})
	if err != nil {
		return wire.Dock{}, err
	}
	s.db.Wake(ctx, feed.Notice(tenantID, feed.NoticeDocks, d.ID, 0))
	out := d.Wire()
	out.Secret = &secret
	return out, nil
}

// List lists a tenant's docks, oldest first, and returns the cursor of the next page. Errors: VALIDATION_FAILED.
func (s *Store) List(ctx context.Context, tenantID uuid.UUID, page postgres.Page) (_ []wire.Dock, _ string, err error) {
	defer postgres.During(&err, "list docks of tenant %s", tenantID)
	rows, next, err := postgres.Listed(
		postgres.NotDeleted(s.db.Lists.WithContext(ctx), tenantID),
		page,
		func(d Dock) uuid.UUID { return d.ID },
	)
	if err != nil {
		return nil, "", err
	}
	out := make([]wire.Dock, len(rows))
	for i, d := range rows {
		out[i] = d.Wire()
	}
	return out, next, nil
}

// Get returns one dock. Errors: NOT_FOUND.
func (s *Store) Get(ctx context.Context, tenantID, id uuid.UUID) (wire.Dock, error) {
	var d Dock
	err := postgres.NotDeleted(s.db.Main.WithContext(ctx), tenantID).Take(&d, "id = ?", id).Error
	return d.Wire(), postgres.NotFound(err, "dock", id)
}

// Update changes a dock. What it may ask for holds at once, also for actions that wait to be carried out (P8.3).
// Errors: NOT_FOUND, VALIDATION_FAILED.
func (s *Store) Update(ctx context.Context, tenantID, id uuid.UUID, u Update) (_ wire.Dock, err error) {
	defer postgres.During(&err, "update dock %s", id)
	d, err := s.change(ctx, tenantID, id, func(tx *gorm.DB, d *Dock) error {
		return s.apply(tx, d, u, time.Now())
	})
	if err == nil {
		s.db.Wake(ctx, feed.Notice(tenantID, feed.NoticeDocks, id, 0))
	}
	return d.Wire(), err
}

// Delete takes a dock away: its sessions end, and what it asked for and is not done yet is refused.
// Errors: NOT_FOUND.
func (s *Store) Delete(ctx context.Context, tenantID, id uuid.UUID) (err error) {
	defer postgres.During(&err, "delete dock %s", id)
	_, err = s.change(ctx, tenantID, id, func(_ *gorm.DB, d *Dock) error {
		now := time.Now()
		d.DeletedAt, d.IsActive, d.UpdatedAt = &now, false, now
		return nil
	})
	if err == nil {
		s.db.Wake(ctx, feed.Notice(tenantID, feed.NoticeDocks, id, 0))
	}
	return err
}

// RotateSecret gives a dock a new secret and returns it, the only time. For the grace tokens are still signed with
// the one that signs now, so that the dock's back end can learn the new one without refusing agents; with none the new
// one signs at once. A rotation within the grace of another keeps that promise, too: what signs now goes on until both are
// over, and the secret in between never signs. Errors: NOT_FOUND.
// may refuses, by the actions that the dock may ask for; nil allows all.
func (s *Store) RotateSecret(
	ctx context.Context, tenantID, id uuid.UUID, grace time.Duration, may func(actions []string) error,
) (_ wire.Dock, err error) {
	defer postgres.During(&err, "rotate the secret of dock %s", id)
	var secret string
	d, err := s.change(ctx, tenantID, id, func(_ *gorm.DB, d *Dock) (err error) {
		if may != nil {
			if err := may(d.Actions); err != nil {
				return err
			}
		}
		now := time.Now()
		signing, until := d.Secret, now.Add(grace)
		if d.inGrace(now) {
			signing, until = d.PreviousSecret, wire.Latest(until, *d.PreviousUntil)
		}
		d.PreviousSecret, d.PreviousUntil, d.UpdatedAt = nil, nil, now
		if grace > 0 {
			d.PreviousSecret, d.PreviousUntil = signing, &until
		}
		secret, err = s.newSecret(d)
		return err
	})
	if err != nil {
		return wire.Dock{}, err
	}
	out := d.Wire()
	out.Secret = &secret
	return out, nil
}

// change changes a dock under its row's lock.
func (s *Store) change(ctx context.Context, tenantID, id uuid.UUID, f func(*gorm.DB, *Dock) error) (Dock, error) {
	var d Dock
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		d = Dock{}
		err := tx.Raw(
			`SELECT * FROM docks WHERE tenant_id = ? AND id = ? AND deleted_at IS NULL FOR NO KEY UPDATE`,
			tenantID,
			id,
		).
			Take(
				&d,
			).Error
		if err != nil {
			return postgres.NotFound(err, "dock", id)
		}
		if err := f(tx, &d); err != nil {
			return err
		}
		return tx.Model(&d).Select("*").Where("tenant_id = ? AND id = ?", tenantID, id).Updates(&d).Error
	})
	return d, err
}

// newSecret gives the dock a secret and returns it in plain.
func (s *Store) newSecret(d *Dock) (plain string, err error) {
	plain = docktoken.NewSecret()
	d.Secret, err = s.db.Keyring.Seal([]byte(plain), secretAAD(d.ID))
	return plain, err
}

// SecretPlace is what a dock's secrets are bound to, with its id.
const SecretPlace = "dock-secret/"

func secretAAD(id uuid.UUID) string { return SecretPlace + id.String() }

// inGrace tells whether a secret from before the last rotation still signs.
func (d Dock) inGrace(now time.Time) bool {
	return d.PreviousUntil != nil && now.Before(*d.PreviousUntil)
}

// signingSecret is what tokens are signed with at the given time: during a rotation's grace, the old secret.
func (s *Store) signingSecret(d Dock, now time.Time) (string, error) {
	sealed := d.Secret
	if d.inGrace(now) {
		sealed = d.PreviousSecret
	}
	plain, err := s.db.Keyring.Open(sealed, secretAAD(d.ID))
	return string(plain), err
}

// Origins are the origins that frames of a tenant's active docks may show: what the console's
// Content-Security-Policy lists as frame-src. Sorted, each once.
func (s *Store) Origins(ctx context.Context, tenantID uuid.UUID) (_ []string, err error) {
	defer postgres.During(&err, "list the origins of docks of tenant %s", tenantID)
	var docks []Dock
	if err := postgres.NotDeleted(s.db.Lists.WithContext(ctx), tenantID).Where("is_active").Find(&docks).Error; err != nil {
		return nil, postgres.ListError(ctx, err)
	}
	var origins []string
	for _, d := range docks {
		origins = append(origins, dockurl.Origin(d.URL))
		for _, o := range d.FrameOrigins {
			origins = append(origins, dockurl.Origin(o))
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins), nil
}
