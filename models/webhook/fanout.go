package webhook

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
)

// Subject is the conversation that events are about, as filters of subscriptions see it; zero for events about a contact.
type Subject struct {
	Channel string
	Tags    []string
	TeamID  *uuid.UUID
}

// deliveryColumns are those that a new delivery is made with.
const deliveryColumns = `(id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq, shard, ordered, state,
	due_at, created_at)`

// FanOut adds to the statement that adds events, at the given time, one delivery for each of them and each active
// subscription that is subscribed to its type and whose filter lets it through (P1.6); none while the tenant's webhooks are
// off, which the same statement reads (P4.10). It returns the expression of the shards that got deliveries, for
// outbox.TopicDeliveries.
func FanOut(st *postgres.Statement, events feed.Added, at time.Time, about Subject) (shards string) {
	st.With("delivery", `INSERT INTO deliveries `+deliveryColumns+`
		SELECT `+ident.SQL(st.Arg(ident.Tick(at))+`::bigint`, `e.ord`)+`, `+events.Tenant+`, s.id, e.id, e.type,
			e.conversation_id, `+feed.Seq(events.Version, `e.ord`)+`, s.shard,
			s.ordering = 'conversation' AND e.conversation_id IS NOT NULL, 'pending', `+events.At+`, `+events.At+`
		FROM `+events.Rows+` e JOIN subscriptions s ON s.tenant_id = `+events.Tenant+` AND s.is_active AND s.deleted_at IS NULL
			AND (SELECT webhooks_enabled FROM tenants WHERE id = `+events.Tenant+`) AND s.events && ARRAY['*', e.type]
			AND (NOT s.has_filter OR e.conversation_id IS NOT NULL
				AND (s.filter_channels = '{}' OR `+st.Arg(about.Channel)+` = ANY (s.filter_channels))
				AND (s.filter_tags = '{}' OR s.filter_tags && `+st.Arg(postgres.Texts(about.Tags))+`::text[])
				AND (s.filter_team_ids = '{}' OR `+st.Arg(about.TeamID)+`::uuid = ANY (s.filter_team_ids)))
		RETURNING shard`)
	return `(SELECT coalesce(array_agg(DISTINCT shard::int), '{}') FROM delivery)`
}
