// Package webhook is the tenants' webhooks: subscriptions, deliveries, what came of attempts, retries, circuits, replays and
// the log (P4, P5).
package webhook

import (
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/target"
)

// Store is the tenants' webhooks (subscriptions), their deliveries and what became of them, in the database.
type Store struct {
	db       *postgres.DB
	accounts *account.Store
	targets  target.Policy // which URLs a subscription may have
}

// Replays is the orders to deliver again what was delivered, or was missed, before.
type Replays struct {
	db       *postgres.DB
	webhooks *Store
}

// New is the webhooks in a database.
func New(db *postgres.DB, accounts *account.Store, targets target.Policy) (*Store, *Replays) {
	s := &Store{db, accounts, targets}
	return s, &Replays{db, s}
}
