// Package demo fills a fresh local stack with a small shop's support desk: agents, teams, and conversations in every
// state, so that there is something to look at and to call.
package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/wire"
)

// Seed makes the tenant, its keys and webhooks, and at the first start the demo's data.
func Seed(ctx context.Context, s local.Seeding) (local.Seeded, error) {
	seeded, err := local.SeedTenant(ctx, s)
	if err != nil || seeded.TenantID == s.Before.TenantID {
		return seeded, err
	}
	d := desk{store: s.Store, tenant: seeded.TenantID}
	if err := d.staff(ctx); err != nil {
		return seeded, fmt.Errorf("demo agents: %w", err)
	}
	seeded.OwnerID = d.owner.ID
	for _, c := range conversations {
		if err := d.play(ctx, c); err != nil {
			return seeded, fmt.Errorf("demo conversation %s: %w", c.reference, err)
		}
	}
	return seeded, nil
}

type desk struct {
	store    *models.Store
	tenant   uuid.UUID
	owner    models.Agent
	lead     models.Agent
	agent    models.Agent
	support  models.Team
	billing  models.Team
	importer wire.Actor
}

func (d *desk) staff(ctx context.Context) (err error) {
	for _, a := range []struct {
		agent *models.Agent
		in    models.NewAgent
	}{
		{&d.owner, models.NewAgent{Name: "Olivia Owner", Email: "olivia@demo.example", Role: models.RoleOwner}},
		{&d.lead, models.NewAgent{Name: "Liam Lead", Email: "liam@demo.example", Role: models.RoleLead}},
		{&d.agent, models.NewAgent{Name: "Ava Agent", Email: "ava@demo.example", Role: models.RoleAgent}},
	} {
		if *a.agent, err = d.store.CreateAgent(ctx, d.tenant, a.in); err != nil {
			return err
		}
	}
	d.support, err = d.store.CreateTeam(ctx, d.tenant, models.NewTeam{
		Name: "Support", Description: "Orders and deliveries", MemberIDs: []uuid.UUID{d.lead.ID, d.agent.ID},
	})
	if err != nil {
		return err
	}
	d.billing, err = d.store.CreateTeam(ctx, d.tenant, models.NewTeam{
		Name: "Billing", Description: "Refunds and invoices", MemberIDs: []uuid.UUID{d.lead.ID},
	})
	d.importer = wire.Actor{Type: wire.ActorSystem, Name: "Demo"}
	return err
}

// story is one conversation and what happened in it.
type story struct {
	reference, subject, channel string
	contact                     models.NewContact
	message                     string
	tags                        []string
	customFields                map[string]any
	then                        func(ctx context.Context, d *desk, id uuid.UUID) error
}

func (d *desk) play(ctx context.Context, s story) error {
	c, err := d.store.CreateConversation(ctx, d.tenant, d.importer, models.NewConversation{
		ExternalReference: s.reference, Subject: s.subject, Channel: s.channel, Contact: s.contact,
		Message: &models.FirstMessage{Text: &s.message}, Tags: s.tags, CustomFields: s.customFields,
		Metadata: map[string]any{"source": "demo"},
	})
	if err != nil || s.then == nil {
		return err
	}
	return s.then(ctx, d, c.ID)
}

func (d *desk) do(ctx context.Context, by models.Agent, id uuid.UUID, cmds ...models.Command) error {
	_, err := d.store.Change(ctx, d.tenant, id, by.Actor(nil), cmds...)
	return err
}

func (d *desk) reply(ctx context.Context, by models.Agent, id uuid.UUID, text string, resolve bool) error {
	_, err := d.store.PostMessage(ctx, d.tenant, id, by.Actor(nil), models.NewMessage{
		Direction: models.Outbound, Text: &text, Resolve: resolve,
	})
	return err
}

func (d *desk) customer(ctx context.Context, id uuid.UUID, text string) error {
	_, err := d.store.PostMessage(ctx, d.tenant, id, d.importer, models.NewMessage{Direction: models.Inbound, Text: &text})
	return err
}

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var conversations = []story{
	{
		reference: "demo-1001", subject: "Where is my order 4521?", channel: "email",
		contact: models.NewContact{Email: "noor@customers.example", Name: "Noor Haddad", Phone: "+4520123456"},
		message: "Hello, my order 4521 should have arrived on Monday. Can you see where it is?",
		tags:    []string{"delivery"}, customFields: map[string]any{"order_id": "4521"},
	},
	{
		reference: "demo-1002", subject: "The lamp arrived broken", channel: "webchat",
		contact: models.NewContact{Email: "mateo@customers.example", Name: "Mateo Silva"},
		message: "The glass is in pieces. I have photos.", tags: []string{"damage", "vip"},
		customFields: map[string]any{"order_id": "4498"},
		then: func(ctx context.Context, d *desk, id uuid.UUID) error {
			return first(
				func() error {
					return d.do(
						ctx,
						d.lead,
						id,
						models.Assign{AssigneeID: models.Some(d.agent.ID), TeamID: models.Some(d.support.ID)},
					)
				},
				func() error {
					return d.reply(ctx, d.agent, id, "I am sorry about that. A new one leaves our warehouse today.", false)
				},
			)
		},
	},
	{
		reference: "demo-1003", subject: "Refund for the returned chair", channel: "email",
		contact: models.NewContact{Email: "ingrid@customers.example", Name: "Ingrid Berg"},
		message: "I sent the chair back last week. When will I see the money?", tags: []string{"refund"},
		then: func(ctx context.Context, d *desk, id uuid.UUID) error {
			return first(
				func() error { return d.do(ctx, d.lead, id, models.Assign{TeamID: models.Some(d.billing.ID)}) },
				func() error {
					return d.do(ctx, d.lead, id, models.Snooze{Until: time.Now().Add(24 * time.Hour)})
				},
			)
		},
	},
	{
		reference: "demo-1004", subject: "Please call me back", channel: "phone",
		contact: models.NewContact{Email: "kwame@customers.example", Name: "Kwame Boateng", Phone: "+4531987654"},
		message: "Call me in a moment, I am on a train.",
		then: func(ctx context.Context, d *desk, id uuid.UUID) error { // wakes while somebody looks
			return d.do(ctx, d.agent, id, models.Snooze{Until: time.Now().Add(2 * time.Minute)})
		},
	},
	{
		reference: "demo-1005", subject: "Do you ship to the Faroe Islands?", channel: "messenger",
		contact: models.NewContact{Email: "rakul@customers.example", Name: "Rakul Joensen"},
		message: "And what would it cost?", tags: []string{"question"},
		then: func(ctx context.Context, d *desk, id uuid.UUID) error {
			return d.reply(ctx, d.agent, id, "We do, for 99 kr.", true)
		},
	},
	{
		reference: "demo-1006", subject: "Invoice for March", channel: "email",
		contact: models.NewContact{Email: "chen@customers.example", Name: "Chen Wei"},
		message: "Our accountant needs the invoice for March.", tags: []string{"invoice"},
		then: func(ctx context.Context, d *desk, id uuid.UUID) error { // archived, and continued by a successor
			return first(
				func() error { return d.reply(ctx, d.lead, id, "It is attached.", true) },
				func() error { return d.do(ctx, d.lead, id, models.Archive{}) },
				func() error { return d.customer(ctx, id, "Thank you. Could we have April, too?") },
			)
		},
	},
	{
		reference: "demo-1007", subject: "طلبي لم يصل بعد", channel: "whatsapp",
		contact: models.NewContact{Email: "layla@customers.example", Name: "ليلى منصور"},
		message: "مرحبا، هل يمكنكم التحقق من الطلب رقم ٤٥٣٠؟", tags: []string{"delivery"},
	},
}
