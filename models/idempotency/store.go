// Package idempotency runs a call once for its Idempotency-Key, and keeps the answer (P7).
package idempotency

import "github.com/atender/atender/models/postgres"

// Store is the answers that calls with an Idempotency-Key got.
type Store struct {
	db      *postgres.DB
	flights flights
}

// New is the answers in a database.
func New(db *postgres.DB) *Store { return &Store{db: db} }
