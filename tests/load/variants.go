package main

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/atender/atender/models/account"
)

// otherTenant is one of further tenants that messages are spread over.
type otherTenant struct {
	id, keyID uuid.UUID
	key       string
}

// moreTenants makes those that --tenants asks for beside the first, each with a key of its own.
func (b *bench) moreTenants(ctx context.Context) error {
	if b.p.Tenants > 1 {
		progress("making %d more tenants", b.p.Tenants-1)
	}
	for range b.p.Tenants - 1 {
		t, err := b.newTenant(ctx)
		if err != nil {
			return err
		}
		b.others = append(b.others, t)
	}
	return nil
}

// newTenant makes a tenant with a key that may do everything, without a limit of its rate.
func (b *bench) newTenant(ctx context.Context) (t otherTenant, err error) {
	live, _, err := b.store.Accounts.CreateTenant(ctx, account.NewTenant{Name: "Load"})
	if err != nil {
		return t, err
	}
	made, key, err := b.store.Keys.Create(ctx, live.ID,
		account.NewKey{Name: "load", Scopes: []string{"full_access"}, Tier: "custom"})
	return otherTenant{live.ID, made.ID, key}, err
}

// tenants are the run's.
func (b *bench) tenants() []uuid.UUID {
	all := []uuid.UUID{b.tenant}
	for _, t := range b.others {
		all = append(all, t.id)
	}
	return all
}

// keyOf is the API key for the i-th conversation: the tenants take turns. It is empty for the first, whose key the
// publisher has.
func (b *bench) keyOf(i int) string {
	if i %= len(b.others) + 1; i > 0 {
		return b.others[i-1].key
	}
	return ""
}

// message is one of the run's: as long as --payload asks for, and with an externalId if --keys does.
func (b *bench) message(key string, conversation uuid.UUID) (request, error) {
	text := filler
	if b.p.Payload > 0 {
		text = strings.Repeat(filler+" ", b.p.Payload/len(filler)+1)[:max(b.p.Payload-len(key)-1, 1)]
	}
	more := map[string]any{}
	if b.p.Keys == keysExternal {
		more["externalId"] = key
	}
	return message(key, conversation, text, more)
}

// once gives a request an Idempotency-Key of its own, if --keys asks for it.
func (b *bench) once(r *request) {
	if b.p.Keys == keysIdempotency {
		r.once = r.key + "-" + uuid.NewString()
	}
}
