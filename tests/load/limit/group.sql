-- Messages to several conversations in one transaction: what group commit can reach. The statements are those of
-- message.sql over arrays with one element for each message, and leave the same rows; BEGIN goes along with the first,
-- COMMIT with the second. The format is described in statement.go.

--: lock
--$ each tenant
--$ each conversation
--$ true
--$ null
--$ null
WITH wanted AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[]) u (tenant_id, id)),
locked AS MATERIALIZED (
    SELECT c.* FROM wanted w JOIN conversations c ON c.tenant_id = w.tenant_id AND c.id = w.id
    ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED)
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
--$ each tenant
--$ each conversation
--$ each text active
--$ each null uuid
--$ each null uuid
--$ each null text
--$ each now
--$ each text engaged
--$ each text Where is my order?
--$ each text {}
--$ each text {}
--$ each null time
--$ each started
--$ each started
--$ each null time
--$ each int 3
--$ each text []
--$ each int 0
--$ each null text
--$ each fresh 1
--$ each int 22
--$ each text outbound
--$ each text ${key} I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.
--$ each null text
--$ each text api_key
--$ each actor
--$ each text load
--$ each false
--$ each null text
--$ each text {}
--$ each fresh 2
--$ each text message_sent
--$ each text {"type":"api_key","id":"${actor}","name":"load","via":null}
--$ each text {"messageId":"${fresh 1}"}
--$ each fresh 3
--$ each text message.sent
--$ each text {"event":"message.sent","tenantId":"${tenant}","timestamp":"${now}","data":{"message":{"id":"${fresh 1}","number":22,"conversationId":"${conversation}","direction":"outbound","text":"${key} I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.","html":null,"author":{"type":"api_key","id":"${actor}","name":"load"},"automated":false,"externalId":null,"sentAt":"${now}","createdAt":"${now}","metadata":{}},"conversation":{"id":"${conversation}","number":700000001,"externalReference":"load-limit-000000","subject":"Where is my order?","channel":"email","status":"active","engagement":"engaged","contact":{"id":"${contact}","number":1,"name":"Load Customer","email":"load-limit-000000@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${started}","updatedAt":"${started}"},"assigneeId":null,"teamId":null,"tags":[],"customFields":{},"metadata":{},"snoozedUntil":null,"sla":null,"version":3,"previousConversationId":null,"createdAt":"${started}","updatedAt":"${now}","firstReplyAt":"${started}","lastMessageAt":"${now}","resolvedAt":null,"archivedAt":null},"actor":{"type":"api_key","id":"${actor}","name":"load","via":null}}}
--$ each tick
--$ each text email
WITH m AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
        $15::timestamptz[], $16::bigint[], $17::text[], $18::bigint[], $19::text[], $20::uuid[], $21::bigint[],
        $22::text[], $23::text[], $24::text[], $25::text[], $26::uuid[], $27::text[], $28::boolean[],
        $29::text[], $30::text[], $31::uuid[], $32::text[], $33::text[], $34::text[], $35::uuid[], $36::text[],
        $37::text[], $38::bigint[], $39::text[])
    WITH ORDINALITY u (tenant_id, conversation_id, status, assignee_id, team_id, sla_state, at, engagement, subject, tags,
        custom_fields, none_at, first_reply_at, opened_at, due_at, version, clocks, time_version, set_aside,
        message_id, number, direction, text, html, author_type, author_id, author_name, automated,
        external_id, metadata, timeline_id, kind, actor, data, event_id, event_type, payload, tick, channel,
        ord)),
recency AS (UPDATE conversation_recency r SET (status, assignee_id, team_id, sla_state, updated_at, last_message_at)
    = (m.status, m.assignee_id, m.team_id, m.sla_state, m.at, m.at)
    FROM m WHERE r.tenant_id = m.tenant_id AND r.conversation_id = m.conversation_id),
conversation AS (UPDATE conversations c SET (status, engagement, subject, assignee_id, team_id, tags, custom_fields,
        snoozed_until, first_reply_at, last_message_at, resolved_at, archived_at, opened_at, waiting_since, sla_state,
        sla_due_at, auto_archive_at, sla_breached_since, version, updated_at, next_due_at, armed_for, clocks,
        time_version, set_aside)
    = (m.status, m.engagement, m.subject, m.assignee_id, m.team_id, m.tags::text[], m.custom_fields::jsonb,
        m.none_at, m.first_reply_at, m.at, m.none_at, m.none_at, m.opened_at, m.none_at, m.sla_state,
        m.due_at, m.none_at, m.none_at, m.version, m.at, m.due_at, m.none_at, m.clocks::jsonb,
        m.time_version, m.set_aside::jsonb)
    FROM m WHERE c.tenant_id = m.tenant_id AND c.id = m.conversation_id),
message AS (INSERT INTO messages (tenant_id, id, number, conversation_id, chain_id, direction, text, html, author_type,
        author_id, author_name, automated, external_id, sent_at, created_at, metadata)
    SELECT tenant_id, message_id, number, conversation_id, conversation_id, direction, text, html, author_type,
        author_id, author_name, automated, external_id, at, at, metadata::jsonb FROM m ORDER BY ord),
timeline AS (INSERT INTO timeline (tenant_id, id, conversation_id, kind, actor, data, version, created_at)
    SELECT tenant_id, timeline_id, conversation_id, kind, actor::jsonb, data::jsonb, version, at FROM m ORDER BY ord),
event AS (INSERT INTO events (id, tenant_id, type, conversation_id, contact_id, version, payload, created_at)
    SELECT event_id, tenant_id, event_type, conversation_id, NULL, version, payload, at FROM m ORDER BY ord),
delivery AS (INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq, shard,
        ordered, state, due_at, created_at)
    SELECT encode(int8send((((m.tick + 1) >> 12) << 16) | 28672 | ((m.tick + 1) & 4095))
            || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid,
        m.tenant_id, s.id, m.event_id, m.event_type, m.conversation_id, m.version * 4096 + 1, s.shard,
        s.ordering = 'conversation', 'pending', m.at, m.at
    FROM m JOIN tenants t ON t.id = m.tenant_id AND t.webhooks_enabled
        JOIN subscriptions s ON s.tenant_id = m.tenant_id AND s.is_active AND s.deleted_at IS NULL
            AND s.events && ARRAY['*', m.event_type]
            AND (NOT s.has_filter OR (s.filter_channels = '{}' OR m.channel = ANY (s.filter_channels))
                AND (s.filter_tags = '{}' OR s.filter_tags && m.tags::text[])
                AND (s.filter_team_ids = '{}' OR m.team_id = ANY (s.filter_team_ids)))
    ORDER BY m.ord
    RETURNING shard)
SELECT (SELECT count(*) FROM m), (SELECT coalesce(array_agg(DISTINCT shard::int), '{}') FROM delivery)
