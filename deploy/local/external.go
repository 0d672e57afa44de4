package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// databaseMark is the comment on a database that the local stack works in.
const databaseMark = "made by atender dev"

// claimDatabase checks that a database that was given from outside is empty or was claimed before, and marks it.
// The demo writes tenants with keys that lie readable in a file, which must never happen to real data.
func claimDatabase(ctx context.Context, databaseURL string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("ATENDER_DATABASE_URL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	var name, comment string
	var relations int
	err = conn.QueryRow(ctx, `
		SELECT current_database(),
		       coalesce(shobj_description(d.oid, 'pg_database'), ''),
		       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
		FROM pg_database d WHERE d.datname = current_database()`).Scan(&name, &comment, &relations)
	switch {
	case err != nil:
		return fmt.Errorf("ATENDER_DATABASE_URL: %w", err)
	case comment == databaseMark:
		return nil
	case relations > 0:
		return fmt.Errorf("ATENDER_DATABASE_URL: the database %q is neither empty nor made by atender dev, which would "+
			"write demo data into it: unset the variable to get a private PostgreSQL, or name an empty database", name)
	}
	_, err = conn.Exec(ctx, `COMMENT ON DATABASE `+pgx.Identifier{name}.Sanitize()+` IS '`+databaseMark+`'`)
	if err != nil {
		return errors.Join(fmt.Errorf("ATENDER_DATABASE_URL: the database %q cannot be marked as atender dev's: its user "+
			"has to own it", name), err)
	}
	return nil
}
