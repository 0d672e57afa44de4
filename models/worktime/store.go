// Package worktime is the tenants' configuration of time: opening hours, SLA policies, what they are assigned to, and the rules
// that are compiled of them.
package worktime

import "github.com/atender/atender/models/postgres"

// Store is the tenants' opening hours, SLA policies and settings of time in the database, and what this process has
// compiled of them.
type Store struct {
	db    *postgres.DB
	times timeCache
}

// New is the configuration of time in a database.
func New(db *postgres.DB) *Store { return &Store{db: db} }
