-- +goose Up

-- When the session's console last said that it is open, which it does once a minute; null for never. Not last_seen_at: a
-- page that is left open is no sign of somebody at work, and must not keep a session from ending.
ALTER TABLE sessions ADD COLUMN watching_at timestamptz;
