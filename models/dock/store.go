// Package dock is the tool docks beside a conversation: their settings, sessions and context, and the actions that they ask
// for (P8).
package dock

import (
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/postgres"
)

// Store is the tenants' docks, their sessions beside conversations, and the actions that they ask for.
type Store struct {
	db            *postgres.DB
	keys          *account.Keys
	conversations *conversation.Store
	policy        dockurl.Policy // which URLs a dock may have
}

// New is the docks in a database.
func New(db *postgres.DB, keys *account.Keys, conversations *conversation.Store, policy dockurl.Policy) *Store {
	return &Store{db, keys, conversations, policy}
}
