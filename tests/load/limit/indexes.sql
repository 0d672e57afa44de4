-- The keys, indexes, triggers and partitions of the limit's tables (schema.sql), frozen with them.

ALTER TABLE ONLY load_limit.agents ADD CONSTRAINT agents_number_key UNIQUE (number);
ALTER TABLE ONLY load_limit.agents ADD CONSTRAINT agents_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.attempts ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.channels ADD CONSTRAINT channels_pkey PRIMARY KEY (tenant_id, channel);
ALTER TABLE ONLY load_limit.channels ADD CONSTRAINT channels_tenant_id_number_key UNIQUE (tenant_id, number);
ALTER TABLE ONLY load_limit.contacts ADD CONSTRAINT contacts_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.conversation_recency ADD CONSTRAINT conversation_recency_pkey PRIMARY KEY
    (conversation_id, tenant_id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.deliveries ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.events ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.feed ADD CONSTRAINT feed_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.messages ADD CONSTRAINT messages_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.subscriptions ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.tags ADD CONSTRAINT tags_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.tags ADD CONSTRAINT tags_tenant_id_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY load_limit.teams ADD CONSTRAINT teams_pkey PRIMARY KEY (id, tenant_id);
ALTER TABLE ONLY load_limit.teams ADD CONSTRAINT teams_tenant_id_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY load_limit.tenants ADD CONSTRAINT tenants_number_key UNIQUE (number);
ALTER TABLE ONLY load_limit.tenants ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY load_limit.tenants ADD CONSTRAINT tenants_sandbox_of_key UNIQUE (sandbox_of);
ALTER TABLE ONLY load_limit.timeline ADD CONSTRAINT timeline_pkey PRIMARY KEY (id, tenant_id);
CREATE UNIQUE INDEX agents_email ON load_limit.agents (email_key, tenant_id);
CREATE INDEX agents_sign_in ON load_limit.agents (lower(email));
CREATE INDEX attempts_delivery ON load_limit.attempts (delivery_id, id);
CREATE INDEX attempts_failed ON load_limit.attempts (subscription_id, id DESC) WHERE (class <> 'ok'::text);
CREATE INDEX attempts_recent ON load_limit.attempts (subscription_id, id DESC) INCLUDE (class);
CREATE INDEX channels_default_team ON load_limit.channels (default_team_id) WHERE (default_team_id IS NOT NULL);
CREATE UNIQUE INDEX contacts_email ON load_limit.contacts (email_key, tenant_id);
CREATE INDEX contacts_email_before ON load_limit.contacts (lower(email)) WHERE (email IS NOT NULL);
CREATE UNIQUE INDEX contacts_external_id ON load_limit.contacts (external_id, tenant_id) WHERE (external_id IS NOT
    NULL);
CREATE INDEX contacts_listed ON load_limit.contacts (tenant_id, id) WHERE (number > 0);
CREATE INDEX contacts_phone ON load_limit.contacts (phone, tenant_id) WHERE (phone IS NOT NULL);
CREATE INDEX contacts_search ON load_limit.contacts USING gin (load_limit.search_words(((COALESCE(name, ''::text) ||
    ' '::text) || COALESCE(email, ''::text))));
CREATE INDEX conversation_recency_assignee ON load_limit.conversation_recency (assignee_id, updated_at DESC,
    conversation_id DESC) WHERE (assignee_id IS NOT NULL);
CREATE INDEX conversation_recency_assignee_message ON load_limit.conversation_recency (assignee_id,
    last_message_at DESC, conversation_id DESC) WHERE (assignee_id IS NOT NULL);
CREATE INDEX conversation_recency_message ON load_limit.conversation_recency (tenant_id, last_message_at DESC,
    conversation_id DESC) WHERE (last_message_at > '-infinity'::timestamptz);
CREATE INDEX conversation_recency_sla ON load_limit.conversation_recency (sla_state, tenant_id, updated_at DESC,
    conversation_id DESC) WHERE (sla_state = ANY (ARRAY['at_risk'::text, 'urgent'::text, 'breached'::text]));
CREATE INDEX conversation_recency_sla_message ON load_limit.conversation_recency (sla_state, tenant_id,
    last_message_at DESC, conversation_id DESC) WHERE (sla_state = ANY (ARRAY['at_risk'::text, 'urgent'::text,
    'breached'::text]));
CREATE INDEX conversation_recency_status ON load_limit.conversation_recency (status, tenant_id, updated_at DESC,
    conversation_id DESC) WHERE (status = ANY (ARRAY['active'::text, 'snoozed'::text]));
CREATE INDEX conversation_recency_status_message ON load_limit.conversation_recency (status, tenant_id,
    last_message_at DESC, conversation_id DESC) WHERE (status = ANY (ARRAY['active'::text, 'snoozed'::text]));
CREATE INDEX conversation_recency_team ON load_limit.conversation_recency (team_id, updated_at DESC,
    conversation_id DESC) WHERE (team_id IS NOT NULL);
CREATE INDEX conversation_recency_team_message ON load_limit.conversation_recency (team_id, last_message_at DESC,
    conversation_id DESC) WHERE (team_id IS NOT NULL);
CREATE INDEX conversation_recency_updated ON load_limit.conversation_recency (tenant_id, updated_at DESC,
    conversation_id DESC);
CREATE INDEX conversations_breached ON load_limit.conversations (id, tenant_id) WHERE (sla_breached_since IS NOT NULL);
CREATE INDEX conversations_contact ON load_limit.conversations (tenant_id, contact_id);
CREATE INDEX conversations_created ON load_limit.conversations (tenant_id, created_at, id);
CREATE INDEX conversations_due ON load_limit.conversations (next_due_at) WHERE (next_due_at IS NOT NULL);
CREATE UNIQUE INDEX conversations_external_reference ON load_limit.conversations (tenant_id, external_reference)
    WHERE (external_reference IS NOT NULL);
CREATE UNIQUE INDEX conversations_number ON load_limit.conversations (tenant_id, number);
CREATE INDEX conversations_open ON load_limit.conversations (id) WHERE (status = ANY (ARRAY['active'::text,
    'snoozed'::text]));
CREATE INDEX conversations_resting ON load_limit.conversations (tenant_id, time_version, id) WHERE ((status =
    'done'::text) AND (auto_archive_at IS NULL));
CREATE INDEX conversations_search ON load_limit.conversations USING gin (load_limit.search_words(subject));
CREATE INDEX conversations_set_aside ON load_limit.conversations (id, tenant_id) WHERE (set_aside IS NOT NULL);
CREATE INDEX conversations_sla_order ON load_limit.conversations (tenant_id, ((sla_breached_since IS NULL)),
    COALESCE(sla_breached_since, sla_due_at), id) WHERE (COALESCE(sla_breached_since, sla_due_at) IS NOT
    NULL);
CREATE UNIQUE INDEX conversations_successor ON load_limit.conversations (tenant_id, previous_conversation_id)
    WHERE (previous_conversation_id IS NOT NULL);
CREATE INDEX conversations_tags ON load_limit.conversations USING gin (tags) WHERE (tags <> '{}'::text[]);
CREATE INDEX conversations_time_version ON load_limit.conversations (tenant_id, time_version, id) WHERE ((status =
    ANY (ARRAY['active'::text, 'snoozed'::text])) OR (auto_archive_at IS NOT NULL));
CREATE INDEX conversations_turns ON load_limit.conversations (tenant_id, COALESCE(next_due_at,
    'infinity'::timestamptz)) WHERE (next_due_at IS NOT NULL);
CREATE INDEX deliveries_fresh ON load_limit.deliveries (shard, subscription_id, id) WHERE ((state =
    'pending'::text) AND (attempts = 0));
CREATE INDEX deliveries_leased ON load_limit.deliveries (subscription_id, leased_until) WHERE (state =
    'leased'::text);
CREATE INDEX deliveries_log ON load_limit.deliveries (tenant_id, subscription_id, id DESC);
CREATE INDEX deliveries_order ON load_limit.deliveries (subscription_id, conversation_id, seq) WHERE (ordered
    AND (state = ANY (ARRAY['pending'::text, 'leased'::text])));
CREATE INDEX deliveries_retry ON load_limit.deliveries (subscription_id, due_at) WHERE ((state =
    'pending'::text) AND (attempts > 0));
CREATE INDEX deliveries_retry_oldest ON load_limit.deliveries (subscription_id, id) WHERE ((state =
    'pending'::text) AND (attempts > 0));
CREATE INDEX deliveries_unsuccessful ON load_limit.deliveries (tenant_id, subscription_id, id DESC) WHERE
    (state = ANY (ARRAY['failed'::text, 'cancelled'::text]));
CREATE INDEX events_conversation ON load_limit.events (tenant_id, conversation_id, id);
CREATE INDEX events_feed ON load_limit.events (tenant_id, "position") WHERE ("position" IS NOT NULL);
CREATE INDEX events_unsequenced ON load_limit.events (created_at, id) WHERE ("position" IS NULL);
CREATE UNIQUE INDEX messages_external_id ON load_limit.messages (tenant_id, chain_id, external_id) WHERE
    (external_id IS NOT NULL);
CREATE INDEX messages_thread ON load_limit.messages (tenant_id, conversation_id, id);
CREATE INDEX outbox_next ON load_limit.outbox (priority, due_at, id);
CREATE INDEX outbox_target ON load_limit.outbox (target_id);
CREATE INDEX outbox_turns ON load_limit.outbox (tenant_id, priority, COALESCE(due_at, 'infinity'::timestamptz), id);
CREATE INDEX subscriptions_live ON load_limit.subscriptions (tenant_id) WHERE (is_active AND (deleted_at IS NULL));
CREATE INDEX tags_leaving ON load_limit.tags (leaving_at) WHERE (leaving_at IS NOT NULL);
CREATE UNIQUE INDEX teams_number ON load_limit.teams (number);
CREATE INDEX timeline_conversation ON load_limit.timeline (tenant_id, conversation_id, id);
CREATE TRIGGER email_key_changed BEFORE UPDATE OF email ON load_limit.contacts FOR EACH ROW WHEN (((new.email IS
    DISTINCT FROM old.email) AND (NOT (new.email_key IS DISTINCT FROM old.email_key)) AND
    (octet_length(new.email) = length(new.email)) AND (new.email !~~* '%xn--%'::text))) EXECUTE FUNCTION
    load_limit.email_key_of_old_process();
CREATE TRIGGER email_key_made BEFORE INSERT ON load_limit.agents FOR EACH ROW WHEN ((new.email_key IS NULL))
    EXECUTE FUNCTION load_limit.email_key_of_old_process();
CREATE TRIGGER email_key_made BEFORE INSERT ON load_limit.contacts FOR EACH ROW WHEN (((new.email_key IS NULL) AND
    (new.email IS NOT NULL))) EXECUTE FUNCTION load_limit.email_key_of_old_process();
ALTER TABLE ONLY load_limit.agents ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.channels ADD CONSTRAINT channels_tenant_id_default_team_id_fkey FOREIGN KEY
    (tenant_id, default_team_id) REFERENCES load_limit.teams(tenant_id, id);
ALTER TABLE ONLY load_limit.channels ADD CONSTRAINT channels_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.contacts ADD CONSTRAINT contacts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.conversation_recency ADD CONSTRAINT
    conversation_recency_tenant_id_conversation_id_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES
    load_limit.conversations(tenant_id, id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_tenant_id_assignee_id_fkey FOREIGN KEY
    (tenant_id, assignee_id) REFERENCES load_limit.agents(tenant_id, id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_tenant_id_contact_id_fkey FOREIGN KEY
    (tenant_id, contact_id) REFERENCES load_limit.contacts(tenant_id, id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_tenant_id_fkey FOREIGN KEY (tenant_id)
    REFERENCES load_limit.tenants(id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_tenant_id_previous_conversation_id_fkey
    FOREIGN KEY (tenant_id, previous_conversation_id) REFERENCES load_limit.conversations(tenant_id, id);
ALTER TABLE ONLY load_limit.conversations ADD CONSTRAINT conversations_tenant_id_team_id_fkey FOREIGN KEY
    (tenant_id, team_id) REFERENCES load_limit.teams(tenant_id, id);
ALTER TABLE ONLY load_limit.messages ADD CONSTRAINT messages_tenant_id_conversation_id_fkey FOREIGN KEY
    (tenant_id, conversation_id) REFERENCES load_limit.conversations(tenant_id, id);
ALTER TABLE ONLY load_limit.subscriptions ADD CONSTRAINT subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id)
    REFERENCES load_limit.tenants(id);
ALTER TABLE ONLY load_limit.tags ADD CONSTRAINT tags_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.teams ADD CONSTRAINT teams_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.tenants ADD CONSTRAINT tenants_sandbox_of_fkey FOREIGN KEY (sandbox_of) REFERENCES
    load_limit.tenants(id);
ALTER TABLE ONLY load_limit.timeline ADD CONSTRAINT timeline_tenant_id_conversation_id_fkey FOREIGN KEY
    (tenant_id, conversation_id) REFERENCES load_limit.conversations(tenant_id, id);

CREATE TABLE load_limit.deliveries_default PARTITION OF load_limit.deliveries DEFAULT;
CREATE TABLE load_limit.attempts_default PARTITION OF load_limit.attempts DEFAULT;
CREATE TABLE load_limit.events_default PARTITION OF load_limit.events DEFAULT;

-- This week and three ahead. An id begins with its milliseconds since 1970, as 48 bits (UUIDs of version 7).
DO $$
DECLARE
    monday timestamptz;
BEGIN
    FOR week IN 0..3 LOOP
        monday := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + week * interval '7 days';
        EXECUTE format('CREATE TABLE load_limit.events_week%s PARTITION OF load_limit.events FOR VALUES FROM (%L) TO (%L)', week,
            rpad(lpad(to_hex((extract(epoch FROM monday) * 1000)::bigint), 12, '0') || '70008', 32, '0')::uuid,
            rpad(lpad(to_hex((extract(epoch FROM monday + interval '7 days') * 1000)::bigint), 12, '0') || '70008', 32, '0')::uuid);
    END LOOP;
END $$;
