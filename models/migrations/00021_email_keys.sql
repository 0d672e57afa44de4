-- +goose Up

-- The keys are there (00020, migrations.Fill): from now on they alone say which contacts and agents are one. The names stay,
-- since processes of the version before know their conflicts by them.
DROP INDEX contacts_email;
ALTER INDEX contacts_email_key RENAME TO contacts_email;
DROP INDEX agents_email;
ALTER INDEX agents_email_key RENAME TO agents_email;
