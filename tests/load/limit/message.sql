-- A message, as the product sent it when the limit was frozen: two statements between BEGIN and COMMIT, each with a round
-- trip of its own. The format is described in statement.go.

--: lock
--$ tenant
--$ conversation
--$ true
--$ null
--$ null
WITH locked AS MATERIALIZED (SELECT * FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE)
SELECT l.tenant_id AS c_tenant_id, l.id AS c_id, l.number AS c_number, l.external_reference AS c_external_reference,
    l.channel AS c_channel, l.status AS c_status, l.engagement AS c_engagement, l.subject AS c_subject,
    l.assignee_id AS c_assignee_id, l.team_id AS c_team_id, l.tags AS c_tags, l.custom_fields AS c_custom_fields,
    l.snoozed_until AS c_snoozed_until, l.first_reply_at AS c_first_reply_at, l.last_message_at AS
    c_last_message_at, l.resolved_at AS c_resolved_at, l.archived_at AS c_archived_at, l.opened_at AS c_opened_at,
    l.waiting_since AS c_waiting_since, l.sla_state AS c_sla_state, l.sla_due_at AS c_sla_due_at, l.auto_archive_at
    AS c_auto_archive_at, l.sla_breached_since AS c_sla_breached_since, l.contact_id AS c_contact_id, l.metadata AS
    c_metadata, l.version AS c_version, l.chain_id AS c_chain_id, l.previous_conversation_id AS
    c_previous_conversation_id, l.created_at AS c_created_at, l.updated_at AS c_updated_at, l.next_due_at AS
    c_next_due_at, l.armed_for AS c_armed_for, l.clocks AS c_clocks, l.time_version AS c_time_version, l.set_aside
    AS c_set_aside, ct.tenant_id AS ct_tenant_id, ct.id AS ct_id, ct.number AS ct_number, ct.name AS ct_name,
    ct.email AS ct_email, ct.email_key AS ct_email_key, ct.phone AS ct_phone, ct.external_id AS ct_external_id,
    ct.custom_fields AS ct_custom_fields, ct.created_at AS ct_created_at, ct.updated_at AS ct_updated_at,
    clock_timestamp() AS now,
    CASE WHEN $3 THEN nextval('messages_number_seq') ELSE 0 END AS message_number,
    (SELECT jsonb_object_agg(name, id) FROM tags WHERE tenant_id = l.tenant_id AND name = ANY($4::text[])) AS tag_ids,
    (SELECT m.id FROM messages m WHERE m.tenant_id = l.tenant_id AND m.chain_id = l.chain_id AND m.external_id = $5)
        AS replay_of,
    (SELECT t.time_version FROM tenants t WHERE t.id = l.tenant_id) AS time_version,
    (SELECT v.version FROM conversations v WHERE v.tenant_id = l.tenant_id AND v.id = l.id) AS version_seen
FROM locked l JOIN contacts ct ON ct.tenant_id = l.tenant_id AND ct.id = l.contact_id

--: write
--$ text active
--$ null
--$ null
--$ null
--$ now
--$ now
--$ tenant
--$ conversation
--$ text active
--$ text engaged
--$ text Where is my order?
--$ null
--$ null
--$ texts
--$ text {}
--$ null
--$ started
--$ now
--$ null
--$ null
--$ started
--$ null
--$ null
--$ null
--$ null
--$ null
--$ int 3
--$ now
--$ null
--$ null
--$ text []
--$ int 0
--$ null
--$ tenant
--$ conversation
--$ tenant
--$ fresh 1
--$ int 22
--$ conversation
--$ conversation
--$ text outbound
--$ text ${key} I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.
--$ null
--$ text api_key
--$ actor
--$ text load
--$ false
--$ null
--$ now
--$ now
--$ text {}
--$ tenant
--$ conversation
--$ int 3
--$ now
--$ ids
--$ - fresh 2
--$ texts
--$ - message_sent
--$ texts
--$ - {"type":"api_key","id":"${actor}","name":"load","via":null}
--$ texts
--$ - {"messageId":"${fresh 1}"}
--$ tenant
--$ now
--$ int 3
--$ ids
--$ - fresh 3
--$ texts
--$ - message.sent
--$ ids
--$ - conversation
--$ ids
--$ - null
--$ texts
--$ - {"event":"message.sent","tenantId":"${tenant}","timestamp":"${now}","data":{"message":{"id":"${fresh 1}","number":22,"conversationId":"${conversation}","direction":"outbound","text":"${key} I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.","html":null,"author":{"type":"api_key","id":"${actor}","name":"load"},"automated":false,"externalId":null,"sentAt":"${now}","createdAt":"${now}","metadata":{}},"conversation":{"id":"${conversation}","number":700000001,"externalReference":"load-limit-000000","subject":"Where is my order?","channel":"email","status":"active","engagement":"engaged","contact":{"id":"${contact}","number":1,"name":"Load Customer","email":"load-limit-000000@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${started}","updatedAt":"${started}"},"assigneeId":null,"teamId":null,"tags":[],"customFields":{},"metadata":{},"snoozedUntil":null,"sla":null,"version":3,"previousConversationId":null,"createdAt":"${started}","updatedAt":"${now}","firstReplyAt":"${started}","lastMessageAt":"${now}","resolvedAt":null,"archivedAt":null},"actor":{"type":"api_key","id":"${actor}","name":"load","via":null}}}
--$ tick
--$ text email
--$ texts
--$ null
WITH recency AS (UPDATE conversation_recency SET (status, assignee_id, team_id, sla_state, updated_at,
            last_message_at)
        = ($1, $2, $3, $4, $5, $6)
        WHERE tenant_id = $7 AND conversation_id = $8),
conversation AS (UPDATE conversations SET (status, engagement, subject, assignee_id, team_id, tags, custom_fields,
    snoozed_until, first_reply_at, last_message_at, resolved_at, archived_at, opened_at, waiting_since, sla_state,
    sla_due_at, auto_archive_at, sla_breached_since, version, updated_at, next_due_at, armed_for, clocks,
    time_version, set_aside) = ($9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $27, $28, $29, $30, $31, $32, $33)
        WHERE tenant_id = $34
            AND id = $35),
tag AS (SELECT WHERE false),
message0 AS (INSERT INTO messages (tenant_id, id, number, conversation_id, chain_id, direction, text, html,
    author_type, author_id, author_name, automated, external_id, sent_at, created_at, metadata) VALUES ($36, $37,
    $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51)),
timeline AS (INSERT INTO timeline (tenant_id, id, conversation_id, kind, actor, data, version, created_at)
        SELECT $52, u.id, $53, u.kind, u.actor::jsonb, u.data::jsonb,
            $54, $55
        FROM unnest($56::uuid[], $57::text[], $58::text[], $59::text[]) WITH ORDINALITY u (id, kind, actor, data,
            ord)),
new_event AS (SELECT * FROM unnest($63::uuid[], $64::text[], $65::uuid[], $66::uuid[], $67::text[]) WITH ORDINALITY
    u (id, type, conversation_id, contact_id, payload, ord)),
event AS (INSERT INTO events (id, tenant_id, type, conversation_id, contact_id, version, payload, created_at)
        SELECT id, $60::uuid, type, conversation_id, contact_id,
            CASE WHEN conversation_id IS NOT NULL THEN $62::bigint END, payload, $61::timestamptz FROM new_event),
delivery AS (INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq,
    shard, ordered, state,
    due_at, created_at)
        SELECT encode(int8send(((($68::bigint + e.ord) >> 12) << 16) | 28672 | (($68::bigint + e.ord) & 4095)) ||
            substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid, $60::uuid, s.id, e.id, e.type,
            e.conversation_id, $62::bigint * 4096 + e.ord, s.shard,
            s.ordering = 'conversation' AND e.conversation_id IS NOT NULL, 'pending', $61::timestamptz,
                $61::timestamptz
        FROM new_event e JOIN subscriptions s ON s.tenant_id = $60::uuid AND s.is_active AND s.deleted_at IS NULL
            AND (SELECT webhooks_enabled FROM tenants WHERE id = $60::uuid) AND s.events && ARRAY['*', e.type]
            AND (NOT s.has_filter OR e.conversation_id IS NOT NULL
                AND (s.filter_channels = '{}' OR $69 = ANY (s.filter_channels))
                AND (s.filter_tags = '{}' OR s.filter_tags && $70::text[])
                AND (s.filter_team_ids = '{}' OR $71::uuid = ANY (s.filter_team_ids)))
        RETURNING shard)
SELECT (SELECT count(*) FROM tag), (SELECT coalesce(array_agg(DISTINCT shard::int), '{}') FROM delivery)
