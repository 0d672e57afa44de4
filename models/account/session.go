package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/feed"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/scope"
	"github.com/atender/atender/models/wire"
)

// How long a session lives: without a request, and in all.
const (
	SessionIdle = 12 * time.Hour
	SessionLife = 14 * 24 * time.Hour
)

// Session is a browser that is signed in. The token itself is in the browser's cookie; the row has its SHA-256, which is
// enough for 32 random bytes.
type Session struct {
	TenantID   uuid.UUID
	ID         uuid.UUID
	AgentID    uuid.UUID
	Hash       []byte
	ByLink     bool
	CreatedAt  time.Time
	LastSeenAt time.Time // to within a few seconds
}

// SignedIn is a new session.
type SignedIn struct {
	Agent Agent
	Token string // for the cookie; only its hash is stored
}

// token makes 32 random bytes as text, and the SHA-256 that is stored of them.
func token() (plain string, hash []byte) {
	random := make([]byte, TokenBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	plain = base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(plain))
	return plain, sum[:]
}

// startSession signs the agent in. A session always has a token of its own making: none that a browser came with lives on.
func startSession(tx *gorm.DB, a Agent, byLink bool) (SignedIn, error) {
	plain, hash := token()
	err := tx.Exec(`INSERT INTO sessions (tenant_id, id, agent_id, hash, by_link, created_at, last_seen_at)
		VALUES (?, ?, ?, ?, ?, clock_timestamp(), clock_timestamp())`, a.TenantID, ident.New(), a.ID, hash, byLink).Error
	return SignedIn{Agent: a, Token: plain}, err
}

// errNotSignedIn is the one answer to all that is no session: why it is none is not told.
var errNotSignedIn = problem.New(problem.Unauthorized, problem.CodeUnauthorized,
	"you are not signed in, or the session has ended: sign in again")

// Authenticate returns who a session's token belongs to. Errors: UNAUTHORIZED, the same for an unknown token, a
// session that has ended or was idle for too long, and an agent who is not active; RATE_LIMITED as of Authenticate.
func (s *SignIns) Authenticate(ctx context.Context, plain string) (Principal, error) {
	random, err := base64.RawURLEncoding.DecodeString(plain)
	return s.keys.Resolve(ctx, plain, err == nil && len(random) == TokenBytes, s.find, errNotSignedIn)
}

// LiveSession is the condition under which a session s of agent a holds.
const LiveSession = `a.tenant_id = s.tenant_id AND a.id = s.agent_id AND a.is_active
	AND s.created_at > clock_timestamp() - ?::interval AND s.last_seen_at > clock_timestamp() - ?::interval`

func (s *SignIns) find(ctx context.Context, hash [sha256.Size]byte) (*Principal, error) {
	var row struct {
		Agent       Agent `gorm:"embedded"`
		Environment Environment
		CursorKey   []byte
		SessionID   uuid.UUID
	}
	err := s.db.Main.WithContext(ctx).Raw(`SELECT a.*, t.environment, t.cursor_key, s.id AS session_id
		FROM sessions s JOIN agents a ON `+LiveSession+` JOIN tenants t ON t.id = s.tenant_id WHERE s.hash = ?`,
		SessionLife, SessionIdle, hash[:]).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, postgres.Translate(err)
	}
	return &Principal{
		TenantID: row.Agent.TenantID, Environment: row.Environment, CursorKey: row.CursorKey,
		Scopes: scope.OfRole(string(row.Agent.Role)),
		Agent:  &row.Agent, Role: row.Agent.Role, SessionID: row.SessionID,
	}, nil
}

// Lives tells whether the principal's session holds, from the database and not from memory: what lasts longer than
// a request asks now and then, and when PrincipalsChanged says so.
func (s *SignIns) Lives(ctx context.Context, p Principal) (_ bool, err error) {
	defer postgres.During(&err, "read the session of a principal")
	var n int64
	err = s.db.Main.WithContext(ctx).Raw(`SELECT count(*) FROM sessions s JOIN agents a ON `+LiveSession+`
		WHERE s.tenant_id = ? AND s.id = ?`, SessionLife, SessionIdle, p.TenantID, p.SessionID).Scan(&n).Error
	return n == 1, err
}

// WatchingFor is how long an agent counts as online after a console has said that it is open (WatchSession): a little
// longer than the minute after which it says so again.
const WatchingFor = 90 * time.Second

// Watch tells what SessionLives does, and notes that the agent has a console open now. Once a minute is enough.
func (s *SignIns) Watch(ctx context.Context, p Principal) (_ bool, err error) {
	defer postgres.During(&err, "watch the session of a principal")
	r := s.db.Main.WithContext(ctx).Exec(`UPDATE sessions s SET watching_at = clock_timestamp() FROM agents a
		WHERE `+LiveSession+` AND s.tenant_id = ? AND s.id = ?`, SessionLife, SessionIdle, p.TenantID, p.SessionID)
	return r.RowsAffected == 1, r.Error
}

// PrincipalsChanged returns a channel that receives when keys or sessions were ended somewhere, and a function that ends
// it.
func (s *SignIns) PrincipalsChanged() (<-chan struct{}, func()) {
	return s.db.Wakeups.Listen(topicKeys)
}

// End signs the principal's browser out. Every process refuses it within seconds.
func (s *SignIns) End(ctx context.Context, p Principal) (err error) {
	defer postgres.During(&err, "end a session")
	err = s.db.Main.WithContext(ctx).Exec(`DELETE FROM sessions WHERE tenant_id = ? AND id = ?`, p.TenantID, p.SessionID).Error
	s.keys.auth.forget()
	s.db.Wake(ctx, topicKeys)
	return err
}

// EndAll signs an agent out everywhere and takes back the sign-in links that were not used: after a change of the
// password, and when the agent is deactivated.
func (s *SignIns) EndAll(ctx context.Context, tenantID, agentID uuid.UUID) (err error) {
	defer postgres.During(&err, "end the sessions of agent %s", agentID)
	err = s.db.Transact(ctx, func(tx *gorm.DB) error { return endSessions(tx, tenantID, agentID) })
	s.keys.auth.forget()
	s.db.Wake(ctx, topicKeys)
	return err
}

func endSessions(tx *gorm.DB, tenantID, agentID uuid.UUID) error {
	if err := tx.Exec(`DELETE FROM sessions WHERE tenant_id = ? AND agent_id = ?`, tenantID, agentID).Error; err != nil {
		return err
	}
	return tx.Exec(`DELETE FROM sign_in_links WHERE tenant_id = ? AND agent_id = ?`, tenantID, agentID).Error
}

// Purge deletes sessions and links that have run out, and counts of attempts that have no effect any more.
func (s *SignIns) Purge(ctx context.Context) (err error) {
	defer postgres.During(&err, "purge sessions and sign-in links")
	db := s.db.Main.WithContext(ctx)
	for _, r := range []*gorm.DB{
		db.Exec(`DELETE FROM sessions WHERE created_at <= clock_timestamp() - ?::interval
			OR last_seen_at <= clock_timestamp() - ?::interval`, SessionLife, SessionIdle),
		db.Exec(`DELETE FROM sign_in_links WHERE expires_at <= clock_timestamp()`),
		db.Exec(`DELETE FROM sign_in_attempts WHERE started_at <= clock_timestamp() - ?::interval`, perAccount.window),
		db.Exec(`DELETE FROM sign_in_attempts WHERE started_at <= clock_timestamp() - ?::interval
			AND get_byte(subject, 0) NOT IN (?, ?)`, perPair.window, perPairDaily.kind, perAccount.kind),
		db.Exec(`DELETE FROM sign_in_places WHERE seen_at <= clock_timestamp() - ?::interval`, placeLife),
	} {
		if r.Error != nil {
			return r.Error
		}
	}
	return nil
}

// SessionWire is the JSON shape of who is signed in. version and temporalUI are the server's; the latter, empty if there
// is none, is for owners.
func (s *SignIns) SessionWire(ctx context.Context, a Agent, version, temporalUI string) (_ wire.Session, err error) {
	defer postgres.During(&err, "describe the session of agent %s", a.ID)
	t, err := s.accounts.Tenant(ctx, a.TenantID)
	if err != nil {
		return wire.Session{}, err
	}
	teams := []uuid.UUID{}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT team_id FROM team_members WHERE tenant_id = ? AND agent_id = ? ORDER BY team_id`,
		a.TenantID, a.ID).Scan(&teams).Error
	if err != nil {
		return wire.Session{}, err
	}
	var now struct {
		LastPosition int64
		CursorKey    []byte
	}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT f.last_position, t.cursor_key FROM feed f, tenants t WHERE t.id = ?`, t.ID).
		Scan(&now).Error
	out := wire.Session{
		Agent:  wire.SessionAgent{ID: a.ID, Number: a.Number, Name: a.Name, Email: a.Email, TeamIDs: teams},
		Tenant: wire.SessionTenant{ID: t.ID, Number: t.Number, Name: t.Name, Environment: string(t.Environment)},
		Role:   string(a.Role), Scopes: scope.OfRole(string(a.Role)), Version: version,
		EventsAfter: feed.Cursor(feed.Cursors(now.CursorKey), now.LastPosition),
	}
	if a.Role == RoleOwner && temporalUI != "" {
		out.TemporalUIURL = &temporalUI
	}
	return out, err
}
