package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/webhook"
)

// Seeding is what the demo needs to know of the stack.
type Seeding struct {
	Store         *models.Store // of the migrated database, with webhooks to loopback and docks there allowed
	ReceiverURL   string        // where the demo's webhook points
	SampleDockURL string        // the page of the demo's dock
	// Before is what an earlier start has made; zero at the first. Keys and secrets are only known when they are made.
	Before Seeded
}

// Seeded is what the demo has made: what people and scripts need to use it. It is kept in the stack's state.
type Seeded struct {
	TenantID      uuid.UUID `json:"tenantId"` // of production; the sandbox twin belongs to SandboxAPIKey
	APIKey        string    `json:"apiKey"`
	SandboxAPIKey string    `json:"sandboxApiKey"`
	OwnerID       uuid.UUID `json:"ownerId,omitzero"` // the agent who gets a sign-in link at each start
	DockID        uuid.UUID `json:"dockId,omitzero"`  // whose page is the sample dock
	DockURL       string    `json:"dockUrl,omitempty"`
	Webhooks      []Webhook `json:"webhooks"` // that point at the receiver
}

// Webhook is a subscription that points at the receiver, which verifies by its secret.
type Webhook struct {
	TenantID uuid.UUID `json:"tenantId"`
	ID       uuid.UUID `json:"id"`
	URL      string    `json:"url"`
	Secret   string    `json:"secret"`
}

func (s Seeded) secrets() []string {
	secrets := make([]string, len(s.Webhooks))
	for i, w := range s.Webhooks {
		secrets[i] = w.Secret
	}
	return secrets
}

// SeedTenant makes what the stack cannot do without: a tenant, a key with all scopes for it and one for its sandbox, and in
// both a webhook for all events that points at the receiver. Once made it stays; only the webhooks follow the receiver when
// its port has moved.
func SeedTenant(ctx context.Context, s Seeding) (Seeded, error) {
	_, err := s.Store.Accounts.Tenant(ctx, s.Before.TenantID)
	if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
		return makeTenant(ctx, s)
	}
	if err != nil {
		return Seeded{}, err
	}
	seeded := s.Before
	for i, w := range seeded.Webhooks {
		if w.URL == s.ReceiverURL {
			continue
		}
		_, err := s.Store.Webhooks.Update(ctx, w.TenantID, w.ID, webhook.SubscriptionUpdate{URL: &s.ReceiverURL})
		if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
			continue // the user has deleted it, which is theirs to do
		}
		if err != nil {
			return Seeded{}, err
		}
		seeded.Webhooks[i].URL = s.ReceiverURL
	}
	return seeded, nil
}

func makeTenant(ctx context.Context, s Seeding) (Seeded, error) {
	live, sandbox, err := s.Store.Accounts.CreateTenant(ctx, account.NewTenant{Name: "Demo"})
	if err != nil {
		return Seeded{}, err
	}
	seeded := Seeded{TenantID: live.ID}
	for _, one := range []struct {
		tenant account.Tenant
		key    *string
	}{{live, &seeded.APIKey}, {sandbox, &seeded.SandboxAPIKey}} {
		_, *one.key, err = s.Store.Keys.Create(ctx, one.tenant.ID, account.NewKey{
			Name: "local stack", Description: "Made by atender dev; it is in its ready.json.",
			Scopes: []string{"full_access"}, Tier: "custom",
		})
		if err != nil {
			return Seeded{}, err
		}
		hook, err := s.Store.Webhooks.Create(ctx, one.tenant.ID, webhook.NewSubscription{
			Name: "Built-in receiver", URL: s.ReceiverURL, Events: []string{"*"},
			Description: "Shows what arrives on the local stack's receiver page.",
		})
		if err != nil {
			return Seeded{}, err
		}
		if hook.Secret == nil {
			return Seeded{}, errors.New("a new webhook came without its secret")
		}
		seeded.Webhooks = append(seeded.Webhooks,
			Webhook{TenantID: one.tenant.ID, ID: hook.ID, URL: s.ReceiverURL, Secret: *hook.Secret})
	}
	return seeded, nil
}

// seed opens the database, has the demo made and keeps what it says.
func (d *dev) seed(ctx context.Context) error {
	keys, err := seal.ParseKeyring(d.state.SecretKeys)
	if err != nil {
		return err
	}
	store, err := models.Open(ctx, models.Options{
		URL: d.databaseURL, MaxConns: 4, Keys: keys, Logger: d.log, Targets: webhookPolicy(),
		Docks: dockurl.Policy{AllowLoopbackHTTP: true, Host: d.publicURL()},
	})
	if err != nil {
		return err
	}
	defer store.Close()
	d.state.Seeded, err = d.o.Seed(ctx, Seeding{
		Store: store, ReceiverURL: d.receiverURL() + "/hooks", SampleDockURL: d.sampleDockURL(), Before: d.state.Seeded,
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := d.makeSignIn(ctx, store); err != nil {
		return fmt.Errorf("sign-in link: %w", err)
	}
	return d.state.save()
}

// signInLife is how long the sign-in link of a start can be used: only its user sees what the stack says.
const signInLife = 7 * 24 * time.Hour

// makeSignIn makes a link that signs the demo's owner in to the console.
func (d *dev) makeSignIn(ctx context.Context, store *models.Store) error {
	seeded := d.state.Seeded
	if seeded.OwnerID == uuid.Nil {
		return nil
	}
	secret, err := store.SignIns.CreateLink(ctx, seeded.TenantID, seeded.OwnerID, signInLife)
	if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
		return nil // the user has deactivated the owner, which is theirs to do
	}
	d.signInURL = config.Public{PublicURL: d.publicURL()}.SignInURL(secret)
	return err
}
