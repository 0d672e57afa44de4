-- +goose Up

-- Who may sign in with a password. An agent without a row signs in by link, and can then choose one.
CREATE TABLE agent_credentials (
    tenant_id  uuid NOT NULL,
    agent_id   uuid NOT NULL,
    password   text NOT NULL, -- argon2id, in PHC string format
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE agent_credentials ADD PRIMARY KEY (agent_id, tenant_id);

-- Whoever signs in says who they are by e-mail, before it is known which tenant they mean.
CREATE INDEX agents_sign_in ON agents (lower(email));

-- A browser that is signed in. What ends a session deletes its row.
CREATE TABLE sessions (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    agent_id     uuid NOT NULL,
    hash         bytea NOT NULL UNIQUE, -- SHA-256 of the cookie's 32 random bytes
    by_link      boolean NOT NULL, -- made by a sign-in link: may set a password without knowing the old one
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL, -- to within a few seconds
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_agent ON sessions (tenant_id, agent_id);
ALTER TABLE sessions ADD PRIMARY KEY (id, tenant_id);

-- Links that sign an agent in, once: using one deletes its row.
CREATE TABLE sign_in_links (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    agent_id   uuid NOT NULL,
    hash       bytea NOT NULL UNIQUE, -- SHA-256 of the link's 32 random bytes
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sign_in_links_agent ON sign_in_links (tenant_id, agent_id);
ALTER TABLE sign_in_links ADD PRIMARY KEY (id, tenant_id);

-- How often somebody tried to sign in of late. Of no tenant: the e-mail may be nobody's, an address is everybody's.
CREATE TABLE sign_in_attempts (
    subject    bytea PRIMARY KEY, -- SHA-256 of what is counted, an e-mail or an address
    attempts   integer NOT NULL,
    started_at timestamptz NOT NULL -- of the window that is counted in
);
CREATE INDEX sign_in_attempts_started ON sign_in_attempts (started_at);

-- Requests per API key, counted in memory and added up here every few seconds.
CREATE TABLE api_key_usage (
    tenant_id uuid NOT NULL,
    key_id    uuid NOT NULL,
    day       date NOT NULL, -- UTC
    endpoint  text NOT NULL, -- method and route as the API's document writes them
    status    smallint NOT NULL, -- class: 2 for 2xx
    requests  bigint NOT NULL,
    FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX api_key_usage_day ON api_key_usage (day);
ALTER TABLE api_key_usage ADD PRIMARY KEY (key_id, day, endpoint, status, tenant_id);
