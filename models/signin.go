package models

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/problem"
)

// SignInLinkLife is how long a sign-in link can be used, unless who makes it says otherwise.
const SignInLinkLife = 15 * time.Minute

const (
	// freshLink is how long after signing in by link an agent may choose a password without knowing the old one.
	freshLink = time.Hour
	// maxCandidates bounds the tenants that one attempt to sign in is for, since each costs a hash.
	maxCandidates = 5
	// hashing bounds the passwords that a process hashes at once: each takes 19 MiB.
	hashing = 4
)

// SignIn is an attempt to sign in with a password.
type SignIn struct {
	Email, Password string
	Tenant          *int64 // the tenant's number; needed only if the same e-mail and password are good for several
	Address         string // where the attempt comes from, as an IP address
}

// nobody is what the password of an unknown e-mail is held against, so that the answer takes as long as for a known one.
var nobody = sync.OnceValue(func() string { return password.Hash("nobody has this password") })

var errSignIn = problem.New(problem.Unauthorized, "SIGN_IN_FAILED", "the e-mail or the password is not right")

// candidate is an agent whom an attempt to sign in may mean.
type candidate struct {
	Agent        Agent `gorm:"embedded"`
	TenantNumber int64
	TenantName   string
	Password     string
}

// SignIn starts a session for the agent with that e-mail and password. Attempts are counted per agent and per address,
// whichever process they come to; a throttled one is refused though its password were right.
// Errors: SIGN_IN_FAILED, the same whatever is wrong; SIGN_IN_THROTTLED with details.retryAfter; TENANT_REQUIRED with
// details.tenants if e-mail and password are good for several tenants.
func (s *Store) SignIn(ctx context.Context, in SignIn) (SignedIn, error) {
	nobody() // made once, and not by the first who is nobody
	address := addressSubject(in.Address)
	if _, err := s.countAttempt(ctx, maxPerAddress, address); err != nil {
		return SignedIn{}, err
	}
	candidates, err := s.candidates(ctx, in)
	if err != nil {
		return SignedIn{}, err
	}
	right, err := s.tryPassword(ctx, in, candidates)
	switch {
	case err != nil:
		return SignedIn{}, err
	case len(right) == 0:
		return SignedIn{}, errSignIn
	case len(right) > 1:
		return SignedIn{}, errWhichTenant(right)
	}
	var session SignedIn
	err = s.transact(ctx, func(tx *gorm.DB) (err error) {
		if err := forgiveAttempts(tx, agentSubject(right[0].Agent), address); err != nil {
			return err
		}
		session, err = startSession(tx, right[0].Agent, false)
		return err
	})
	return session, err
}

// candidates are the active agents with the e-mail. It is the one look-up that no tenant bounds: which tenant it is, is
// what it asks.
func (s *Store) candidates(ctx context.Context, in SignIn) (found []candidate, err error) {
	query := `SELECT a.*, t.number AS tenant_number, t.name AS tenant_name, c.password
		FROM agents a JOIN tenants t ON t.id = a.tenant_id
			JOIN agent_credentials c ON c.tenant_id = a.tenant_id AND c.agent_id = a.id
		WHERE lower(a.email) = lower(?) AND a.is_active`
	args := []any{in.Email}
	if in.Tenant != nil {
		query, args = query+` AND t.number = ?`, append(args, *in.Tenant)
	}
	err = s.db.WithContext(ctx).Raw(query+` ORDER BY a.id LIMIT ?`, append(args, maxCandidates)...).Scan(&found).Error
	return found, translate(err)
}

// tryPassword returns the candidates whose password it is. One whose attempts are used up is left out; if none is right,
// that is the error. An e-mail that is nobody's is counted and hashed like another.
func (s *Store) tryPassword(ctx context.Context, in SignIn, candidates []candidate) (right []candidate, err error) {
	if len(candidates) == 0 {
		if _, err := s.countAttempt(ctx, maxPerAgent, emailSubject(in.Email)); err != nil {
			return nil, err
		}
		_, err := s.matches(ctx, nobody(), in.Password)
		return nil, err
	}
	var throttled error
	for _, c := range candidates {
		throttling, err := s.countAttempt(ctx, maxPerAgent, agentSubject(c.Agent))
		if throttling {
			throttled = err
			continue
		}
		if err != nil {
			return nil, err
		}
		ok, err := s.matches(ctx, c.Password, in.Password)
		if err != nil {
			return nil, err
		}
		if ok {
			right = append(right, c)
		}
	}
	if len(right) == 0 {
		return nil, throttled
	}
	return right, nil
}

// matches is password.Matches, for a few at a time.
func (s *Store) matches(ctx context.Context, hash, plain string) (bool, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return password.Matches(hash, plain), nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func errWhichTenant(right []candidate) error {
	type tenant struct {
		Number int64  `json:"number"`
		Name   string `json:"name"`
	}
	tenants := make([]tenant, len(right))
	for i, c := range right {
		tenants[i] = tenant{c.TenantNumber, c.TenantName}
	}
	return problem.New(problem.Conflict, "TENANT_REQUIRED", "you work for several tenants: say which with tenant, its number").
		With("tenants", tenants)
}

// CreateSignInLink makes the secret of a link that signs the agent in, once, within life. Errors: NOT_FOUND, also for an
// agent who is not active.
func (s *Store) CreateSignInLink(ctx context.Context, tenantID, agentID uuid.UUID, life time.Duration) (string, error) {
	plain, hash := token()
	r := s.db.WithContext(ctx).Exec(`INSERT INTO sign_in_links (tenant_id, id, agent_id, hash, expires_at)
		SELECT tenant_id, ?, id, ?, clock_timestamp() + ?::interval FROM agents WHERE tenant_id = ? AND id = ? AND is_active`,
		ident.New(), hash, life, tenantID, agentID)
	if r.Error == nil && r.RowsAffected == 0 {
		return "", notFound(gorm.ErrRecordNotFound, "active agent", agentID)
	}
	return plain, translate(r.Error)
}

var errLink = problem.New(problem.Unauthorized, "SIGN_IN_LINK_INVALID",
	"this link has been used, has run out, or never was one: ask for another")

// SignInByLink starts a session for the agent whom the link was made for, and uses the link up.
// Errors: SIGN_IN_LINK_INVALID.
func (s *Store) SignInByLink(ctx context.Context, plain string) (SignedIn, error) {
	hash := sha256.Sum256([]byte(plain))
	var in SignedIn
	err := s.transact(ctx, func(tx *gorm.DB) error {
		var a Agent
		r := tx.Raw(`WITH used AS (DELETE FROM sign_in_links WHERE hash = ? RETURNING *)
			SELECT a.* FROM used u JOIN agents a ON a.tenant_id = u.tenant_id AND a.id = u.agent_id
			WHERE u.expires_at > clock_timestamp() AND a.is_active`, hash[:]).Scan(&a)
		if r.Error != nil {
			return r.Error
		}
		if r.RowsAffected == 0 {
			return errLink
		}
		var err error
		in, err = startSession(tx, a, true)
		return err
	})
	return in, err
}

// SetPassword gives an agent a password, whatever it was, and signs the agent out everywhere. Errors: NOT_FOUND,
// VALIDATION_FAILED for a password that is too short or too long.
func (s *Store) SetPassword(ctx context.Context, tenantID, agentID uuid.UUID, plain string) error {
	if wrong := password.Check(plain); wrong != "" {
		return problem.Fields(problem.Field{Field: "password", Code: "invalid", Message: wrong})
	}
	err := s.transact(ctx, func(tx *gorm.DB) error {
		if err := setPassword(tx, tenantID, agentID, password.Hash(plain)); err != nil {
			return err
		}
		return endSessions(tx, tenantID, agentID)
	})
	if pgCode(err) == codeForeignKey {
		return notFound(gorm.ErrRecordNotFound, "agent", agentID)
	}
	s.auth.forget()
	s.mark(ctx, topicKeys)
	return err
}

func setPassword(tx *gorm.DB, tenantID, agentID uuid.UUID, hash string) error {
	return tx.Exec(`INSERT INTO agent_credentials (tenant_id, agent_id, password, updated_at) VALUES (?, ?, ?, clock_timestamp())
		ON CONFLICT (agent_id, tenant_id) DO UPDATE SET password = excluded.password, updated_at = excluded.updated_at`,
		tenantID, agentID, hash).Error
}

// ChangePassword lets an agent who is signed in choose another password. All sessions of the agent end; the one that asks
// is replaced by the new one in the answer. Who has signed in by link within the last hour need not know the old password.
// Errors: VALIDATION_FAILED for a current password that is not right and a new one that will not do; SIGN_IN_THROTTLED.
func (s *Store) ChangePassword(ctx context.Context, p Principal, current, next string) (SignedIn, error) {
	if wrong := password.Check(next); wrong != "" {
		return SignedIn{}, problem.Fields(problem.Field{Field: "newPassword", Code: "invalid", Message: wrong})
	}
	if err := s.checkCurrent(ctx, p, current); err != nil {
		return SignedIn{}, err
	}
	hash := password.Hash(next)
	var in SignedIn
	err := s.transact(ctx, func(tx *gorm.DB) (err error) {
		if err := forgiveAttempts(tx, agentSubject(*p.Agent)); err != nil {
			return err
		}
		if err := setPassword(tx, p.TenantID, p.Agent.ID, hash); err != nil {
			return err
		}
		if err := endSessions(tx, p.TenantID, p.Agent.ID); err != nil {
			return err
		}
		in, err = startSession(tx, *p.Agent, false)
		return err
	})
	s.auth.forget()
	s.mark(ctx, topicKeys)
	return in, err
}

func (s *Store) checkCurrent(ctx context.Context, p Principal, current string) error {
	var known struct {
		Password string
		Fresh    bool
	}
	err := s.db.WithContext(ctx).Raw(`SELECT
			coalesce((SELECT password FROM agent_credentials WHERE tenant_id = ? AND agent_id = ?), '') AS password,
			EXISTS (SELECT FROM sessions WHERE tenant_id = ? AND id = ? AND by_link
				AND created_at > clock_timestamp() - ?::interval) AS fresh`,
		p.TenantID, p.Agent.ID, p.TenantID, p.SessionID, freshLink).Scan(&known).Error
	if err != nil || known.Fresh {
		return translate(err)
	}
	if _, err := s.countAttempt(ctx, maxPerAgent, agentSubject(*p.Agent)); err != nil {
		return err
	}
	ok, err := s.matches(ctx, known.Password, current)
	if err == nil && !ok {
		err = problem.Fields(problem.Field{Field: "currentPassword", Code: "wrong", Message: "is not the agent's password"})
	}
	return err
}

// AgentByEmail finds an agent of a tenant, whatever the e-mail's case. Errors: NOT_FOUND.
func (s *Store) AgentByEmail(ctx context.Context, tenantID uuid.UUID, email string) (Agent, error) {
	var a Agent
	err := s.db.WithContext(ctx).Take(&a, "tenant_id = ? AND lower(email) = lower(?)", tenantID, strings.TrimSpace(email)).Error
	return a, notFound(err, "agent with the e-mail", email)
}

// StaffMember is an agent, and whether the agent can sign in with a password.
type StaffMember struct {
	Agent       `gorm:"embedded"`
	HasPassword bool
}

// Staff lists all agents of a tenant, oldest first. Errors: NOT_FOUND for the tenant.
func (s *Store) Staff(ctx context.Context, tenantID uuid.UUID) (staff []StaffMember, err error) {
	if _, err := s.Tenant(ctx, tenantID); err != nil {
		return nil, err
	}
	err = s.db.WithContext(ctx).Raw(`SELECT a.*, c.agent_id IS NOT NULL AS has_password FROM agents a
		LEFT JOIN agent_credentials c ON c.tenant_id = a.tenant_id AND c.agent_id = a.id
		WHERE a.tenant_id = ? ORDER BY a.id`, tenantID).Scan(&staff).Error
	return staff, translate(err)
}
