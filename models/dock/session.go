package dock

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

const (
	// dockSessionLife is how long a session lasts after its context was asked for last.
	dockSessionLife = 12 * time.Hour
	// dockTokenPrefix begins the tokens of sessions, which tells people and secret scanners what they found.
	dockTokenPrefix = "sa_dock_"
)

// Session is a dock that an agent has open. The context binds dock, agent and conversation: an action must name the
// one that is current, so that what was meant for one conversation never happens to the next.
type Session struct {
	TenantID       uuid.UUID
	ID             uuid.UUID
	DockID         uuid.UUID
	AgentID        uuid.UUID
	ConversationID uuid.UUID
	ContextID      uuid.UUID
	ContextAt      time.Time  // when the agent came to the conversation
	APIKeyID       *uuid.UUID // of the agent UI that opened it; nil when the agent did
	TokenHash      []byte     // SHA-256 of its token, for those opened with a key
	CreatedAt      time.Time
	ExpiresAt      time.Time
	ClosedAt       *time.Time
}

// TableName implements GORM's Tabler.
func (Session) TableName() string { return "dock_sessions" }

// NewSession is what a session is made from. AgentID names whom a key opens it for; an agent opens his own.
type NewSession struct {
	DockID, ConversationID uuid.UUID
	AgentID                *uuid.UUID
}

// OpenSession opens a dock beside a conversation: for the agent who asks, or, asked with a key, for the agent it
// names; then the answer has the token that opens this session and nothing else.
// Errors: SCOPE_MISSING for a key without those of scope.DockHost; VALIDATION_FAILED for an agent who is missing,
// unknown or may not read conversations; NOT_FOUND for a conversation, or a dock that this agent does not see beside it.
func (s *Store) OpenSession(ctx context.Context, p account.Principal, in NewSession) (_ wire.DockSession, err error) {
	defer postgres.During(&err, "open a dock session")
	agentID, err := p.DockAgent(in.AgentID)
	if err != nil {
		return wire.DockSession{}, err
	}
	var out wire.DockSession
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		agent, err := findAgent(tx, p.TenantID, agentID)
		if err != nil {
			return err
		}
		if !agent.IsActive || !scope.Grants(scope.OfRole(string(agent.Role)), "conversations:read") {
			return problem.Fields(problem.Field{
				Field: "agentId", Code: "unknown", Message: "there is no active agent of this id who may read conversations",
			})
		}
		now := time.Now()
		session := Session{
			TenantID: p.TenantID, ID: ident.New(), DockID: in.DockID, AgentID: agent.ID, ConversationID: in.ConversationID,
			ContextID: ident.New(), ContextAt: now, CreatedAt: now, ExpiresAt: now.Add(dockSessionLife),
		}
		token := ""
		if p.Agent == nil {
			session.APIKeyID = &p.KeyID
			token, session.TokenHash = newToken()
		}
		if out, err = s.answer(ctx, tx, session, now); err != nil {
			return err
		}
		if token != "" {
			out.SessionToken = &token
		}
		return tx.Create(&session).Error
	})
	return out, err
}

func newToken() (plain string, hash []byte) {
	random := make([]byte, account.TokenBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	plain = dockTokenPrefix + hex.EncodeToString(random)
	sum := sha256.Sum256([]byte(plain))
	return plain, sum[:]
}

// IsToken tells whether a bearer token is one of a dock session, rather than a key.
func IsToken(plain string) bool { return strings.HasPrefix(plain, dockTokenPrefix) }

// Authenticate returns the agent whom the token of a dock session speaks for. What the token opens is that session,
// also when it is over: the caller is told so. Errors: UNAUTHORIZED when there is no such session, its agent is not
// active, or the key that opened it is revoked or lacks one of scope.DockHost; RATE_LIMITED as of Authenticate.
func (s *Store) Authenticate(ctx context.Context, token string) (account.Principal, error) {
	return s.keys.Resolve(ctx, token, account.IsToken(token, dockTokenPrefix), s.findSession, errNoDockSession)
}

var errNoDockSession = problem.New(problem.Unauthorized, problem.CodeUnauthorized,
	"the session token is not valid: open the dock again")

func (s *Store) findSession(ctx context.Context, hash account.TokenHash) (*account.Principal, error) {
	var row struct {
		Agent       account.Agent `gorm:"embedded;embeddedPrefix:a_"`
		SessionID   uuid.UUID
		Environment account.Environment
		CursorKey   []byte
		KeyScopes   postgres.Strings
	}
	r := s.db.Main.WithContext(ctx).Raw(`SELECT `+postgres.Columns[account.Agent]("a", "a_")+`, s.id AS session_id, t.environment, t.cursor_key, k.scopes AS key_scopes
		FROM dock_sessions s JOIN tenants t ON t.id = s.tenant_id
		JOIN agents a ON a.tenant_id = s.tenant_id AND a.id = s.agent_id AND a.is_active
		JOIN api_keys k ON k.tenant_id = s.tenant_id AND k.id = s.api_key_id AND k.is_active
		WHERE s.token_hash = ?`, hash[:]).Scan(&row)
	if r.Error != nil {
		return nil, postgres.Translate(r.Error)
	}
	// A key may have opened it when less was asked of keys.
	if r.RowsAffected == 0 || len(scope.Missing(row.KeyScopes, scope.DockHost...)) > 0 {
		return nil, nil
	}
	return &account.Principal{
		TenantID: row.Agent.TenantID, Environment: row.Environment, CursorKey: row.CursorKey,
		Scopes: scope.OfRole(string(row.Agent.Role)), Agent: &row.Agent, Role: row.Agent.Role, DockSessionID: row.SessionID,
	}, nil
}

// lockSession begins whatever concerns a session. Errors: NOT_FOUND, also for one that is closed, over, another
// agent's, or another session than the principal's token is for.
func lockSession(tx *gorm.DB, p account.Principal, id uuid.UUID) (Session, error) {
	var session Session
	if p.Agent == nil || p.DockSessionID != uuid.Nil && p.DockSessionID != id {
		return session, postgres.NotFound(gorm.ErrRecordNotFound, "dock session", id)
	}
	err := tx.Raw(`SELECT * FROM dock_sessions WHERE tenant_id = ? AND id = ? AND agent_id = ?
		AND closed_at IS NULL AND expires_at > clock_timestamp() FOR NO KEY UPDATE`, p.TenantID, id, p.Agent.ID).Take(&session).Error
	return session, postgres.NotFound(err, "dock session", id)
}

// Context gives a session its context afresh: the conversation as it is now, and a new token with all of its life
// ahead. Errors: NOT_FOUND, also when the agent does not see the dock there any more.
func (s *Store) Context(ctx context.Context, p account.Principal, id uuid.UUID) (wire.DockSession, error) {
	return s.moveSession(ctx, p, id, nil)
}

// MoveSession follows the agent to a conversation. A new context begins, and the old one is stale; at the same
// conversation the context stays. Errors: NOT_FOUND, as of OpenDockSession and for the session.
func (s *Store) MoveSession(ctx context.Context, p account.Principal, id, conversationID uuid.UUID) (wire.DockSession, error) {
	return s.moveSession(ctx, p, id, &conversationID)
}

func (s *Store) moveSession(ctx context.Context, p account.Principal, id uuid.UUID, to *uuid.UUID) (wire.DockSession, error) {
	var out wire.DockSession
	err := s.db.Transact(ctx, func(tx *gorm.DB) error {
		session, err := lockSession(tx, p, id)
		if err != nil {
			return err
		}
		now := time.Now()
		session.ExpiresAt = now.Add(dockSessionLife)
		if to != nil && *to != session.ConversationID {
			session.ConversationID, session.ContextID, session.ContextAt = *to, ident.New(), now
		}
		if out, err = s.answer(ctx, tx, session, now); err != nil {
			return err
		}
		return tx.Exec(`UPDATE dock_sessions SET (conversation_id, context_id, context_at, expires_at) = (?, ?, ?, ?)
			WHERE tenant_id = ? AND id = ?`, session.ConversationID, session.ContextID, session.ContextAt, session.ExpiresAt,
			session.TenantID, session.ID).Error
	})
	return out, err
}

// CloseSession ends a session. What was asked for in it is still carried out. Errors: NOT_FOUND.
func (s *Store) CloseSession(ctx context.Context, p account.Principal, id uuid.UUID) (err error) {
	defer postgres.During(&err, "close dock session %s", id)
	return s.db.Transact(ctx, func(tx *gorm.DB) error {
		session, err := lockSession(tx, p, id)
		if err != nil {
			return err
		}
		return tx.Exec(`UPDATE dock_sessions SET closed_at = clock_timestamp() WHERE tenant_id = ? AND id = ?`,
			session.TenantID, session.ID).Error
	})
}

// dockSessionKept is how long a session that is over is remembered, unless something was asked for in it: its last
// context says when an agent last saw a conversation.
const dockSessionKept = 30 * 24 * time.Hour

// PurgeSessions deletes sessions that have been over for long and asked for nothing, and returns how many.
func (s *Store) PurgeSessions(ctx context.Context) (_ int64, err error) {
	defer postgres.During(&err, "purge dock sessions")
	var purged int64
	for {
		r := s.db.Main.WithContext(ctx).Exec(`DELETE FROM dock_sessions WHERE id IN (SELECT id FROM dock_sessions s
			WHERE expires_at < clock_timestamp() - ?::interval
				AND NOT EXISTS (SELECT FROM dock_actions a WHERE a.session_id = s.id)
			ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED)`, dockSessionKept, postgres.PurgeRows)
		purged += r.RowsAffected
		if r.Error != nil || r.RowsAffected < postgres.PurgeRows {
			return purged, r.Error
		}
	}
}

func findAgent(tx *gorm.DB, tenantID, id uuid.UUID) (account.Agent, error) {
	var a account.Agent
	err := tx.Take(&a, "tenant_id = ? AND id = ?", tenantID, id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return a, nil // the zero Agent: not active
	}
	return a, err
}
