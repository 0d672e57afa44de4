package webhook

import (
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
)

// Subject says what a statement knows of the conversations that its events are about, as filters of subscriptions see them:
// expressions of SQL.
type Subject struct {
	join                  string // joins the conversation of the event e; empty where all events are about one
	channel, tags, teamID string
}

// About is the conversation that all events of a statement are about.
func About(st *postgres.Statement, channel string, tags []string, teamID *uuid.UUID) Subject {
	return Subject{
		channel: st.Arg(channel) + `::text`, tags: st.Arg(postgres.Texts(tags)) + `::text[]`, teamID: st.Arg(teamID) + `::uuid`,
	}
}

// AboutRows are the conversations of a common table expression: each event is about the one whose id it has, if any.
func AboutRows(conversations string) Subject {
	return Subject{
		join:    `LEFT JOIN ` + conversations + ` about ON about.tenant_id = e.tenant_id AND about.id = e.conversation_id`,
		channel: `about.channel`, tags: `about.tags`, teamID: `about.team_id`,
	}
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
		SELECT `+ident.SQL(st.Arg(ident.Tick(at))+`::bigint`, `e.ord`)+`, e.tenant_id, s.id, e.id, e.type,
			e.conversation_id, `+feed.Seq(`coalesce(e.version, 0)`, `e.place`)+`, s.shard,
			s.ordering = 'conversation' AND e.conversation_id IS NOT NULL, 'pending', `+events.At+`, `+events.At+`
		FROM `+events.Rows+` e `+about.join+`
			JOIN tenants t ON t.id = e.tenant_id AND t.webhooks_enabled
			JOIN subscriptions s ON s.tenant_id = e.tenant_id AND s.is_active AND s.deleted_at IS NULL
				AND s.events && ARRAY['*', e.type]
				AND (NOT s.has_filter OR e.conversation_id IS NOT NULL
					AND (s.filter_channels = '{}' OR `+about.channel+` = ANY (s.filter_channels))
					AND (s.filter_tags = '{}' OR s.filter_tags && `+about.tags+`)
					AND (s.filter_team_ids = '{}' OR `+about.teamID+` = ANY (s.filter_team_ids)))
		RETURNING shard`)
	return `(SELECT coalesce(array_agg(DISTINCT shard::int), '{}') FROM delivery)`
}
