// Package feed is the events of tenants: how they are rendered, ordered (P6), read page by page, and streamed to consoles.
package feed

import (
	"context"

	"github.com/atender/atender/models/postgres"
)

// Store is the tenants' events in the database, and this process's streams of them.
type Store struct {
	db     *postgres.DB
	stream broadcaster
}

// New is the events in a database.
func New(db *postgres.DB) *Store {
	return &Store{db: db, stream: broadcaster{arrived: make(chan struct{}, 1)}}
}

// Run tells the process's streams what happens, until ctx ends.
func (s *Store) Run(ctx context.Context) { s.runStream(ctx) }
