package conversation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/groupcommit"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// NewMessage is what a message is made from. The caller has checked shapes and limits.
type NewMessage struct {
	Direction  Direction
	Text, HTML *string
	ExternalID *string    // repeating it in the conversation, or along its line of successors, replays the first answer
	SentAt     *time.Time // shown; clocks use arrival
	AgentID    *uuid.UUID // outbound and note: the agent in whose name a key acts
	Automated  bool       // outbound: not an agent's reply
	Metadata   freeform.Values
	Resolve    bool // outbound: resolve in the same transaction
}

// PostedMessage is a message with the conversation it went to, as it is now.
type PostedMessage struct {
	Message      Message
	Conversation Conversation
	Replayed     bool // nothing happened: the message was there under its external id
}

// PostMessage adds a message to a conversation. A customer's message to an archived conversation goes to its successor:
// the conversation that continues it, made at the first such message.
// Errors: NOT_FOUND, INVALID_TRANSITION (outbound to an archived conversation, resolve of a done one), EXTERNAL_ID_REUSED,
// VALIDATION_FAILED for an agent who is unknown or may not write, UNAVAILABLE.
func (s *Store) PostMessage(
	ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, in NewMessage,
) (_ PostedMessage, err error) {
	defer postgres.During(&err, "add a message to conversation %s", id)
	m, err := s.newPosting(ctx, tenantID, id, actor, in)
	if err != nil {
		return PostedMessage{}, err
	}
	numbers := m.message.numbers
	defer numbers.release()
	if !postgres.IsOneTransaction(ctx) {
		if err := s.share(ctx, m); err != nil {
			return PostedMessage{}, err
		}
		if m.written {
			return m.w.posted(), nil
		}
		if m.message.isBehind {
			if err := numbers.renew(ctx); err != nil {
				return PostedMessage{}, err
			}
		}
	}
	return s.postAlone(ctx, m)
}

// newPosting is a message on its way, with the numbers that it may need, which the caller releases. Errors: VALIDATION_FAILED
// for an agent who is unknown or may not write; UNAVAILABLE.
func (s *Store) newPosting(ctx context.Context, tenantID, id uuid.UUID, actor wire.Actor, in NewMessage) (*member, error) {
	author, err := s.author(ctx, tenantID, actor, in.AgentID)
	if err != nil {
		return nil, err
	}
	numbers, err := s.numbersForMessage(ctx, tenantID) // before the transaction: it has one of its own (P2)
	if err != nil {
		return nil, err
	}
	return &member{
		tenantID: tenantID, actor: author, subjects: groupcommit.Subjects{Common: id},
		message: &posting{id: id, in: in, numbers: numbers},
	}, nil
}

// postAlone adds a message in a transaction of its own.
func (s *Store) postAlone(ctx context.Context, m *member) (posted PostedMessage, err error) {
	in, numbers := m.message.in, m.message.numbers
	post := func(tx *gorm.DB) (w *write, err error) {
		posted = PostedMessage{}
		w, replayOf, err := s.lockForMessage(ctx, tx, m.tenantID, m.message.id, m.actor, in, numbers)
		if err != nil {
			return nil, err
		}
		if replayOf != nil {
			posted, err = s.alreadyPosted(ctx, tx, m.tenantID, *replayOf, in)
			return nil, err
		}
		if err := numbers.take(ctx, w); err != nil {
			return nil, err
		}
		if err := w.post(in); err != nil {
			return nil, w.explainPost(err)
		}
		err = w.save(ctx)
		if postgres.Violates(err, "messages_external_id") || postgres.Violates(err, "conversations_successor") {
			return nil, postgres.ErrRaced // the next try finds what the other made
		}
		return w, err
	}
	w, err := s.writing(ctx, post)
	for err != nil {
		if err = numbers.again(ctx, err); err != nil {
			return posted, err
		}
		w, err = s.writing(ctx, post)
	}
	if w != nil {
		s.counts.alone.Add(1)
		posted = w.posted()
	}
	return posted, nil
}

// PostMessageShared adds a message for a call with an Idempotency-Key together with other writes, and the call's answer with
// it, which it returns; render is a function of what was posted alone.
// Errors: idempotency.ErrAlone where PostMessage has to do it in the call's own unit of work; VALIDATION_FAILED for an agent who
// is unknown or may not write; TENANT_BUSY; UNAVAILABLE, with details.outcome "unknown" where it may have happened.
func (s *Store) PostMessageShared(
	ctx context.Context, call *idempotency.Shared, tenantID, id uuid.UUID, actor wire.Actor, in NewMessage,
	render func(PostedMessage) (idempotency.Answer, error),
) (_ idempotency.Answer, err error) {
	defer postgres.During(&err, "add a message to conversation %s", id)
	m, err := s.newPosting(ctx, tenantID, id, actor, in)
	if err != nil {
		return idempotency.Answer{}, err
	}
	defer m.message.numbers.release()
	return s.shareAnswered(ctx, m, call, func(w *write) (idempotency.Answer, error) { return render(w.posted()) })
}

// author is who writes: an agent whom a key names acts through that key. One who may not change conversations, and so
// could not write either, is refused, as assignees are.
func (s *Store) author(ctx context.Context, tenantID uuid.UUID, actor wire.Actor, agentID *uuid.UUID) (wire.Actor, error) {
	if agentID == nil {
		return actor, nil
	}
	var a account.Agent
	err := s.db.Main.WithContext(ctx).Take(&a, "tenant_id = ? AND id = ? AND is_active", tenantID, *agentID).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return actor, problem.Fields(unknownAgent("agentId", *agentID))
	}
	if err != nil {
		return actor, postgres.Translate(err)
	}
	if !a.Role.MayWork() {
		return actor, problem.Fields(cannotWork("agentId", *agentID, a.Role))
	}
	return a.Actor(&wire.Via{Type: actor.Type, ID: *actor.ID, Name: actor.Name}), nil
}

// lockForMessage locks the conversation that a message belongs to: for a customer's message to an archived one, the
// last of its line of successors, which it makes if that is archived too. The second result is the message that is
// there already under the external id.
func (s *Store) lockForMessage(
	ctx context.Context,
	tx *gorm.DB,
	tenantID, id uuid.UUID,
	actor wire.Actor,
	in NewMessage,
	numbers *numbering,
) (*write, *uuid.UUID, error) {
	for {
		w, replayOf, err := s.lock(ctx, tx, tenantID, id, actor, lockOptions{externalID: in.ExternalID})
		if err != nil || replayOf != nil || w.change.After.ArchivedAt == nil || in.Direction != Inbound {
			return w, replayOf, err
		}
		if err := w.save(ctx); err != nil { // it has archived itself just now
			return nil, nil, err
		}
		var next struct{ ID uuid.UUID }
		err = tx.Raw(`SELECT id FROM conversations WHERE tenant_id = ? AND previous_conversation_id = ?`, tenantID, id).
			Take(&next).
			Error
		switch {
		case err == nil:
			id = next.ID
		case !errors.Is(err, gorm.ErrRecordNotFound):
			return nil, nil, err
		case numbers.successor == nil:
			return nil, nil, errNeedsNumber
		default:
			var team struct{ DefaultTeamID *uuid.UUID }
			err = tx.Raw(`SELECT default_team_id FROM channels WHERE tenant_id = ? AND channel = ?`,
				tenantID, w.conversation.Channel).Take(&team).Error
			if err != nil {
				return nil, nil, err
			}
			// Locked, so that none changes it before the successor is there to get a version for that (P1.5).
			err = tx.Raw(`SELECT * FROM contacts WHERE tenant_id = ? AND id = ? FOR SHARE`, tenantID, w.conversation.ContactID).
				Take(&w.conversation.Contact).Error
			if err != nil {
				return nil, nil, postgres.Doing(err, "lock the contact of a successor")
			}
			number, err := numbers.successor.TakeWithin(ctx, tx, 0)
			if err != nil {
				return nil, nil, err
			}
			next := w.successor(number, team.DefaultTeamID)
			return next, nil, next.openClocks(ctx, s, w.timeVersion)
		}
	}
}

// successor begins the conversation that continues an archived one: same customer, subject and channel, a clean state,
// and the team that a new conversation on the channel gets.
func (w *write) successor(number int64, teamID *uuid.UUID) *write {
	old := w.conversation
	next := newWrite(w.tx, w.actor, w.now)
	next.ids, next.wakeTopics = w.ids, w.wakeTopics
	next.begin(Conversation{
		TenantID: old.TenantID, Number: number, Channel: old.Channel, ChainID: old.ChainID,
		State:                  lifecycle.State{Subject: old.Subject, TeamID: teamID},
		PreviousConversationID: &old.ID, Contact: old.Contact, ContactID: old.ContactID,
	})
	return next
}

// post applies a message to the write.
func (w *write) post(in NewMessage) error {
	m := Message{Direction: in.Direction, Text: in.Text, HTML: in.HTML, ExternalID: in.ExternalID, Metadata: in.Metadata}
	if in.SentAt != nil {
		m.SentAt = *in.SentAt
	}
	if in.Direction == Inbound {
		w.actor = w.customer()
		return w.receive(m)
	}
	m.AuthorType, m.AuthorID, m.AuthorName = w.actor.Type, w.actor.ID, w.actor.Name
	if in.Direction == Note {
		w.change.Note(w.addMessage(m))
		return nil
	}
	m.Automated = in.Automated
	if err := w.change.Send(w.addMessage(m), in.Automated); err != nil {
		return err
	}
	if in.Resolve {
		return w.change.Resolve()
	}
	return nil
}

// explainPost says why a message was refused. To the customer there is a way on from an archived conversation, which is
// named: the conversation that continues it, or else a new one.
func (w *write) explainPost(err error) error {
	t, ok := errors.AsType[*lifecycle.TransitionError](err)
	if !ok || t.From != lifecycle.Archived {
		return explain(err)
	}
	refused := problem.New(problem.Conflict, problem.CodeInvalidTransition,
		"the conversation is archived, and nothing can be sent in it: "+
			"begin a new one with POST /v1/conversations/outbound; a message of the customer here begins one by itself").
		With("from", t.From).With("to", t.To)
	var next struct{ ID uuid.UUID }
	found := w.tx.Raw(`SELECT id FROM conversations WHERE tenant_id = ? AND previous_conversation_id = ?`,
		w.conversation.TenantID, w.conversation.ID).Scan(&next)
	if found.Error != nil {
		return found.Error
	}
	if next.ID != uuid.Nil {
		refused.Message = "the conversation is archived, and nothing can be sent in it: send it in conversation " +
			next.ID.String() + ", which continues it"
		refused = refused.With("nextConversationId", next.ID)
	}
	return refused
}

// errExternalIDReused refuses an external id that is another message's, which the details name.
func errExternalIDReused(first uuid.UUID) error {
	return problem.New(problem.Conflict, problem.CodeExternalIDReused,
		"another message has this externalId, with another direction, text or html: use a new externalId for a new message").
		With("messageId", first)
}

// alreadyPosted answers a repeated external id with the message it made. Errors: EXTERNAL_ID_REUSED when that is another.
func (s *Store) alreadyPosted(
	ctx context.Context, tx *gorm.DB, tenantID, messageID uuid.UUID, in NewMessage,
) (PostedMessage, error) {
	p := PostedMessage{Replayed: true}
	if err := tx.Take(&p.Message, "tenant_id = ? AND id = ?", tenantID, messageID).Error; err != nil {
		return p, err
	}
	first := p.Message
	if first.Direction != in.Direction || postgres.Deref(first.Text) != postgres.Deref(in.Text) ||
		postgres.Deref(first.HTML) != postgres.Deref(in.HTML) {
		return PostedMessage{}, errExternalIDReused(first.ID)
	}
	var err error
	if p.Conversation, err = FindConversation(tx, tenantID, p.Message.ConversationID); err != nil {
		return p, err
	}
	return p, s.ShowClocks(ctx, tx, tenantID, &p.Conversation)
}
