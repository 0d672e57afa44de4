-- +goose Up

-- What the tenant's clocks go by: policies, opening hours, who they apply to, and when done conversations are archived.
-- Every edit of one of them raises time_version in its transaction; a clock remembers the version it was computed with.
ALTER TABLE tenants
    ADD COLUMN time_version    bigint NOT NULL DEFAULT 0, -- 0: never configured, so nothing needs to be read
    ADD COLUMN time_changed_at timestamptz, -- the last edit
    ADD COLUMN time_removed_at timestamptz, -- the last edit that took something away, for which something else stands in
    ADD COLUMN auto_archive    jsonb; -- {days, hours, minutes} of business time; null: off

CREATE TABLE sla_policies (
    tenant_id           uuid NOT NULL REFERENCES tenants (id),
    id                  uuid NOT NULL,
    name                text NOT NULL,
    description         text NOT NULL DEFAULT '',
    ignore_office_hours boolean NOT NULL DEFAULT false,
    pause_while_snoozed boolean NOT NULL DEFAULT false,
    targets             jsonb NOT NULL, -- by metric, one to three: {lowTargetSeconds, normal…, high…, urgent…}
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL
);
CREATE UNIQUE INDEX sla_policies_name ON sla_policies (tenant_id, name);
ALTER TABLE sla_policies ADD PRIMARY KEY (id, tenant_id);

-- A team, a channel, both or neither. A team that is named here cannot be deleted: clocks would change silently.
CREATE TABLE sla_assignments (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    policy_id  uuid NOT NULL,
    team_id    uuid,
    channel    text,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, policy_id) REFERENCES sla_policies (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id)
);
CREATE UNIQUE INDEX sla_assignments_scope ON sla_assignments (tenant_id, policy_id, team_id, channel) NULLS NOT DISTINCT;
CREATE INDEX sla_assignments_team ON sla_assignments (tenant_id, team_id) WHERE team_id IS NOT NULL;
ALTER TABLE sla_assignments ADD PRIMARY KEY (id, tenant_id);

CREATE TABLE opening_hours (
    tenant_id  uuid NOT NULL REFERENCES tenants (id),
    id         uuid NOT NULL,
    name       text NOT NULL,
    rule       jsonb NOT NULL, -- calendar.Rule
    is_default boolean NOT NULL DEFAULT false, -- for conversations that no assignment applies to
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX opening_hours_default ON opening_hours (tenant_id) WHERE is_default;
CREATE UNIQUE INDEX opening_hours_name ON opening_hours (tenant_id, name);
ALTER TABLE opening_hours ADD PRIMARY KEY (id, tenant_id);

CREATE TABLE opening_hours_assignments (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL,
    opening_hours_id uuid NOT NULL,
    team_id          uuid,
    channel          text,
    created_at       timestamptz NOT NULL,
    CHECK (team_id IS NOT NULL OR channel IS NOT NULL), -- for everything else there is the default
    FOREIGN KEY (tenant_id, opening_hours_id) REFERENCES opening_hours (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id)
);
CREATE UNIQUE INDEX opening_hours_assignments_scope ON opening_hours_assignments (tenant_id, opening_hours_id, team_id, channel)
    NULLS NOT DISTINCT;
CREATE INDEX opening_hours_assignments_team ON opening_hours_assignments (tenant_id, team_id) WHERE team_id IS NOT NULL;
ALTER TABLE opening_hours_assignments ADD PRIMARY KEY (id, tenant_id);

-- What a conversation shows of its clocks, so that lists need not read them.
ALTER TABLE conversations
    ADD COLUMN sla_state       text CHECK (sla_state IN ('ok', 'at_risk', 'urgent', 'breached')), -- null: no clock
    ADD COLUMN sla_due_at      timestamptz, -- the next tripwire that has not been crossed
    ADD COLUMN auto_archive_at timestamptz;
CREATE INDEX conversations_sla_due ON conversations (tenant_id, sla_due_at, id) WHERE sla_due_at IS NOT NULL;

-- What came of the clocks: one metric's one cycle, when it has stopped. Which policy it went by is written here, and
-- outlives the policy; team and channel are those the conversation had then. For the report.
CREATE TABLE sla_clocks (
    tenant_id       uuid NOT NULL,
    conversation_id uuid NOT NULL,
    metric          text NOT NULL CHECK (metric IN ('first_reply', 'all_messages', 'resolution')),
    cycle           integer NOT NULL,
    policy_id       uuid NOT NULL,
    policy_name     text NOT NULL,
    team_id         uuid,
    channel         text NOT NULL,
    started_at      timestamptz NOT NULL,
    stopped_at      timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('ok', 'at_risk', 'urgent', 'breached')),
    outcome         text NOT NULL CHECK (outcome IN ('met', 'breached')),
    elapsed_ms      bigint NOT NULL, -- open time
    day             date GENERATED ALWAYS AS ((stopped_at AT TIME ZONE 'UTC')::date) STORED,
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE INDEX sla_clocks_report ON sla_clocks (tenant_id, stopped_at);
ALTER TABLE sla_clocks ADD PRIMARY KEY (conversation_id, metric, cycle);

-- The once-only key of sla.warning and sla.breached: a tripwire is crossed once in a cycle, whoever notices. Not
-- partitioned, so that it holds for ever (P10).
CREATE TABLE sla_crossings (
    tenant_id       uuid NOT NULL,
    conversation_id uuid NOT NULL,
    metric          text NOT NULL,
    cycle           integer NOT NULL,
    tripwire        text NOT NULL CHECK (tripwire IN ('at_risk', 'urgent', 'breached')),
    due_at          timestamptz NOT NULL,
    crossed_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL, -- when it was noticed
    PRIMARY KEY (conversation_id, metric, cycle, tripwire),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);

-- recompute: the tenant's time configuration was edited, and running clocks are to be walked. target_id is the tenant.
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('conversation', 'retry', 'recompute'));
