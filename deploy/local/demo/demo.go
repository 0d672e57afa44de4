// Package demo fills a fresh local stack with a small shop's support desk: agents of every role, teams, opening hours, an
// SLA policy, a tool dock, and conversations in every state, so that there is something to look at and to call.
package demo

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Seed makes the tenant, its keys and webhooks, and at the first start the demo's data. Later starts go on with what is
// there by then; only the dock follows its page when that has moved.
func Seed(ctx context.Context, s local.Seeding) (local.Seeded, error) {
	seeded, err := local.SeedTenant(ctx, s)
	if err != nil {
		return seeded, err
	}
	d := desk{store: s.Store, tenant: seeded.TenantID, importer: wire.Actor{Type: wire.ActorSystem, Name: "Demo"}}
	if seeded.TenantID == s.Before.TenantID {
		return d.moveDock(ctx, seeded, s.SampleDockURL)
	}
	for _, part := range []struct {
		what string
		make func(context.Context) error
	}{
		{"agents and teams", d.staff}, {"opening hours and SLA", d.promises}, {"contacts and tags", d.records},
	} {
		if err := part.make(ctx); err != nil {
			return seeded, fmt.Errorf("demo %s: %w", part.what, err)
		}
	}
	seeded.OwnerID = d.owner.ID
	dock, err := d.dock(ctx, s.SampleDockURL)
	if err != nil {
		return seeded, fmt.Errorf("demo dock: %w", err)
	}
	seeded.DockID, seeded.DockURL = dock.ID, s.SampleDockURL
	for _, c := range stories() {
		if err := d.play(ctx, c); err != nil {
			return seeded, fmt.Errorf("demo conversation %s: %w", c.reference, err)
		}
	}
	return seeded, nil
}

// desk is the shop's, with who works there.
type desk struct {
	store    *models.Store
	tenant   uuid.UUID
	owner    account.Agent
	lead     account.Agent
	agent    account.Agent
	support  account.Team
	billing  account.Team
	importer wire.Actor
}

func (d *desk) staff(ctx context.Context) (err error) {
	var reader, analyst account.Agent // who have nothing to do in the stories
	for _, a := range []struct {
		agent *account.Agent
		in    account.NewAgent
	}{
		{&d.owner, account.NewAgent{Name: "Olivia Owner", Email: "olivia@demo.example", Role: account.RoleOwner}},
		{&d.lead, account.NewAgent{Name: "Liam Lead", Email: "liam@demo.example", Role: account.RoleLead}},
		{&d.agent, account.NewAgent{Name: "Ava Agent", Email: "ava@demo.example", Role: account.RoleAgent}},
		{&reader, account.NewAgent{Name: "Rasmus Reader", Email: "rasmus@demo.example", Role: account.RoleReader}},
		{&analyst, account.NewAgent{Name: "Anna Analyst", Email: "anna@demo.example", Role: account.RoleAnalytics}},
	} {
		if *a.agent, err = d.store.Accounts.CreateAgent(ctx, d.tenant, a.in); err != nil {
			return err
		}
	}
	d.support, err = d.store.Accounts.CreateTeam(ctx, d.tenant, account.NewTeam{
		Name: "Support", Description: "Orders and deliveries", MemberIDs: []uuid.UUID{d.lead.ID, d.agent.ID},
	})
	if err != nil {
		return err
	}
	d.billing, err = d.store.Accounts.CreateTeam(ctx, d.tenant, account.NewTeam{
		Name: "Billing", Description: "Refunds and invoices", MemberIDs: []uuid.UUID{d.lead.ID},
	})
	return err
}

// records are contacts and tags that no conversation has.
func (d *desk) records(ctx context.Context) error {
	for _, name := range []string{"complaint", "feedback", "wholesale"} {
		if _, err := d.store.Tags.Create(ctx, d.tenant, name); err != nil {
			return err
		}
	}
	email, name, phone := "purchasing@hotel.example", "Hotel Havnen", "+4533112233"
	_, err := d.store.Contacts.Create(ctx, d.tenant, d.importer, contact.Input{
		Email: &email, Name: &name, Phone: &phone, CustomFields: map[string]any{"customer_since": "2019", "tier": "gold"},
	})
	return err
}

// dock makes the dock whose page is the sample's. What goes out to a customer asks the agent first.
func (d *desk) dock(ctx context.Context, url string) (wire.Dock, error) {
	icon, confirm := "↩", []string{"sendMessage"}
	return d.store.Docks.Create(ctx, d.tenant, dock.NewDock{
		Name: "Refunds", URL: url, Update: dock.Update{Icon: &icon, Confirm: &confirm},
	})
}

// moveDock lets the dock follow its page, whose port may be another than at the last start. What the user has made of
// the dock meanwhile is theirs, deletion included.
func (d *desk) moveDock(ctx context.Context, seeded local.Seeded, url string) (local.Seeded, error) {
	if seeded.DockID == uuid.Nil || seeded.DockURL == url {
		return seeded, nil
	}
	stored, err := d.store.Docks.Get(ctx, d.tenant, seeded.DockID)
	if err == nil && stored.URL == seeded.DockURL {
		_, err = d.store.Docks.Update(ctx, d.tenant, seeded.DockID, dock.Update{URL: &url})
	}
	if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
		err = nil
	}
	if err == nil {
		seeded.DockURL = url
	}
	return seeded, err
}
