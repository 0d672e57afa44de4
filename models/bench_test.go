package models_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
)

// BenchmarkWritePath measures the transactions of the write path without HTTP, from 16 goroutines.
func BenchmarkWritePath(b *testing.B) {
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(b, err)
	s, err := models.Open(context.Background(), models.Options{
		URL: deps.Database(b), Keys: keys, Logger: slog.New(slog.DiscardHandler),
		Targets: target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	tenant, _, err := s.Accounts.CreateTenant(b.Context(), account.NewTenant{Name: "Acme"})
	require.NoError(b, err)
	_, err = s.Webhooks.Create(b.Context(), tenant.ID, webhook.NewSubscription{
		Name: "r", URL: "http://127.0.0.1:9/", Events: []string{"*"},
	})
	require.NoError(b, err)
	var n atomic.Int64
	create := func() conversation.Conversation {
		c, err := s.Conversations.Create(b.Context(), tenant.ID, wire.System, conversation.NewConversation{
			ExternalReference: fmt.Sprint("r", n.Add(1)), Subject: "Where is my order?",
			Contact: conversation.NewContact{Email: fmt.Sprintf("c%d@example.com", n.Load())},
			Message: &conversation.FirstMessage{Text: text("It has not come.")},
		})
		if err != nil {
			b.Error(err)
		}
		return c
	}
	conversations := make([]conversation.Conversation, 200)
	for i := range conversations {
		conversations[i] = create()
	}
	b.Run("create", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				create()
			}
		})
	})
	b.Run("message", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c := conversations[n.Add(1)%int64(len(conversations))]
				_, err := s.Conversations.PostMessage(b.Context(), tenant.ID, c.ID, wire.System, conversation.NewMessage{
					Direction: conversation.Outbound, Text: text("On its way."),
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}
