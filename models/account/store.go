// Package account is who uses an installation: tenants with their agents, teams and channels; API keys, sessions and signing
// in; who a call comes from (Principal), and how many calls it may make (P11).
package account

import (
	"context"
	"crypto/rand"
	"sync"

	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/postgres"
)

// Store is the tenants, their agents, teams and channels in the database.
type Store struct {
	db   *postgres.DB
	keys *Keys
}

// Keys is the API keys, and what this process knows of keys and sessions that came with calls.
type Keys struct {
	db       *postgres.DB
	accounts *Store
	auth     authCache
	guesses  guesses
	usage    keyUsage
}

// SignIns is how agents sign in, and their sessions.
type SignIns struct {
	db       *postgres.DB
	accounts *Store
	keys     *Keys
	hashing  chan struct{} // has an element for each password that is being hashed
	hash     func(plain string) string
	dummy    func() string // the hash that a password is held against in place of the agents that there are not
}

// Limiter is the rate limits of callers (P11).
type Limiter struct {
	db         *postgres.DB
	rates      rateLimiter
	background context.Context // ends with the limiter
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// New is the accounts in a database. hash makes the hashes that passwords are kept as: password.Hash when nil.
func New(db *postgres.DB, hash func(plain string) string) (*Store, *Keys, *SignIns) {
	if hash == nil {
		hash = password.Hash
	}
	accounts := &Store{db: db}
	keys := &Keys{db: db, accounts: accounts}
	accounts.keys = keys
	db.OnWake(topicKeys, keys.auth.forget)
	db.OnWake(topicNewKey, keys.auth.forgetRefused)
	return accounts, keys, &SignIns{
		db: db, accounts: accounts, keys: keys, hashing: make(chan struct{}, hashing), hash: hash,
		dummy: sync.OnceValue(func() string { return hash(rand.Text()) }),
	}
}

// Run keeps what the process knows of keys true, and writes when they were used, until ctx ends.
func (s *Keys) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.runCache(ctx) })
	running.Go(func() { s.runUsage(ctx) })
	running.Wait()
}

// NewLimiter is the rate limits in a database. Close ends it.
func NewLimiter(ctx context.Context, db *postgres.DB) *Limiter {
	l := &Limiter{db: db}
	l.background, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	return l
}

// Close gives no more leases, and waits for those that are under way.
func (s *Limiter) Close() {
	s.rates.close()
	s.stop()
	s.running.Wait()
}
