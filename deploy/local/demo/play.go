package demo

import (
	"context"

	"github.com/google/uuid"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
)

// story is one conversation and what happened in it.
type story struct {
	reference, subject, channel string
	contact                     contact.Identity
	message                     string
	html                        *string
	tags                        []string
	customFields                map[string]any
	then                        func(ctx context.Context, d *desk, id uuid.UUID) error
}

func (d *desk) play(ctx context.Context, s story) error {
	c, err := d.store.Conversations.Create(ctx, d.tenant, d.importer, conversation.NewConversation{
		ExternalReference: s.reference, Subject: s.subject, Channel: s.channel, Contact: s.contact,
		Message: &conversation.FirstMessage{Text: &s.message, HTML: s.html}, Tags: s.tags, CustomFields: s.customFields,
		Metadata: map[string]any{"source": "demo"},
	})
	if err != nil || s.then == nil {
		return err
	}
	return s.then(ctx, d, c.ID)
}

func (d *desk) do(ctx context.Context, by account.Agent, id uuid.UUID, cmds ...conversation.Command) error {
	_, err := d.store.Conversations.Change(ctx, d.tenant, id, by.Actor(nil), cmds...)
	return err
}

func (d *desk) reply(ctx context.Context, by account.Agent, id uuid.UUID, text string, resolve bool) error {
	_, err := d.store.Conversations.PostMessage(ctx, d.tenant, id, by.Actor(nil), conversation.NewMessage{
		Direction: conversation.Outbound, Text: &text, Resolve: resolve,
	})
	return err
}

func (d *desk) customer(ctx context.Context, id uuid.UUID, text string) error {
	_, err := d.store.Conversations.PostMessage(
		ctx,
		d.tenant,
		id,
		d.importer,
		conversation.NewMessage{Direction: conversation.Inbound, Text: &text},
	)
	return err
}

func (d *desk) note(ctx context.Context, by account.Agent, id uuid.UUID, text string) error {
	_, err := d.store.Conversations.PostMessage(
		ctx,
		d.tenant,
		id,
		by.Actor(nil),
		conversation.NewMessage{Direction: conversation.Note, Text: &text},
	)
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
