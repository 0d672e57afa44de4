package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wire"
)

// deliverySending is how the log calls a delivery that is leased: its request is under way.
const deliverySending = "sending"

// logWindow is how many deliveries one call looks through at most: a filter that matches nothing costs a bounded scan,
// whose end is the next cursor.
const logWindow = 5_000

// attemptsShown bounds how many attempts of one delivery are shown: its last ones.
const attemptsShown = 200

// DeliveryFilter narrows a delivery log; zero values do not.
type DeliveryFilter struct {
	Status         string // pending, sending, delivered, failed or cancelled
	Event          string // a type
	ConversationID *uuid.UUID
	Since          *time.Time
}

// deliveryRow is a row of the deliveries table as the log reads it.
type deliveryRow struct {
	ID             uuid.UUID
	TenantID       uuid.UUID
	SubscriptionID uuid.UUID
	EventID        uuid.UUID
	EventType      string
	ConversationID *uuid.UUID
	State          DeliveryState
	Attempts       int
	DueAt          time.Time
	Failure        *string
	CreatedAt      time.Time
	FinishedAt     *time.Time
}

// TableName implements GORM's interface for table names.
func (deliveryRow) TableName() string { return "deliveries" }

// Wire is the delivery's JSON shape.
func (d deliveryRow) Wire() wire.Delivery {
	out := wire.Delivery{
		ID: d.ID, WebhookID: d.SubscriptionID, EventID: d.EventID, Event: d.EventType, ConversationID: d.ConversationID,
		Status: string(d.State), Attempts: d.Attempts, Reason: d.Failure,
		CreatedAt: wire.At(d.CreatedAt), FinishedAt: wire.AtPtr(d.FinishedAt),
	}
	switch d.State {
	case DeliveryLeased:
		out.Status = deliverySending
	case DeliveryPending:
		out.NextAttemptAt = wire.AtPtr(&d.DueAt)
	}
	return out
}

// loggedRow is a line of the log: a delivery with its last attempt, and how far the call has looked.
type loggedRow struct {
	Delivery deliveryRow `gorm:"embedded;embeddedPrefix:d_"`
	Attempt  Attempt     `gorm:"embedded;embeddedPrefix:a_"`
	Seen     int
	Furthest *uuid.UUID
}

// Deliveries is the log of a webhook's deliveries, the newest first, and the cursor of the next page, empty at the end.
// With a filter a page can have fewer deliveries than asked for, or none, and still not be the last: a call looks through
// 5,000 at most. Errors: WEBHOOKS_DISABLED, NOT_FOUND, VALIDATION_FAILED for a cursor that is not of this list.
func (s *Store) Deliveries(
	ctx context.Context, tenantID, subscription uuid.UUID, f DeliveryFilter, page postgres.Page,
) ([]wire.Delivery, string, error) {
	const sort = "-deliveries"
	at, err := page.After(sort)
	if err != nil {
		return nil, "", err
	}
	sub, err := s.read(ctx, tenantID, subscription)
	if err != nil {
		return nil, "", err
	}
	low, high, err := s.logRange(ctx, tenantID, f)
	if err != nil {
		return nil, "", err
	}
	if at != nil {
		high = at.ID
	}
	var rows []loggedRow
	query, args := logQuery(sub, f, low, high, page.Size()+1)
	if err := s.db.Lists.WithContext(ctx).Raw(query, args...).Scan(&rows).Error; err != nil {
		return nil, "", postgres.Doing(postgres.ListError(ctx, err, "since", "status", "conversationId"), "list deliveries")
	}
	var end *uuid.UUID
	if rows[0].Seen == logWindow { // there is always a row, if only to say how far the call has looked
		end = rows[0].Furthest
	}
	found := []wire.Delivery{}
	for _, r := range rows {
		if r.Delivery.ID == uuid.Nil {
			continue
		}
		if len(found) == page.Size() {
			end = &found[len(found)-1].ID
			break
		}
		d := r.Delivery.Wire()
		if r.Attempt.ID != uuid.Nil {
			last := r.Attempt.Wire()
			d.LastAttempt = &last
		}
		found = append(found, d)
	}
	if end == nil {
		return found, "", nil
	}
	return found, page.Next(postgres.Position{ID: *end, Sort: sort}), nil
}

// logRange is the range of ids, which begin with a time, in which the deliveries can be that a filter asks for.
// A conversation's deliveries are made from its creation on, with its changes.
func (s *Store) logRange(ctx context.Context, tenantID uuid.UUID, f DeliveryFilter) (low, high uuid.UUID, err error) {
	high = uuid.Max
	if f.ConversationID != nil {
		var c struct{ CreatedAt, UpdatedAt time.Time }
		err := s.db.Main.WithContext(ctx).Table("conversations").Select("created_at", "updated_at").
			Take(&c, "tenant_id = ? AND id = ?", tenantID, *f.ConversationID).Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return low, low, nil // it has no deliveries
		case err != nil:
			return low, high, postgres.Doing(err, "read conversation %s", *f.ConversationID)
		}
		low, high = ident.Floor(c.CreatedAt), ident.Floor(c.UpdatedAt.Add(deliverySpread))
	}
	if f.Since != nil {
		if since := ident.Floor(*f.Since); since.String() > low.String() {
			low = since
		}
	}
	return low, high, nil
}

// logQuery reads a page. What is looked through comes from the index that fits the status: of the few that are pending or
// have failed, none is missed among the many that were delivered.
func logQuery(sub Subscription, f DeliveryFilter, low, high uuid.UUID, limit int) (string, []any) {
	const mine = `tenant_id = @tenant AND subscription_id = @subscription AND id >= @low AND id < @high`
	newest := ` ORDER BY id DESC LIMIT ` + strconv.Itoa(logWindow) // a literal: see claimLimit
	from := `SELECT * FROM deliveries WHERE ` + mine
	switch f.Status {
	case string(DeliveryPending):
		pending := from + ` AND state = 'pending' AND `
		from = `SELECT * FROM ((` + pending + `shard = @shard AND attempts = 0` + newest + `) UNION ALL
			(` + pending + `attempts > 0` + newest + `)) p`
	case string(DeliveryFailed), string(DeliveryCancelled):
		from += ` AND state IN ('failed', 'cancelled')`
	case deliverySending:
		from += ` AND state = 'leased'`
	}
	where := `true`
	if f.Status != "" {
		where += ` AND state = @state`
	}
	if f.Event != "" {
		where += ` AND event_type = @event`
	}
	if f.ConversationID != nil {
		where += ` AND conversation_id = @conversation`
	}
	state := f.Status
	if state == deliverySending {
		state = string(DeliveryLeased)
	}
	return `WITH seen AS MATERIALIZED (` + from + newest + `)
		SELECT t.seen, t.furthest, ` + postgres.Columns[deliveryRow]("d", "d_") + `, ` + postgres.Columns[Attempt]("a", "a_") + `
		FROM (SELECT count(*) AS seen, (SELECT id FROM seen ORDER BY id LIMIT 1) AS furthest FROM seen) t
		LEFT JOIN (SELECT * FROM seen WHERE ` + where + ` ORDER BY id DESC LIMIT @limit) d ON true
		LEFT JOIN LATERAL (SELECT * FROM attempts WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1) a ON true
		ORDER BY d.id DESC`, []any{map[string]any{
			"tenant": sub.TenantID, "subscription": sub.ID, "low": low, "high": high, "shard": sub.Shard,
			"state": state, "event": f.Event, "conversation": f.ConversationID, "limit": limit,
		}}
}

// Delivery is one delivery with its attempts and its payload.
// Errors: WEBHOOKS_DISABLED, NOT_FOUND, also for another webhook's; those of may, as Redeliver.
func (s *Store) Delivery(
	ctx context.Context, tenantID, subscription, id uuid.UUID, may account.EventCheck,
) (wire.DeliveryDetail, error) {
	sub, err := s.read(ctx, tenantID, subscription)
	if err != nil {
		return wire.DeliveryDetail{}, err
	}
	db := s.db.Lists.WithContext(ctx)
	var d deliveryRow
	err = db.Take(&d, "id = ? AND tenant_id = ? AND subscription_id = ?", id, tenantID, subscription).Error
	if err != nil {
		return wire.DeliveryDetail{}, postgres.NotFound(err, "delivery", id)
	}
	if err := may.Check(append(slices.Clone(sub.Events), d.EventType)...); err != nil {
		return wire.DeliveryDetail{}, err
	}
	var attempts []Attempt
	err = db.Raw(`SELECT * FROM (SELECT * FROM attempts WHERE delivery_id = ? ORDER BY id DESC LIMIT ?) a ORDER BY id`,
		id, attemptsShown).Scan(&attempts).Error
	if err != nil {
		return wire.DeliveryDetail{}, postgres.Doing(err, "read the attempts of delivery %s", id)
	}
	out := wire.DeliveryDetail{Delivery: d.Wire(), AttemptLog: []wire.Attempt{}}
	for _, a := range attempts {
		shown := a.Wire()
		shown.RequestHeaders = requestHeaders(sub, d.EventID, d.EventType, d.ID, a.Number, a.StartedAt)
		out.AttemptLog = append(out.AttemptLog, shown)
		last := a.Wire()
		out.LastAttempt = &last
	}
	var event struct{ Payload *string }
	err = db.Raw(`SELECT payload FROM events WHERE id = ? AND tenant_id = ?`, d.EventID, tenantID).Scan(&event).Error
	if event.Payload != nil {
		out.Payload = json.RawMessage(*event.Payload)
	}
	return out, postgres.Doing(err, "read the event of delivery %s", id)
}

// hidden stands for a value that is not shown: of a signature, or of a custom header.
const hidden = "[hidden]"

// requestHeaders are the headers of an attempt. They follow from what the attempt was about, so they need not be kept;
// of custom headers, only the names that the webhook has now can be told.
func requestHeaders(
	sub Subscription, eventID uuid.UUID, event string, delivery uuid.UUID, number int, at time.Time,
) map[string]string {
	custom := make(map[string]string, len(sub.HeaderNames))
	for _, name := range sub.HeaderNames {
		custom[name] = hidden
	}
	h := target.Sendable(custom) // as the sender leaves out what is refused by now
	maps.Copy(h, map[string]string{
		"Content-Type":            "application/json",
		signature.HeaderID:        eventID.String(),
		signature.HeaderTimestamp: strconv.FormatInt(at.Unix(), 10),
		signature.HeaderStandard:  hidden,
		"X-Atender-Event":         event,
		"X-Atender-Delivery":      delivery.String(),
		"X-Atender-Attempt":       strconv.Itoa(number),
	})
	if sub.Signing != SigningEd25519 {
		h[signature.HeaderAtender] = hidden
	}
	return h
}
