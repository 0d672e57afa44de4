-- +goose Up

-- Tool docks: pages of the tenant's own systems, in a frame beside a conversation.
CREATE TABLE docks (
    tenant_id       uuid NOT NULL REFERENCES tenants (id),
    id              uuid NOT NULL,
    name            text NOT NULL,
    url             text NOT NULL, -- with placeholders
    icon            text NOT NULL DEFAULT '',
    position        integer NOT NULL DEFAULT 0, -- in the list that agents see; lower first
    is_active       boolean NOT NULL DEFAULT true,
    actions         text[] NOT NULL, -- that it may ask for
    confirm         text[] NOT NULL DEFAULT '{}', -- those of them that the agent confirms
    permissions     text[] NOT NULL DEFAULT '{}', -- of the frame
    frame_origins   text[] NOT NULL DEFAULT '{}', -- where else the frame may go
    team_ids        uuid[] NOT NULL DEFAULT '{}', -- who sees it: empty for everybody
    channels        text[] NOT NULL DEFAULT '{}',
    roles           text[] NOT NULL DEFAULT '{}',
    secret          bytea NOT NULL, -- sealed
    previous_secret bytea, -- sealed; signs until previous_until
    previous_until  timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz -- the timeline still names it
);
CREATE INDEX docks_live ON docks (tenant_id, position, id) WHERE deleted_at IS NULL;
ALTER TABLE docks ADD PRIMARY KEY (id, tenant_id); -- last: see conversations

-- A dock that an agent has open. Actions are for the conversation that the session is at, which context_id stands for.
CREATE TABLE dock_sessions (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    dock_id         uuid NOT NULL,
    agent_id        uuid NOT NULL,
    conversation_id uuid NOT NULL,
    context_id      uuid NOT NULL,
    context_at      timestamptz NOT NULL, -- when the agent came to the conversation
    api_key_id      uuid, -- of the agent UI that opened it; null when the agent did
    token_hash      bytea UNIQUE, -- SHA-256 of its token, for those opened with a key
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    FOREIGN KEY (tenant_id, dock_id) REFERENCES docks (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE INDEX dock_sessions_conversation ON dock_sessions (tenant_id, conversation_id, agent_id);
CREATE INDEX dock_sessions_over ON dock_sessions (expires_at);
ALTER TABLE dock_sessions ADD PRIMARY KEY (id, tenant_id);

-- P8: what docks asked for. The rows stay: a request is carried out once, however late it is repeated.
CREATE TABLE dock_actions (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    arrival         bigint GENERATED ALWAYS AS IDENTITY, -- those of a conversation are carried out in this order
    session_id      uuid NOT NULL,
    request_id      text NOT NULL,
    dock_id         uuid NOT NULL,
    agent_id        uuid NOT NULL,
    conversation_id uuid NOT NULL,
    action          text NOT NULL,
    params          jsonb NOT NULL DEFAULT '{}',
    state           text NOT NULL CHECK (state IN ('pending', 'applied', 'rejected', 'expired')),
    error_code      text,
    error_message   text,
    version         bigint, -- of the conversation, when it was applied
    created_at      timestamptz NOT NULL,
    decided_at      timestamptz,
    UNIQUE (session_id, request_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES dock_sessions (tenant_id, id),
    FOREIGN KEY (tenant_id, dock_id) REFERENCES docks (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    CHECK ((state = 'pending') = (decided_at IS NULL))
);
CREATE INDEX dock_actions_rate ON dock_actions (session_id, created_at);
CREATE INDEX dock_actions_pending ON dock_actions (conversation_id, arrival) WHERE state = 'pending';
CREATE INDEX dock_actions_late ON dock_actions (created_at) WHERE state = 'pending';
ALTER TABLE dock_actions ADD PRIMARY KEY (id, tenant_id);

-- P8.2: the row tells the conversation's workflow of one action.
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_kind_check;
ALTER TABLE outbox ADD COLUMN dock_action_id uuid;
