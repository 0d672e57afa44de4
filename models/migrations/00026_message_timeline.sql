-- +goose Up

-- A message is its own entry in the timeline, from here on: it has the version that the entry shows, and through whom its author
-- acted. Without a version it is one of an earlier version of Atender, and has a row in timeline; processes of that version go on
-- writing so while they run, and do not show entries of the new kind.
ALTER TABLE messages ADD COLUMN version bigint, ADD COLUMN via jsonb;

-- The row of the conversation is locked, and written, by the transaction that adds to it: no key has to be looked up again.
ALTER TABLE messages DROP CONSTRAINT messages_tenant_id_conversation_id_fkey;
ALTER TABLE timeline DROP CONSTRAINT timeline_tenant_id_conversation_id_fkey;

-- Messages as entries.
CREATE VIEW message_entries AS
    SELECT tenant_id, id, conversation_id,
        CASE direction WHEN 'inbound' THEN 'message_received' WHEN 'outbound' THEN 'message_sent' ELSE 'note_added' END AS kind,
        jsonb_build_object('type', author_type, 'id', author_id, 'name', author_name, 'via', via) AS actor,
        jsonb_build_object('messageId', id) AS data, version, created_at
    FROM messages WHERE version IS NOT NULL;

-- All entries. Of what is ordered and limited each part has to be by itself, or all of a long conversation is sorted.
CREATE VIEW conversation_timeline AS
    SELECT tenant_id, id, conversation_id, kind, actor, data, version, created_at FROM timeline
    UNION ALL
    SELECT tenant_id, id, conversation_id, kind, actor, data, version, created_at FROM message_entries;
