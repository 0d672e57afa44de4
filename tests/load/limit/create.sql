-- A creation (POST /v1/conversations/outbound with a contact of its own and one message), as the product sent it when the
-- limit was frozen: two statements between BEGIN and COMMIT, each with a round trip of its own. The format is described in
-- statement.go.

--: lock
--$ tenant
--$ null
--$ tenant
--$ text ${key}@customers.example
--$ true
--$ null
--$ text ${key}
--$ text email
--$ tenant
WITH known AS MATERIALIZED (SELECT * FROM contacts WHERE tenant_id = $1 AND external_id = $2 FOR NO KEY UPDATE),
    contact AS MATERIALIZED (SELECT * FROM contacts WHERE tenant_id = $3 AND email_key = $4 FOR NO KEY UPDATE)
SELECT ct.tenant_id AS ct_tenant_id, ct.id AS ct_id, ct.number AS ct_number, ct.name AS ct_name, ct.email AS
    ct_email, ct.email_key AS ct_email_key, ct.phone AS ct_phone, ct.external_id AS ct_external_id, ct.custom_fields
    AS ct_custom_fields, ct.created_at AS ct_created_at, ct.updated_at AS ct_updated_at, k.tenant_id AS
    known_tenant_id, k.id AS known_id, k.number AS known_number, k.name AS known_name, k.email AS known_email,
    k.email_key AS known_email_key, k.phone AS known_phone, k.external_id AS known_external_id, k.custom_fields AS
    known_custom_fields, k.created_at AS known_created_at, k.updated_at AS known_updated_at,
t.unknown_tags, t.time_version, clock_timestamp() AS now,
    CASE WHEN $5 THEN nextval('messages_number_seq') ELSE 0 END AS message_number,
    CASE WHEN coalesce(k.id, ct.id) IS NULL THEN nextval('contacts_number_seq') ELSE 0 END AS contact_number,
    (SELECT jsonb_object_agg(name, id) FROM tags WHERE tenant_id = t.id AND name = ANY($6::text[])) AS tag_ids,
    (SELECT id FROM conversations WHERE tenant_id = t.id AND external_reference = $7) AS existing,
    ch.enabled, ch.default_team_id
FROM tenants t JOIN channels ch ON ch.tenant_id = t.id AND ch.channel = $8 LEFT JOIN known k ON true LEFT JOIN
    contact ct ON true
WHERE t.id = $9

--: write
--$ tenant
--$ fresh 1
--$ int 42
--$ text Load Customer
--$ text ${key}@customers.example
--$ text ${key}@customers.example
--$ null
--$ null
--$ text {}
--$ now
--$ now
--$ tenant
--$ fresh 2
--$ number
--$ text ${key}
--$ text email
--$ text active
--$ text pending
--$ text Where is my order?
--$ null
--$ null
--$ texts
--$ text {}
--$ null
--$ null
--$ now
--$ null
--$ null
--$ now
--$ now
--$ null
--$ null
--$ null
--$ null
--$ fresh 1
--$ text {}
--$ int 1
--$ fresh 2
--$ null
--$ now
--$ now
--$ null
--$ null
--$ text []
--$ int 0
--$ null
--$ tenant
--$ fresh 2
--$ text active
--$ null
--$ null
--$ null
--$ now
--$ now
--$ tenant
--$ fresh 3
--$ int 224
--$ fresh 2
--$ fresh 2
--$ text inbound
--$ text I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.
--$ null
--$ text customer
--$ fresh 1
--$ text Load Customer
--$ false
--$ null
--$ now
--$ now
--$ text {}
--$ tenant
--$ fresh 2
--$ int 1
--$ now
--$ ids
--$ - fresh 4
--$ - fresh 5
--$ texts
--$ - created
--$ - message_received
--$ texts
--$ - {"type":"api_key","id":"${actor}","name":"load","via":null}
--$ - {"type":"customer","id":"${fresh 1}","name":"Load Customer","via":{"type":"api_key","id":"${actor}","name":"load"}}
--$ texts
--$ - {}
--$ - {"messageId":"${fresh 3}"}
--$ tenant
--$ now
--$ int 1
--$ ids
--$ - fresh 6
--$ - fresh 7
--$ - fresh 8
--$ texts
--$ - contact.created
--$ - conversation.created
--$ - message.received
--$ ids
--$ - null
--$ - fresh 2
--$ - fresh 2
--$ ids
--$ - fresh 1
--$ - null
--$ - null
--$ texts
--$ - {"event":"contact.created","tenantId":"${tenant}","timestamp":"${now}","data":{"contact":{"id":"${fresh 1}","number":42,"name":"Load Customer","email":"${key}@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${now}","updatedAt":"${now}"},"actor":{"type":"api_key","id":"${actor}","name":"load","via":null}}}
--$ - {"event":"conversation.created","tenantId":"${tenant}","timestamp":"${now}","data":{"conversation":{"id":"${fresh 2}","number":${number},"externalReference":"${key}","subject":"Where is my order?","channel":"email","status":"active","engagement":"pending","contact":{"id":"${fresh 1}","number":42,"name":"Load Customer","email":"${key}@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${now}","updatedAt":"${now}"},"assigneeId":null,"teamId":null,"tags":[],"customFields":{},"metadata":{},"snoozedUntil":null,"sla":null,"version":1,"previousConversationId":null,"createdAt":"${now}","updatedAt":"${now}","firstReplyAt":null,"lastMessageAt":"${now}","resolvedAt":null,"archivedAt":null},"actor":{"type":"api_key","id":"${actor}","name":"load","via":null}}}
--$ - {"event":"message.received","tenantId":"${tenant}","timestamp":"${now}","data":{"message":{"id":"${fresh 3}","number":224,"conversationId":"${fresh 2}","direction":"inbound","text":"I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.","html":null,"author":{"type":"customer","id":"${fresh 1}","name":"Load Customer"},"automated":false,"externalId":null,"sentAt":"${now}","createdAt":"${now}","metadata":{}},"conversation":{"id":"${fresh 2}","number":${number},"externalReference":"${key}","subject":"Where is my order?","channel":"email","status":"active","engagement":"pending","contact":{"id":"${fresh 1}","number":42,"name":"Load Customer","email":"${key}@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${now}","updatedAt":"${now}"},"assigneeId":null,"teamId":null,"tags":[],"customFields":{},"metadata":{},"snoozedUntil":null,"sla":null,"version":1,"previousConversationId":null,"createdAt":"${now}","updatedAt":"${now}","firstReplyAt":null,"lastMessageAt":"${now}","resolvedAt":null,"archivedAt":null},"actor":{"type":"customer","id":"${fresh 1}","name":"Load Customer","via":{"type":"api_key","id":"${actor}","name":"load"}}}}
--$ tick
--$ text email
--$ texts
--$ null
--$ now
--$ tenant
--$ fresh 2
--$ text active
--$ null
--$ null
WITH contact AS (INSERT INTO contacts (tenant_id, id, number, name, email, email_key, phone, external_id,
    custom_fields, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)),
conversation AS (INSERT INTO conversations (tenant_id, id, number, external_reference, channel, status, engagement,
    subject, assignee_id, team_id, tags, custom_fields, snoozed_until, first_reply_at, last_message_at, resolved_at,
    archived_at, opened_at, waiting_since, sla_state, sla_due_at, auto_archive_at, sla_breached_since, contact_id,
    metadata, version, chain_id, previous_conversation_id, created_at, updated_at, next_due_at, armed_for, clocks,
    time_version, set_aside) VALUES ($12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,
    $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46)),
recency AS (INSERT INTO conversation_recency (tenant_id, conversation_id, status, assignee_id, team_id, sla_state,
            updated_at, last_message_at)
        VALUES ($47, $48, $49, $50, $51, $52, $53, $54)),
tag AS (SELECT WHERE false),
message0 AS (INSERT INTO messages (tenant_id, id, number, conversation_id, chain_id, direction, text, html,
    author_type, author_id, author_name, automated, external_id, sent_at, created_at, metadata) VALUES ($55, $56,
    $57, $58, $59, $60, $61, $62, $63, $64, $65, $66, $67, $68, $69, $70)),
timeline AS (INSERT INTO timeline (tenant_id, id, conversation_id, kind, actor, data, version, created_at)
        SELECT $71, u.id, $72, u.kind, u.actor::jsonb, u.data::jsonb,
            $73, $74
        FROM unnest($75::uuid[], $76::text[], $77::text[], $78::text[]) WITH ORDINALITY u (id, kind, actor, data,
            ord)),
new_event AS (SELECT * FROM unnest($82::uuid[], $83::text[], $84::uuid[], $85::uuid[], $86::text[]) WITH ORDINALITY
    u (id, type, conversation_id, contact_id, payload, ord)),
event AS (INSERT INTO events (id, tenant_id, type, conversation_id, contact_id, version, payload, created_at)
        SELECT id, $79::uuid, type, conversation_id, contact_id,
            CASE WHEN conversation_id IS NOT NULL THEN $81::bigint END, payload, $80::timestamptz FROM new_event),
delivery AS (INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq,
    shard, ordered, state,
    due_at, created_at)
        SELECT encode(int8send(((($87::bigint + e.ord) >> 12) << 16) | 28672 | (($87::bigint + e.ord) & 4095)) ||
            substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid, $79::uuid, s.id, e.id, e.type,
            e.conversation_id, $81::bigint * 4096 + e.ord, s.shard,
            s.ordering = 'conversation' AND e.conversation_id IS NOT NULL, 'pending', $80::timestamptz,
                $80::timestamptz
        FROM new_event e JOIN subscriptions s ON s.tenant_id = $79::uuid AND s.is_active AND s.deleted_at IS NULL
            AND (SELECT webhooks_enabled FROM tenants WHERE id = $79::uuid) AND s.events && ARRAY['*', e.type]
            AND (NOT s.has_filter OR e.conversation_id IS NOT NULL
                AND (s.filter_channels = '{}' OR $88 = ANY (s.filter_channels))
                AND (s.filter_tags = '{}' OR s.filter_tags && $89::text[])
                AND (s.filter_team_ids = '{}' OR $90::uuid = ANY (s.filter_team_ids)))
        RETURNING shard),
outbox_row AS (INSERT INTO outbox (tenant_id, kind, target_id, status, dock_action_id, priority, due_at,
    available_at, created_at)
        SELECT $92::uuid, 'conversation', $93::uuid, $94::text, $95::uuid, 2, $96::timestamptz, $91::timestamptz,
            $91::timestamptz)
SELECT (SELECT count(*) FROM tag), (SELECT coalesce(array_agg(DISTINCT shard::int), '{}') FROM delivery)
