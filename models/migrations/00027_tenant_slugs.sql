-- +goose NO TRANSACTION
-- +goose Up

-- A tenant has a slug, by which the ids of its workflows name it (P12). Processes of the version before know none while they
-- still run: what they make gets one by the column's default. None of this holds a lock for longer than it takes to go over the
-- tenants' rows, and none changes what is there already when it is run again.
ALTER TABLE tenants ADD COLUMN IF NOT EXISTS slug text COLLATE "C",
    ALTER COLUMN slug SET DEFAULT 'tenant-' || translate(left(gen_random_uuid()::text, 13), '-', '');

-- The tenants that are there get theirs from their names, as account.CreateTenant makes them: those that came first, the plain
-- one; a sandbox, that of its twin with -sandbox behind it.
-- +goose StatementBegin
DO $$
DECLARE
    t record;
    base text;
    n int;
    wanted text;
BEGIN
    FOR t IN SELECT p.id, p.number, p.name, s.id AS sandbox FROM tenants p LEFT JOIN tenants s ON s.sandbox_of = p.id
        WHERE p.slug IS NULL AND p.sandbox_of IS NULL ORDER BY p.number
    LOOP
        base := translate(normalize(t.name, NFKD), 'ABCDEFGHIJKLMNOPQRSTUVWXYZØÐŁ', 'abcdefghijklmnopqrstuvwxyzødł');
        base := replace(replace(replace(base, 'Æ', 'ae'), 'æ', 'ae'), 'ß', 'ss');
        base := regexp_replace(translate(base, 'øðł', 'odl'), '[\u0300-\u036f]', '', 'g');
        base := trim(BOTH '-' FROM left(trim(BOTH '-' FROM regexp_replace(base, '[^a-z0-9]+', '-', 'g')), 32));
        IF base = '' THEN
            base := 'tenant-' || t.number;
        END IF;
        n := 1;
        LOOP
            wanted := base || CASE WHEN n > 1 THEN '-' || n ELSE '' END;
            EXIT WHEN NOT EXISTS (SELECT FROM tenants x WHERE x.slug IN (wanted, wanted || '-sandbox'));
            n := n + 1;
        END LOOP;
        UPDATE tenants SET slug = wanted WHERE id = t.id;
        UPDATE tenants SET slug = wanted || '-sandbox' WHERE id = t.sandbox AND slug IS NULL;
    END LOOP;
    -- Of a sandbox that an interrupted run had left without.
    UPDATE tenants s SET slug = p.slug || '-sandbox' FROM tenants p WHERE s.sandbox_of = p.id AND s.slug IS NULL;
END
$$;
-- +goose StatementEnd

DROP INDEX CONCURRENTLY IF EXISTS tenants_slug;
CREATE UNIQUE INDEX CONCURRENTLY tenants_slug ON tenants (slug);
ALTER TABLE tenants ALTER COLUMN slug SET NOT NULL;
ALTER TABLE tenants DROP CONSTRAINT IF EXISTS tenants_slug_form;
ALTER TABLE tenants ADD CONSTRAINT tenants_slug_form CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$');

-- A row may be for a workflow under an id that it had before (P12.3). Processes of the version before, which know of none, tell the
-- one under the id that they know.
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS workflow_id text;
