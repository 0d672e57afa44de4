-- +goose Up

-- Until when terms were in force that a conversation may still go by: what they had archived by then is not saved by the
-- edit. The last hundred edits are remembered; the walk brings a conversation up to date long before there are more.
ALTER TABLE tenants
    ADD COLUMN time_edits timestamptz[] NOT NULL DEFAULT '{}'; -- when the versions up to time_version began, the newest last
UPDATE tenants SET time_edits = ARRAY[time_changed_at] WHERE time_changed_at IS NOT NULL;
