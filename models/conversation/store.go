// Package conversation is the write path (P1) and all that goes through it: conversations with their messages, contacts
// and timeline, what commands and time do to them, and how one is read.
package conversation

import (
	"sync/atomic"
	"time"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/worktime"
)

// Store is the conversations in the database: how they are made, changed and read.
type Store struct {
	db       *postgres.DB
	worktime *worktime.Store
	group    *postgres.Group[*member] // what is written together (P1.10)
	counts   writeCounts
	// computeTime is the constant of that name; a test has none to spare.
	computeTime time.Duration
}

// writeCounts are how many messages and new conversations were written since the start.
type writeCounts struct{ together, alone atomic.Int64 }

// WrittenTogether is how many messages and new conversations were written in the transaction of a group since the start, and how
// many in one of their own, for metrics (P1.10).
func (s *Store) WrittenTogether() (together, alone int64) {
	return s.counts.together.Load(), s.counts.alone.Load()
}

// Waiting is how many messages and new conversations wait for a group to be written with, now.
func (s *Store) Waiting() int { return s.group.Waiting() }

// Contacts is the people that conversations are with.
type Contacts struct {
	db            *postgres.DB
	conversations *Store
}

// Clocks is what time does to conversations: ticks, and the recomputation after an edit of the configuration of
// time.
type Clocks struct {
	db            *postgres.DB
	conversations *Store
	worktime      *worktime.Store
}

// New is the conversations in a database.
func New(db *postgres.DB, times *worktime.Store) (*Store, *Contacts, *Clocks) {
	s := &Store{db: db, worktime: times, computeTime: computeTime}
	s.group = postgres.NewGroup(s.writeGroup)
	return s, &Contacts{db, s}, &Clocks{db, s, times}
}

// ComputeIn changes how long the computation of one conversation's clocks may take: a test has no time to spare for it.
func (s *Store) ComputeIn(d time.Duration) { s.computeTime = d }
