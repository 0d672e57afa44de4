// Package migrations holds the database's versioned SQL, applied by postgres.Migrate.
package migrations

import "embed"

// FS has the migration files, in goose's format.
//
//go:embed *.sql
var FS embed.FS
