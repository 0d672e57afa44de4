-- +goose Up

-- The eight standard channels, as each tenant has set them.
CREATE TABLE channels (
    tenant_id       uuid NOT NULL REFERENCES tenants (id),
    channel         text NOT NULL,
    number          smallint NOT NULL, -- the same for every tenant, for ever: others know the channel by it
    display_name    text NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    default_team_id uuid, -- what a new conversation on it gets
    PRIMARY KEY (tenant_id, channel),
    UNIQUE (tenant_id, number),
    FOREIGN KEY (tenant_id, default_team_id) REFERENCES teams (tenant_id, id)
);
INSERT INTO channels (tenant_id, channel, number, display_name)
SELECT t.id, c.channel, c.number, c.display_name
FROM tenants t, (VALUES ('email', 1, 'E-mail'), ('messenger', 2, 'Messenger'), ('sms', 3, 'SMS'), ('phone', 4, 'Phone'),
    ('voice', 5, 'Voice'), ('whatsapp', 6, 'WhatsApp'), ('webchat', 7, 'Web chat'), ('amazon', 8, 'Amazon'))
    c (channel, number, display_name);
CREATE INDEX channels_default_team ON channels (default_team_id) WHERE default_team_id IS NOT NULL;

-- A name that a tag had, or that of a deleted tag, leaves the conversations that carry it one after the other. Until it
-- has left, its row stays, and is no tag any more.
ALTER TABLE tags
    ADD COLUMN leaving_at   timestamptz, -- null for a tag; otherwise when somebody is to go on taking the name off
    ADD COLUMN leaving_for  uuid, -- the tag that takes its place; null when it was deleted
    ADD COLUMN leaving_by   jsonb; -- the actor who renamed or deleted it
CREATE INDEX tags_leaving ON tags (leaving_at) WHERE leaving_at IS NOT NULL;

-- A tag's conversations. Partial, so that a conversation costs no more than what it has.
CREATE INDEX conversations_tags ON conversations USING gin (tags) WHERE tags <> '{}';

-- Text search by the beginnings of words, with what every PostgreSQL has: pg_trgm would find text within words, too, but
-- is an extension that not every server offers and not every role may create. Punctuation separates words, so that the
-- parts of an e-mail address are found; the queries do the same.
CREATE FUNCTION search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector('pg_catalog.simple'::regconfig,
        translate(words, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)));
CREATE INDEX conversations_search ON conversations USING gin (search_words(subject));
CREATE INDEX contacts_search ON contacts USING gin (search_words(coalesce(name, '') || ' ' || coalesce(email, '')));

CREATE INDEX contacts_phone ON contacts (phone, tenant_id) WHERE phone IS NOT NULL;
-- Every number is above 0. The condition only keeps queries that do not repeat it from taking this index for the primary
-- key (see 00001).
CREATE INDEX contacts_listed ON contacts (tenant_id, id) WHERE number > 0;
CREATE INDEX team_members_agent ON team_members (agent_id);
