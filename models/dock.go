package models

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/dockaction"
	"github.com/atender/atender/models/docktoken"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/ident"
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
	Actions        Strings // that it may ask for (package dockaction)
	Confirm        Strings // those of them that its host asks the agent to confirm
	Permissions    Strings
	FrameOrigins   Strings
	TeamIDs        UUIDs   // who sees it: members of these teams,
	Channels       Strings // with conversations on these channels,
	Roles          Strings // in these roles; an empty list narrows nothing
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
		Actions: texts(d.Actions), Confirm: texts(d.Confirm), Permissions: texts(d.Permissions),
		FrameOrigins: texts(d.FrameOrigins), TeamIDs: append([]uuid.UUID{}, d.TeamIDs...), Channels: texts(d.Channels),
		Roles: texts(d.Roles), CreatedAt: wire.At(d.CreatedAt), UpdatedAt: wire.At(d.UpdatedAt),
	}
}

// via is the dock as the means through which an agent acts.
func (d Dock) via() *wire.Via { return &wire.Via{Type: wire.ActorDock, ID: d.ID, Name: d.Name} }

// NewDock is what a dock is made from.
type NewDock struct {
	Name, URL string
	DockUpdate
}

// DockUpdate changes a dock; what is nil stays.
type DockUpdate struct {
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
func (u DockUpdate) exposes() bool {
	return u.URL != nil || u.IsActive != nil && *u.IsActive || u.Actions != nil || u.Confirm != nil || u.Permissions != nil ||
		u.FrameOrigins != nil || u.TeamIDs != nil || u.Channels != nil || u.Roles != nil
}

// CreateDock makes a dock, which may ask for all actions unless told otherwise; its secret is in the answer and never
// readable again. Errors: VALIDATION_FAILED, DOCK_LIMIT_REACHED.
func (s *Store) CreateDock(ctx context.Context, tenantID uuid.UUID, in NewDock) (wire.Dock, error) {
	now := time.Now()
	d := Dock{
		TenantID: tenantID, ID: ident.New(), IsActive: true, CreatedAt: now, Actions: slices.Clone(dockaction.Kinds),
		Confirm: Strings{}, Permissions: Strings{}, FrameOrigins: Strings{},
		TeamIDs: UUIDs{}, Channels: Strings{}, Roles: Strings{},
	}
	update := in.DockUpdate
	update.Name, update.URL = &in.Name, &in.URL
	secret, err := s.newDockSecret(&d)
	if err != nil {
		return wire.Dock{}, err
	}
	err = s.transact(ctx, func(tx *gorm.DB) error {
		// The tenant's row is locked, so that two creations cannot both be the last one allowed.
		if err := tx.Exec(`SELECT FROM tenants WHERE id = ? FOR NO KEY UPDATE`, tenantID).Error; err != nil {
			return err
		}
		var count int64
		if err := live(tx, tenantID).Model(&Dock{}).Count(&count).Error; err != nil {
			return err
		}
		if count >= MaxDocks {
			return problem.New(problem.Limited, "DOCK_LIMIT_REACHED",
				"a tenant may have %d docks, inactive ones included: delete one first", MaxDocks)
		}
		if err := s.applyDock(tx, &d, update, now); err != nil {
			return err
		}
		return tx.Create(&d).Error
	})
	if err != nil {
		return wire.Dock{}, err
	}
	s.mark(ctx, Notice(tenantID, noticeDocks, d.ID, 0))
	out := d.Wire()
	out.Secret = &secret
	return out, nil
}

// Docks lists a tenant's docks, oldest first, and returns the cursor of the next page. Errors: VALIDATION_FAILED.
func (s *Store) Docks(ctx context.Context, tenantID uuid.UUID, page Page) ([]wire.Dock, string, error) {
	rows, next, err := listed(live(s.lists.WithContext(ctx), tenantID), page, func(d Dock) uuid.UUID { return d.ID })
	if err != nil {
		return nil, "", err
	}
	out := make([]wire.Dock, len(rows))
	for i, d := range rows {
		out[i] = d.Wire()
	}
	return out, next, nil
}

// Dock returns one dock. Errors: NOT_FOUND.
func (s *Store) Dock(ctx context.Context, tenantID, id uuid.UUID) (wire.Dock, error) {
	var d Dock
	err := live(s.db.WithContext(ctx), tenantID).Take(&d, "id = ?", id).Error
	return d.Wire(), notFound(err, "dock", id)
}

// UpdateDock changes a dock. What it may ask for holds at once, also for actions that wait to be carried out (P8.3).
// Errors: NOT_FOUND, VALIDATION_FAILED.
func (s *Store) UpdateDock(ctx context.Context, tenantID, id uuid.UUID, u DockUpdate) (wire.Dock, error) {
	d, err := s.changeDock(ctx, tenantID, id, func(tx *gorm.DB, d *Dock) error {
		return s.applyDock(tx, d, u, time.Now())
	})
	if err == nil {
		s.mark(ctx, Notice(tenantID, noticeDocks, id, 0))
	}
	return d.Wire(), err
}

// DeleteDock takes a dock away: its sessions end, and what it asked for and is not done yet is refused.
// Errors: NOT_FOUND.
func (s *Store) DeleteDock(ctx context.Context, tenantID, id uuid.UUID) error {
	_, err := s.changeDock(ctx, tenantID, id, func(_ *gorm.DB, d *Dock) error {
		now := time.Now()
		d.DeletedAt, d.IsActive, d.UpdatedAt = &now, false, now
		return nil
	})
	if err == nil {
		s.mark(ctx, Notice(tenantID, noticeDocks, id, 0))
	}
	return err
}

// RotateDockSecret gives a dock a new secret and returns it, the only time. For the grace tokens are still signed with
// the one that signs now, so that the dock's back end can learn the new one without refusing anybody; with none the new
// one signs at once. A rotation within the grace of another keeps that promise, too: what signs now goes on until both are
// over, and the secret in between never signs. Errors: NOT_FOUND.
// may refuses, by the actions that the dock may ask for; nil allows all.
func (s *Store) RotateDockSecret(
	ctx context.Context, tenantID, id uuid.UUID, grace time.Duration, may func(actions []string) error,
) (wire.Dock, error) {
	var secret string
	d, err := s.changeDock(ctx, tenantID, id, func(_ *gorm.DB, d *Dock) (err error) {
		if may != nil {
			if err := may(d.Actions); err != nil {
				return err
			}
		}
		now := time.Now()
		signing, until := d.Secret, now.Add(grace)
		if d.inGrace(now) {
			signing, until = d.PreviousSecret, latest(until, *d.PreviousUntil)
		}
		d.PreviousSecret, d.PreviousUntil, d.UpdatedAt = nil, nil, now
		if grace > 0 {
			d.PreviousSecret, d.PreviousUntil = signing, &until
		}
		secret, err = s.newDockSecret(d)
		return err
	})
	if err != nil {
		return wire.Dock{}, err
	}
	out := d.Wire()
	out.Secret = &secret
	return out, nil
}

// changeDock changes a dock under its row's lock.
func (s *Store) changeDock(ctx context.Context, tenantID, id uuid.UUID, f func(*gorm.DB, *Dock) error) (Dock, error) {
	var d Dock
	err := s.transact(ctx, func(tx *gorm.DB) error {
		d = Dock{}
		err := tx.Raw(`SELECT * FROM docks WHERE tenant_id = ? AND id = ? AND deleted_at IS NULL FOR NO KEY UPDATE`, tenantID, id).
			Take(&d).Error
		if err != nil {
			return notFound(err, "dock", id)
		}
		if err := f(tx, &d); err != nil {
			return err
		}
		return tx.Model(&d).Select("*").Where("tenant_id = ? AND id = ?", tenantID, id).Updates(&d).Error
	})
	return d, err
}

// newDockSecret gives the dock a secret and returns it in plain.
func (s *Store) newDockSecret(d *Dock) (plain string, err error) {
	plain = docktoken.NewSecret()
	d.Secret, err = s.keys.Seal([]byte(plain), dockSecretAAD(d.ID))
	return plain, err
}

// dockSecretPlace is what a dock's secrets are bound to, with its id.
const dockSecretPlace = "dock-secret/"

func dockSecretAAD(id uuid.UUID) string { return dockSecretPlace + id.String() }

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
	plain, err := s.keys.Open(sealed, dockSecretAAD(d.ID))
	return string(plain), err
}

// DockOrigins are the origins that frames of a tenant's active docks may show: what the console's
// Content-Security-Policy lists as frame-src. Sorted, each once.
func (s *Store) DockOrigins(ctx context.Context, tenantID uuid.UUID) ([]string, error) {
	var docks []Dock
	if err := live(s.lists.WithContext(ctx), tenantID).Where("is_active").Find(&docks).Error; err != nil {
		return nil, listError(ctx, err)
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
