package webhook

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/outbox"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// The states of a replay.
const (
	ReplayRunning   = "running"
	ReplayCompleted = "completed"
	ReplayCancelled = "cancelled"
)

// Replay is a run over past events that puts them on their way to a webhook once more (P4.9).
type Replay struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	SubscriptionID uuid.UUID
	Since          time.Time
	Until          time.Time        // not included
	Events         postgres.Strings // types; never "*"
	OnlyFailed     bool
	State          string
	Reason         *string   // why it was cancelled without being asked
	Position       uuid.UUID // it has looked at everything up to this id
	Queued         int64     // deliveries it put on their way
	Missing        int64     // failed deliveries whose event has been dropped
	NextLookAt     *time.Time
	CreatedAt      time.Time
	FinishedAt     *time.Time
}

// Reached is the time up to which the replay has looked.
func (r Replay) Reached() time.Time {
	if r.State == ReplayCompleted {
		return r.Until
	}
	sec, nsec := r.Position.Time().UnixTime()
	if at := time.Unix(sec, nsec); at.After(r.Since) {
		return at
	}
	return r.Since
}

// Progress is how much of the time from Since to Until the replay has looked at, from 0 to 1.
func (r Replay) Progress() float64 {
	return min(1, float64(r.Reached().Sub(r.Since))/float64(r.Until.Sub(r.Since)))
}

// Wire is the replay's JSON shape.
func (r Replay) Wire() wire.Replay {
	return wire.Replay{
		ID: r.ID, WebhookID: r.SubscriptionID, Status: r.State, Reason: r.Reason,
		Since: wire.At(r.Since), Until: wire.At(r.Until), Events: r.Events, OnlyFailed: r.OnlyFailed,
		Progress: r.Progress(), Queued: r.Queued, Missing: r.Missing,
		CreatedAt: wire.At(r.CreatedAt), FinishedAt: wire.AtPtr(r.FinishedAt),
	}
}

// end makes a running replay one that has ended.
func (r *Replay) end(state, reason string, now time.Time) {
	r.State, r.Reason, r.FinishedAt, r.NextLookAt = state, postgres.OrNull(reason), &now, nil
}

// NewReplay says what to replay.
type NewReplay struct {
	Since      time.Time
	Until      *time.Time         // not included; now when nil
	Events     []string           // of the webhook's types; all of them when empty
	OnlyFailed bool               // only what failed for good or was cancelled
	May        account.EventCheck // asked for all types of the webhook
}

// Start makes a replay, which a workflow of its own then carries out. A webhook has one at a time.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, VALIDATION_FAILED, WEBHOOK_INACTIVE, REPLAY_RUNNING with details.replayId,
// those of May.
func (s *Replays) Start(ctx context.Context, tenantID, subscription uuid.UUID, in NewReplay) (wire.Replay, error) {
	var r Replay
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		sub, err := s.webhooks.lock(tx, tenantID, subscription)
		if err != nil {
			return err
		}
		if err := in.May.Check(sub.Events...); err != nil {
			return err
		}
		if r, err = in.replay(sub, time.Now()); err != nil {
			return err
		}
		if !sub.IsActive {
			return errWebhookInactive
		}
		var running Replay
		err = tx.Take(&running, "tenant_id = ? AND subscription_id = ? AND state = 'running'", tenantID, subscription).Error
		if err == nil {
			return problem.New(problem.Conflict, problem.CodeReplayRunning, "this webhook has a replay that is still running: "+
				"wait for it, or cancel it").With("replayId", running.ID)
		}
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return postgres.Doing(err, "look for a running replay")
		}
		if err := tx.Create(&r).Error; err != nil {
			return postgres.Doing(err, "insert the replay")
		}
		return signalReplay(tx, r)
	})
	if err != nil {
		return wire.Replay{}, postgres.Doing(err, "start a replay of webhook %s", subscription)
	}
	s.db.Wake(ctx, outbox.Topic)
	return r.Wire(), nil
}

// replay checks what is asked for against the subscription.
func (in NewReplay) replay(sub Subscription, now time.Time) (Replay, error) {
	since, until := in.Since.Truncate(time.Microsecond), now.Truncate(time.Microsecond) // as PostgreSQL keeps them
	if in.Until != nil && in.Until.Before(now) {
		until = in.Until.Truncate(time.Microsecond)
	}
	var wrong []problem.Field
	if !since.Before(until) {
		wrong = append(wrong, problem.Field{
			Field: "since", Code: "out_of_range", Message: "must be in the past and before until",
		})
	}
	subscribed := []string(sub.Events)
	if slices.Contains(subscribed, "*") {
		subscribed = make([]string, len(lifecycle.EventTypes))
		for i, t := range lifecycle.EventTypes {
			subscribed[i] = string(t)
		}
	}
	events := in.Events
	if len(events) == 0 {
		events = subscribed
	}
	for _, e := range events {
		if !slices.Contains(subscribed, e) {
			wrong = append(wrong, problem.Field{
				Field: "events", Code: "not_subscribed", Message: "this webhook is not subscribed to " + shortened(e),
			})
		}
	}
	return Replay{
		TenantID: sub.TenantID, ID: ident.New(), SubscriptionID: sub.ID, Since: since, Until: until, Events: events,
		OnlyFailed: in.OnlyFailed, State: ReplayRunning, Position: ident.Floor(since), NextLookAt: &now, CreatedAt: now,
	}, problem.Fields(wrong...)
}

// shortened keeps what a caller made up from filling an answer.
func shortened(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// signalReplay tells the replay's workflow, starting it if need be.
func signalReplay(tx *gorm.DB, r Replay) error {
	return outbox.AddNow(tx, outbox.Entry{Kind: outbox.Replay, TenantID: r.TenantID, TargetID: r.ID})
}

// List lists a webhook's replays, the newest first, and returns the cursor of the next page.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, VALIDATION_FAILED for a cursor that is not of this list.
func (s *Replays) List(ctx context.Context, tenantID, subscription uuid.UUID, page postgres.Page) ([]wire.Replay, string, error) {
	const sort = "-replays"
	at, err := page.After(sort)
	if err != nil {
		return nil, "", err
	}
	if _, err := s.webhooks.read(ctx, tenantID, subscription); err != nil {
		return nil, "", err
	}
	q := s.db.Lists.WithContext(ctx).Where("tenant_id = ? AND subscription_id = ?", tenantID, subscription)
	if at != nil {
		q = q.Where("id < ?", at.ID)
	}
	var rows []Replay
	if err := q.Order("id DESC").Limit(page.Size() + 1).Find(&rows).Error; err != nil {
		return nil, "", postgres.Doing(postgres.ListError(ctx, err), "list replays")
	}
	rows, next := postgres.Cut(rows, page, func(r Replay) postgres.Position { return postgres.Position{ID: r.ID, Sort: sort} })
	out := make([]wire.Replay, len(rows))
	for i, r := range rows {
		out[i] = r.Wire()
	}
	return out, next, nil
}

// Get is one replay of a webhook. Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Replays) Get(ctx context.Context, tenantID, subscription, id uuid.UUID) (wire.Replay, error) {
	if _, err := s.webhooks.read(ctx, tenantID, subscription); err != nil {
		return wire.Replay{}, err
	}
	var r Replay
	err := s.db.Main.WithContext(ctx).
		Take(&r, "id = ? AND tenant_id = ? AND subscription_id = ?", id, tenantID, subscription).Error
	return r.Wire(), postgres.NotFound(err, "replay", id)
}

// Read is a replay as it stands, for its workflow. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Replays) Read(ctx context.Context, tenantID, id uuid.UUID) (r Replay, err error) {
	err = s.db.Main.WithContext(ctx).Take(&r, "id = ? AND tenant_id = ?", id, tenantID).Error
	return r, postgres.NotFound(err, "replay", id)
}

// Cancel ends a running replay; what it has put on its way stays on its way. One that has ended stays as it is.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND.
func (s *Replays) Cancel(ctx context.Context, tenantID, subscription, id uuid.UUID) (wire.Replay, error) {
	if _, err := s.webhooks.read(ctx, tenantID, subscription); err != nil {
		return wire.Replay{}, err
	}
	var r Replay
	err := s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if r, err = lockReplay(tx, tenantID, id); err != nil {
			return err
		}
		if r.SubscriptionID != subscription {
			return postgres.NotFound(gorm.ErrRecordNotFound, "replay", id)
		}
		if r.State != ReplayRunning {
			return nil
		}
		r.end(ReplayCancelled, "", time.Now())
		if err := saveReplay(tx, r); err != nil {
			return err
		}
		return signalReplay(tx, r)
	})
	if err != nil {
		return wire.Replay{}, postgres.Doing(err, "cancel replay %s", id)
	}
	s.db.Wake(ctx, outbox.Topic)
	return r.Wire(), nil
}

// Abandon ends a running replay whose workflow was cancelled in Temporal. Errors: UNAVAILABLE.
func (s *Replays) Abandon(ctx context.Context, tenantID, id uuid.UUID) error {
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		r, err := lockReplay(tx, tenantID, id)
		if postgres.IsNotFound(err) || err == nil && r.State != ReplayRunning {
			return nil
		}
		if err != nil {
			return err
		}
		r.end(ReplayCancelled, "OPERATOR", time.Now())
		return saveReplay(tx, r)
	})
	return postgres.Doing(err, "abandon replay %s", id)
}

func lockReplay(tx *gorm.DB, tenantID, id uuid.UUID) (r Replay, err error) {
	err = tx.Raw(`SELECT * FROM replays WHERE id = ? AND tenant_id = ? FOR NO KEY UPDATE`, id, tenantID).Take(&r).Error
	return r, postgres.NotFound(err, "replay", id)
}

func saveReplay(tx *gorm.DB, r Replay) error {
	err := tx.Model(&r).Select("*").Where("id = ? AND tenant_id = ?", r.ID, r.TenantID).Updates(&r).Error
	return postgres.Doing(err, "save replay %s", r.ID)
}

// SignalLate makes outbox rows for the running replays whose workflow should have looked for longer than the given
// time ago: it was lost (P4.9). It returns how many.
func (s *Replays) SignalLate(ctx context.Context, by time.Duration) (int64, error) {
	var st postgres.Statement
	n, err := outbox.SignalEach(ctx, s.db, &st, outbox.Replay, outbox.Each{
		Tenant: "r.tenant_id", Target: "r.id",
		From: `replays r WHERE r.state = 'running'
			AND r.next_look_at < clock_timestamp() - make_interval(secs => ` + st.Arg(by.Seconds()) + `)
			AND ` + outbox.NoneFor(outbox.Replay, "r.id"),
	})
	return n, postgres.Doing(err, "signal late replays")
}
