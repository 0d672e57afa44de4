// Package outbox is what Temporal is to be told: rows that are written in the transaction that made them necessary, and are
// claimed by a relay (P1.9).
package outbox

import "github.com/atender/atender/models/postgres"

// Store is the outbox in the database.
type Store struct{ db *postgres.DB }

// New is the outbox in a database.
func New(db *postgres.DB) *Store { return &Store{db} }
