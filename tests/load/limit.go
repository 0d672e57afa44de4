package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/wire"
)

// limitSetting is where the bare transactions write: a tenant of their own, with the same subscription as the run's.
type limitSetting struct {
	tenant uuid.UUID
	actor  wire.Actor
	store  *models.Store
	rec    *recorder
}

// recordedNumber is the conversation number of what is recorded: one that appears nowhere else in its arguments, so
// that it can be told from them; numbers of repetitions follow far behind.
const recordedNumber = 700_000_001

// limitWarmup is how many bare transactions run before those that are measured: statements get prepared.
const limitWarmup = 100

func (b *bench) openLimit(ctx context.Context, event string) (*limitSetting, error) {
	live, _, err := b.store.Accounts.CreateTenant(ctx, account.NewTenant{Name: "Load, limit"})
	if err != nil {
		return nil, err
	}
	l := &limitSetting{tenant: live.ID, rec: &recorder{}}
	actor := uuid.New()
	l.actor = wire.Actor{Type: wire.ActorAPIKey, ID: &actor, Name: "load"}
	_, err = b.db.Exec(ctx, `UPDATE conversation_numbers SET next = $2 WHERE tenant_id = $1`, l.tenant, recordedNumber)
	if err != nil {
		return nil, err
	}
	if b.p.Subscriptions == 1 {
		if err := b.subscribe(ctx, l.tenant, limitScope, 0, nil, event); err != nil {
			return nil, err
		}
	}
	if err := b.copyTables(ctx, copies...); err != nil {
		return nil, err
	}
	l.store, err = b.openStore(ctx, l.rec)
	return l, err
}

// copyTables makes empty copies of tables, with their indexes and defaults; partitioned ones have one partition.
func (b *bench) copyTables(ctx context.Context, tables ...string) error {
	sql := `CREATE SCHEMA IF NOT EXISTS ` + copySchema + `;`
	for _, table := range tables {
		var partitioned bool
		err := b.db.QueryRow(ctx, `SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass($1)`, table).Scan(&partitioned)
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		name := copySchema + "." + table
		sql += ` DROP TABLE IF EXISTS ` + name + `; CREATE TABLE ` + name + ` (LIKE ` + table + ` INCLUDING ALL)`
		if partitioned {
			sql += ` PARTITION BY RANGE (id); CREATE TABLE ` + name + `_all PARTITION OF ` + name + ` DEFAULT`
		}
		sql += `;`
	}
	_, err := b.db.Exec(ctx, sql)
	return err
}

func newConversation(reference string) conversation.NewConversation {
	text := filler
	return conversation.NewConversation{
		ExternalReference: reference, Subject: "Where is my order?", Channel: "email",
		Contact: conversation.NewContact{Email: reference + "@customers.example", Name: "Load Customer"},
		Message: &conversation.FirstMessage{Text: &text},
	}
}

// create makes a conversation through the store, in the limit's tenant.
func (l *limitSetting) create(ctx context.Context, reference string) (conversation.Conversation, error) {
	return l.store.Conversations.Create(ctx, l.tenant, l.actor, newConversation(reference))
}

// limitCreate measures creations as bare transactions.
func (b *bench) limitCreate(ctx context.Context) error {
	l, err := b.openLimit(ctx, "conversation.created")
	if err != nil {
		return err
	}
	defer l.store.Close()
	// The first takes a block of numbers, and has its statements prepared; the second is like all others.
	if _, err := l.create(ctx, reference("first", 0)); err != nil {
		return err
	}
	model := reference("model", 0)
	var made conversation.Conversation
	recorded, err := l.rec.record(func() (err error) {
		made, err = l.create(ctx, model)
		return err
	})
	if err != nil {
		return err
	}
	t, err := newTemplate(recorded, l.tenant, *l.actor.ID)
	if err != nil {
		return err
	}
	b.report.RoundTrips = t.roundTrips
	at := time.Now()
	return b.measureLimit(ctx, func(i int) ([]statement, error) {
		return t.repeat(at.Add(time.Duration(i)*time.Millisecond), map[string]string{model: reference("limit", i)}, nil,
			map[int64]int64{made.Number: made.Number + 1_000_000 + int64(i)})
	})
}

// limitMessages measures messages as bare transactions, over as many conversations as the run has.
func (b *bench) limitMessages(ctx context.Context) error {
	l, err := b.openLimit(ctx, "message.sent")
	if err != nil {
		return err
	}
	defer l.store.Close()
	pool := make([]conversation.Conversation, b.p.Conversations)
	for i := range pool {
		if pool[i], err = l.create(ctx, reference("limit", i)); err != nil {
			return err
		}
	}
	text := "model-000000 " + filler
	post := func() error {
		_, err := l.store.Conversations.PostMessage(ctx, l.tenant, pool[0].ID, l.actor,
			conversation.NewMessage{Direction: conversation.Outbound, Text: &text})
		return err
	}
	if err := post(); err != nil { // the first reply also engages, as the warm-up's do
		return err
	}
	recorded, err := l.rec.record(post)
	if err != nil {
		return err
	}
	t, err := newTemplate(recorded, l.tenant, *l.actor.ID, pool[0].ID, pool[0].ContactID)
	if err != nil {
		return err
	}
	b.report.RoundTrips = t.roundTrips
	at := time.Now()
	return b.measureLimit(ctx, func(i int) ([]statement, error) {
		c := pool[i%len(pool)]
		return t.repeat(at.Add(time.Duration(i)*time.Millisecond),
			map[string]string{"model-000000": fmt.Sprintf("limit-%06d", i)}, map[uuid.UUID]uuid.UUID{pool[0].ID: c.ID}, nil)
	})
}

// measureLimit runs bare transactions, prepared beforehand, with the run's concurrency, and reports their rate.
func (b *bench) measureLimit(ctx context.Context, prepare func(i int) ([]statement, error)) error {
	if err := b.quiet(ctx); err != nil {
		return err
	}
	n := limitWarmup + b.p.LimitN
	progress("limit: %d bare transactions", b.p.LimitN)
	transactions, errs := make([][]statement, n), make([]error, n)
	for i := range transactions {
		var err error
		if transactions[i], err = prepare(i); err != nil {
			return err
		}
	}
	bare := func(from, to int) error {
		each(to-from, b.p.Concurrency, func(i int) { errs[from+i] = b.transaction(ctx, transactions[from+i]) })
		return errors.Join(errs[from:to]...)
	}
	if err := bare(0, limitWarmup); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	started := time.Now()
	if err := bare(limitWarmup, n); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	b.report.setLimit(float64(b.p.LimitN) / time.Since(started).Seconds())
	return nil
}

// transaction sends statements one after the other, each with a round trip of its own, as GORM does.
func (b *bench) transaction(ctx context.Context, statements []statement) error {
	return pgx.BeginFunc(ctx, b.db, func(tx pgx.Tx) error {
		for _, s := range statements {
			rows, err := tx.Query(ctx, s.sql, s.args...)
			if err != nil {
				return err
			}
			rows.Close()
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
}
