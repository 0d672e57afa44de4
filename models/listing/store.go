// Package listing finds conversations and contacts: by filters, in the orders of lists, and by words.
package listing

import (
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// Store is the lists of what is in the database.
type Store struct {
	db            *postgres.DB
	conversations *conversation.Store
}

// New is the lists in a database.
func New(db *postgres.DB, conversations *conversation.Store) *Store { return &Store{db, conversations} }
