-- The rows that the statements of the limit need. Conversations have been replied to once, as in the product's warm-up, so
-- that no message is a first reply, which does more than others. Another tenant's conversations stand by: with some hundred
-- rows alone, PostgreSQL would go through whole tables instead of looking rows up by their keys, and keep that plan while
-- dead rows gather in them.

--: tenant
--$ tenant
--$ started
WITH position AS (INSERT INTO feed (id, last_position) VALUES (1, 0)),
tenant AS (INSERT INTO tenants (id, name, environment, created_at) VALUES ($1, 'Load, limit', 'production', $2))
SELECT

--: channel
--$ tenant
INSERT INTO channels (tenant_id, channel, number, display_name) VALUES ($1, 'email', 1, 'E-mail')

--: subscription
--$ tenant
--$ subscription
--$ text ${event}
--$ started
INSERT INTO subscriptions (tenant_id, id, name, url, events, max_in_flight, signing, secret, shard, created_at, updated_at)
VALUES ($1, $2, 'load', 'http://127.0.0.1/', ARRAY[$3], 32, 'hmac', '\x00', 0, $4, $4)

--: conversations
--$ tenant
--$ each conversation
--$ each contact
--$ each number
--$ each text ${key}
--$ started
WITH each AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[]) u (id, contact_id, number, key)),
contact AS (
    INSERT INTO contacts (tenant_id, id, number, name, email, email_key, created_at, updated_at)
    SELECT $1, contact_id, number, 'Load Customer', key || '@customers.example', key || '@customers.example', $6, $6 FROM each
), recency AS (
    INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at, last_message_at)
    SELECT $1, id, 'active', $6, $6 FROM each
)
INSERT INTO conversations (tenant_id, id, number, external_reference, subject, channel, status, engagement, contact_id,
    version, chain_id, created_at, updated_at, first_reply_at, last_message_at, opened_at)
SELECT $1, id, number, key, 'Where is my order?', 'email', 'active', 'engaged', contact_id, 2, id, $6, $6, $6, $6, $6
FROM each

--: bystanders
--$ started
WITH other AS (
    INSERT INTO tenants (id, name, environment, created_at) VALUES (gen_random_uuid(), 'Bystander', 'production', $1) RETURNING id
), row AS MATERIALIZED (
    SELECT other.id AS tenant_id, g, 'bystander-' || g AS key,
        encode(int8send((((extract(epoch FROM $1::timestamptz) * 1000)::bigint - 2 * g) << 16) | 28672)
            || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid AS contact_id,
        encode(int8send((((extract(epoch FROM $1::timestamptz) * 1000)::bigint - 2 * g + 1) << 16) | 28672)
            || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid AS id
    FROM other, generate_series(1, 2000) g
), contact AS (
    INSERT INTO contacts (tenant_id, id, number, name, email, email_key, created_at, updated_at)
    SELECT tenant_id, contact_id, g, 'Load Customer', key || '@customers.example', key || '@customers.example', $1, $1 FROM row
), recency AS (
    INSERT INTO conversation_recency (tenant_id, conversation_id, status, updated_at, last_message_at)
    SELECT tenant_id, id, 'active', $1, $1 FROM row
)
INSERT INTO conversations (tenant_id, id, number, external_reference, subject, channel, status, engagement, contact_id,
    version, chain_id, created_at, updated_at, first_reply_at, last_message_at, opened_at)
SELECT tenant_id, id, g, key, 'Where is my order?', 'email', 'active', 'engaged', contact_id, 2, id, $1, $1, $1, $1, $1
FROM row
