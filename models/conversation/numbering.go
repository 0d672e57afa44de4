package conversation

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

// behindTries is how often a message comes with a number of a new block where those of its process lay behind
// the conversation's last message. Other processes write there meanwhile, and may be quicker each time; so the
// next one takes its number from the counter itself, under the conversation's lock.
const behindTries = 3

// errNeedsNumber says that a transaction met an archived conversation whose successor must be made:
// conversation numbers are fetched outside transactions.
var errNeedsNumber = errors.New("a successor needs a conversation number")

// errBehind says that no number that this process holds is above that of the conversation's last message (P2).
var errBehind = errors.New("a message needs a number of a new block")

// numbering is the numbers that the write of a message may need, fetched outside its transaction.
type numbering struct {
	store     *Store
	tenantID  uuid.UUID
	message   *postgres.Number
	successor *postgres.Number // nil until it is known that one is needed
	behind    int              // how often the message's number was
}

// numbersForMessage reserves what every message needs. Errors: UNAVAILABLE; ctx's.
func (s *Store) numbersForMessage(ctx context.Context, tenantID uuid.UUID) (*numbering, error) {
	n := &numbering{store: s, tenantID: tenantID}
	return n, n.renew(ctx)
}

// renew reserves a number for the message, of a new block where the one there was has been dropped.
func (n *numbering) renew(ctx context.Context) (err error) {
	n.message.Release()
	n.message, err = n.store.db.Numbers.Reserve(ctx, n.tenantID, postgres.MessageNumbers)
	return err
}

func (n *numbering) release() {
	n.message.Release()
	n.successor.Release()
}

// again fetches what a write has failed for, and returns nil when it can be tried again; or else its error.
func (n *numbering) again(ctx context.Context, failed error) (err error) {
	switch {
	case errors.Is(failed, errNeedsNumber) && n.successor == nil:
		n.successor, err = n.store.db.Numbers.Reserve(ctx, n.tenantID, postgres.ConversationNumbers)
	case errors.Is(failed, errBehind) && n.behind < behindTries:
		n.behind++
		err = n.renew(ctx)
	default:
		return failed
	}
	return err
}

// take gives the message of a write its number, above that of the conversation's last one (P2). Errors: errBehind.
func (n *numbering) take(ctx context.Context, w *write) (err error) {
	if n.behind == behindTries {
		w.messageNumber, err = n.message.TakeWithin(ctx, w.tx, w.conversation.LastMessageNumber)
		return err
	}
	var above bool
	if w.messageNumber, above = n.message.Take(w.conversation.LastMessageNumber); !above {
		return errBehind
	}
	return nil
}

// creationNumbers are the numbers that a creation may need, fetched outside its transaction.
type creationNumbers struct {
	conversation, contact, message *postgres.Number
	alone                          bool // its transaction has no other member, whom it would keep waiting
}

// numbersForCreation reserves them. Errors: UNAVAILABLE; ctx's.
func (s *Store) numbersForCreation(ctx context.Context, tenantID uuid.UUID) (n creationNumbers, err error) {
	defer func() {
		if err != nil {
			n.release()
		}
	}()
	if n.conversation, err = s.db.Numbers.Reserve(ctx, tenantID, postgres.ConversationNumbers); err != nil {
		return n, err
	}
	if n.contact, err = s.db.Numbers.Reserve(ctx, tenantID, postgres.ContactNumbers); err != nil {
		return n, err
	}
	n.message, err = s.db.Numbers.Reserve(ctx, tenantID, postgres.MessageNumbers)
	return n, err
}

func (n creationNumbers) release() {
	n.conversation.Release()
	n.contact.Release()
	n.message.Release()
}

// take gives a creation its numbers: the conversation's, that of a new contact, and its message's, which the
// write gets. Errors: errBehind, for a member of a group.
func (m *creating) take(ctx context.Context, w *write, newContact bool) (conversation, contact int64, err error) {
	for _, one := range []struct {
		from   *postgres.Number
		wanted bool
		to     *int64
	}{
		{m.numbers.conversation, true, &conversation}, {m.numbers.contact, newContact, &contact},
		{m.numbers.message, m.in.Message != nil, &w.messageNumber},
	} {
		if !one.wanted {
			continue
		}
		var ok bool
		if *one.to, ok = one.from.Take(0); ok {
			continue
		}
		if !m.numbers.alone {
			return 0, 0, errBehind
		}
		if *one.to, err = one.from.TakeWithin(ctx, w.tx, 0); err != nil {
			return 0, 0, err
		}
	}
	return conversation, contact, nil
}
