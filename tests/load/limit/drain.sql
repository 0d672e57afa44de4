-- A backlog, and the least that drains it, with the product's tables and claims as they were when the limit was frozen.

--: fill
--$ tenant
--$ subscription
--$ tick
--$ each conversation
--$ each text {"event":"message.sent","tenantId":"${tenant}","timestamp":"${now}","data":{"message":{"id":"${fresh 1}","number":22,"conversationId":"${conversation}","direction":"outbound","text":"${key} I ordered two lamps last week and only one of them has come. Could you find out where the other one is? The order is from the fourth of this month, and the parcel service says that it never had a second parcel.","html":null,"author":{"type":"api_key","id":"${actor}","name":"load"},"automated":false,"externalId":null,"sentAt":"${now}","createdAt":"${now}","metadata":{}},"conversation":{"id":"${conversation}","number":700000001,"externalReference":"load-limit-000000","subject":"Where is my order?","channel":"email","status":"active","engagement":"engaged","contact":{"id":"${contact}","number":1,"name":"Load Customer","email":"load-limit-000000@customers.example","phone":null,"externalId":null,"customFields":{},"createdAt":"${started}","updatedAt":"${started}"},"assigneeId":null,"teamId":null,"tags":[],"customFields":{},"metadata":{},"snoozedUntil":null,"sla":null,"version":3,"previousConversationId":null,"createdAt":"${started}","updatedAt":"${now}","firstReplyAt":"${started}","lastMessageAt":"${now}","resolvedAt":null,"archivedAt":null},"actor":{"type":"api_key","id":"${actor}","name":"load","via":null}}}
--$ number
WITH made AS MATERIALIZED (
    SELECT g, 1 + g % cardinality($4::uuid[]) AS turn, $3::bigint + 2 * g AS event, $3::bigint + 2 * g + 1 AS delivery
    FROM generate_series(1, $6::bigint) g
), row AS MATERIALIZED (
    SELECT g, ($4::uuid[])[turn] AS conversation_id, ($5::text[])[turn] AS payload,
        encode(int8send(((event >> 12) << 16) | 28672 | (event & 4095))
            || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid AS event_id,
        encode(int8send(((delivery >> 12) << 16) | 28672 | (delivery & 4095))
            || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid AS id
    FROM made
), event AS (
    INSERT INTO events (id, tenant_id, type, conversation_id, version, payload, created_at)
    SELECT event_id, $1, 'message.sent', conversation_id, 3, payload, now() FROM row ORDER BY g
)
INSERT INTO deliveries (id, tenant_id, subscription_id, event_id, event_type, conversation_id, seq, shard, state, due_at,
    created_at)
SELECT id, $1, $2, event_id, 'message.sent', conversation_id, 3 * 4096 + 1, 0, 'pending', now(), now() FROM row ORDER BY g

--: claim
WITH picked AS MATERIALIZED (
    SELECT id, event_id FROM deliveries WHERE state = 'pending' AND attempts = 0
    ORDER BY shard, subscription_id, id LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE deliveries d SET state = 'leased', lease_owner = $2, leased_until = clock_timestamp() + interval '30 seconds'
    FROM picked p JOIN events e ON e.id = p.event_id WHERE d.id = p.id
    RETURNING d.id, d.event_id, d.event_type, e.payload
)
SELECT * FROM leased ORDER BY id

--: record
WITH result AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::int[])
        u (id, attempt_id, started_at, duration_ms, status)
), recorded AS (
    UPDATE deliveries d SET state = 'delivered', attempts = 1, first_attempt_at = r.started_at,
        finished_at = clock_timestamp(), leased_until = NULL, lease_owner = NULL
    FROM result r WHERE d.id = r.id AND d.lease_owner = $6
    RETURNING d.id, d.tenant_id, d.subscription_id
)
INSERT INTO attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms, status, class)
SELECT r.attempt_id, w.tenant_id, r.id, w.subscription_id, 1, r.started_at, r.duration_ms, r.status, 'ok'
FROM result r JOIN recorded w ON w.id = r.id
