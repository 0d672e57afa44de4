package demo

import (
	"context"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
)

// story is one conversation and what happened in it.
type story struct {
	reference, subject, channel string
	contact                     models.NewContact
	message                     string
	html                        *string
	tags                        []string
	customFields                map[string]any
	then                        func(ctx context.Context, d *desk, id uuid.UUID) error
}

func (d *desk) play(ctx context.Context, s story) error {
	c, err := d.store.CreateConversation(ctx, d.tenant, d.importer, models.NewConversation{
		ExternalReference: s.reference, Subject: s.subject, Channel: s.channel, Contact: s.contact,
		Message: &models.FirstMessage{Text: &s.message, HTML: s.html}, Tags: s.tags, CustomFields: s.customFields,
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

func (d *desk) note(ctx context.Context, by models.Agent, id uuid.UUID, text string) error {
	_, err := d.store.PostMessage(ctx, d.tenant, id, by.Actor(nil), models.NewMessage{Direction: models.Note, Text: &text})
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
