package account

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/address"
	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/password"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// SignInLinkLife is how long a sign-in link can be used, unless who makes it says otherwise.
const SignInLinkLife = 15 * time.Minute

const (
	// freshLink is how long after signing in by link an agent may choose a password without knowing the old one.
	freshLink = time.Hour
	// maxCandidates bounds the tenants that one attempt to sign in without a tenant is for, since each costs a hash; the
	// attempt makes as many hashes in any case.
	maxCandidates = 5
	// hashing bounds the attempts whose passwords a process hashes at once: each takes 19 MiB.
	hashing = 4
)

// SignIn is an attempt to sign in with a password.
type SignIn struct {
	Email, Password string
	Tenant          *int64 // the tenant's number; needed only if the same e-mail and password are good for several
	Address         string // where the attempt comes from, as an IP address
}

// email is what the attempt names the agent by: one mailbox, however it is spelled.
func (in SignIn) email() string { return address.EmailKey(in.Email) }

// account is what an attempt is for, as it says itself.
func (in SignIn) account() string {
	if in.Tenant != nil {
		return in.email() + "\n" + strconv.FormatInt(*in.Tenant, 10)
	}
	return in.email()
}

// hashes is how many passwords an attempt is held against, whatever is known of its e-mail.
func (in SignIn) hashes() int {
	if in.Tenant != nil {
		return 1 // an e-mail is one agent's within a tenant
	}
	return maxCandidates
}

var errSignIn = problem.New(problem.Unauthorized, problem.CodeSignInFailed, "the e-mail or the password is not right")

// candidate is an agent whom an attempt to sign in may mean.
type candidate struct {
	Agent        Agent `gorm:"embedded"`
	TenantNumber int64
	TenantName   string
	Password     string
}

// SignIn starts a session for the agent with that e-mail and password. Attempts are counted per address, per address and
// e-mail, and per e-mail (throttle.go), whichever process they come to; a throttled one is refused though its password
// were right. How long it takes depends on the request alone: it makes the same number of hashes whether the e-mail is an
// agent's in no tenant, in one or in several.
// Errors: SIGN_IN_FAILED, the same whatever is wrong; SIGN_IN_THROTTLED with details.retryAfter; TENANT_REQUIRED with
// details.tenants if e-mail and password are good for several tenants.
func (s *SignIns) SignIn(ctx context.Context, in SignIn) (_ SignedIn, err error) {
	defer postgres.During(&err, "sign in")
	candidates, err := s.candidates(ctx, in)
	if err != nil {
		return SignedIn{}, err
	}
	counts, err := s.countSignIn(ctx, in, candidates)
	if err != nil {
		return SignedIn{}, err
	}
	right, err := s.tryPassword(ctx, in, candidates)
	switch {
	case err != nil:
		return SignedIn{}, err
	case len(right) == 0:
		return SignedIn{}, errSignIn
	}
	var session SignedIn
	err = s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if err := giveBack(tx, counts); err != nil || len(right) > 1 {
			return err
		}
		if err := rememberPlace(tx, in, right[0].Agent); err != nil {
			return err
		}
		session, err = startSession(tx, right[0].Agent, false)
		return err
	})
	if err == nil && len(right) > 1 {
		err = errWhichTenant(right)
	}
	return session, err
}

// candidates are the active agents with the e-mail. It is the one look-up that no tenant bounds: which tenant it is, is
// what it asks.
func (s *SignIns) candidates(ctx context.Context, in SignIn) (found []candidate, err error) {
	query := `SELECT a.*, t.number AS tenant_number, t.name AS tenant_name, c.password
		FROM agents a JOIN tenants t ON t.id = a.tenant_id
			JOIN agent_credentials c ON c.tenant_id = a.tenant_id AND c.agent_id = a.id
		WHERE a.email_key = ? AND a.is_active`
	args := []any{in.email()}
	if in.Tenant != nil {
		query, args = query+` AND t.number = ?`, append(args, *in.Tenant)
	}
	err = s.db.Main.WithContext(ctx).Raw(query+` ORDER BY a.id LIMIT ?`, append(args, in.hashes())...).Scan(&found).Error
	return found, postgres.Translate(err)
}

// tryPassword returns the candidates whose password it is.
func (s *SignIns) tryPassword(ctx context.Context, in SignIn, candidates []candidate) (right []candidate, err error) {
	matches, err := s.matches(ctx, in.Password, s.heldAgainst(in, candidates))
	if err != nil {
		return nil, err
	}
	for i, c := range candidates {
		if matches[i] {
			right = append(right, c)
		}
	}
	return right, nil
}

// HeldAgainst are the hashes that an attempt's password is held against: as many whether or not there is such an agent, so
// that the time of an answer does not tell. Errors: UNAVAILABLE.
func (s *SignIns) HeldAgainst(ctx context.Context, in SignIn) (_ []string, err error) {
	defer postgres.During(&err, "read failed sign-ins")
	candidates, err := s.candidates(ctx, in)
	return s.heldAgainst(in, candidates), err
}

// heldAgainst are the hashes that an attempt's password is held against: the candidates', and others up to the number
// that any such attempt makes.
func (s *SignIns) heldAgainst(in SignIn, candidates []candidate) []string {
	hashes := make([]string, in.hashes())
	for i := range hashes {
		hashes[i] = s.dummy()
		if i < len(candidates) {
			hashes[i] = candidates[i].Password
		}
	}
	return hashes
}

// matches holds a password against hashes, one after the other, for a few callers at a time.
func (s *SignIns) matches(ctx context.Context, plain string, hashes []string) ([]bool, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	matches := make([]bool, len(hashes))
	for i, hash := range hashes {
		matches[i] = password.Matches(hash, plain)
	}
	return matches, nil
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
	return problem.New(problem.Conflict, problem.CodeTenantRequired,
		"you work for several tenants: say which with tenant, its number").
		With("tenants", tenants)
}

// CreateLink makes the secret of a link that signs the agent in, once, within life. Errors: NOT_FOUND, also for an
// agent who is not active.
func (s *SignIns) CreateLink(ctx context.Context, tenantID, agentID uuid.UUID, life time.Duration) (_ string, err error) {
	defer postgres.During(&err, "create a sign-in link of agent %s", agentID)
	plain, hash := token()
	r := s.db.Main.WithContext(ctx).Exec(`INSERT INTO sign_in_links (tenant_id, id, agent_id, hash, expires_at)
		SELECT tenant_id, ?, id, ?, clock_timestamp() + ?::interval FROM agents WHERE tenant_id = ? AND id = ? AND is_active`,
		ident.New(), hash, life, tenantID, agentID)
	if r.Error == nil && r.RowsAffected == 0 {
		return "", postgres.NotFound(gorm.ErrRecordNotFound, "active agent", agentID)
	}
	return plain, r.Error
}

var errLink = problem.New(problem.Unauthorized, problem.CodeSignInLinkInvalid,
	"this link has been used, has run out, or never was one: ask for another")

// SignInByLink starts a session for the agent whom the link was made for, and uses the link up.
// Errors: SIGN_IN_LINK_INVALID.
func (s *SignIns) SignInByLink(ctx context.Context, plain string) (_ SignedIn, err error) {
	defer postgres.During(&err, "sign in by a link")
	hash := sha256.Sum256([]byte(plain))
	var in SignedIn
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
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
// VALIDATION_FAILED for a password that is too short or too long, common, or the agent's own e-mail or name.
func (s *SignIns) SetPassword(ctx context.Context, tenantID, agentID uuid.UUID, plain string) (err error) {
	defer postgres.During(&err, "set the password of agent %s", agentID)
	own, err := s.ownNames(ctx, tenantID, agentID)
	if err != nil {
		return err
	}
	if wrong := password.Check(plain, own...); wrong != "" {
		return problem.Fields(problem.Field{Field: "password", Code: "invalid", Message: wrong})
	}
	err = s.db.Transact(ctx, func(tx *gorm.DB) error {
		if err := setPassword(tx, tenantID, agentID, s.hash(plain)); err != nil {
			return err
		}
		return endSessions(tx, tenantID, agentID)
	})
	if postgres.PgCode(err) == postgres.CodeForeignKey {
		return postgres.NotFound(gorm.ErrRecordNotFound, "agent", agentID)
	}
	s.keys.auth.forget()
	s.db.Wake(ctx, topicKeys)
	return err
}

// ownNames are what a guesser knows of an agent: e-mail, its parts, name, organisation, and what this product is called.
// Errors: NOT_FOUND.
func (s *SignIns) ownNames(ctx context.Context, tenantID, agentID uuid.UUID) ([]string, error) {
	var of struct{ Email, Name, Tenant string }
	r := s.db.Main.WithContext(
		ctx,
	).Raw(
		`SELECT a.email, a.name, t.name AS tenant FROM agents a JOIN tenants t ON t.id = a.tenant_id
		WHERE a.tenant_id = ? AND a.id = ?`,
		tenantID,
		agentID,
	).Scan(
		&of,
	)
	if r.Error == nil && r.RowsAffected == 0 {
		return nil, postgres.NotFound(gorm.ErrRecordNotFound, "agent", agentID)
	}
	local, domain, _ := strings.Cut(of.Email, "@")
	return []string{of.Email, local, domain, of.Name, of.Tenant, "Atender"}, postgres.Translate(r.Error)
}

func setPassword(tx *gorm.DB, tenantID, agentID uuid.UUID, hash string) error {
	return tx.Exec(`INSERT INTO agent_credentials (tenant_id, agent_id, password, updated_at) VALUES (?, ?, ?, clock_timestamp())
		ON CONFLICT (agent_id, tenant_id) DO UPDATE SET password = excluded.password, updated_at = excluded.updated_at`,
		tenantID, agentID, hash).Error
}

// ChangePassword lets an agent who is signed in choose another password. All sessions of the agent end; the one that asks
// is replaced by the new one in the answer. Who has signed in by link within the last hour need not know the old password.
// Errors: VALIDATION_FAILED for a current password that is not right and a new one that will not do; SIGN_IN_THROTTLED.
func (s *SignIns) ChangePassword(ctx context.Context, p Principal, current, next string) (_ SignedIn, err error) {
	defer postgres.During(&err, "change a password")
	own, err := s.ownNames(ctx, p.TenantID, p.Agent.ID)
	if err != nil {
		return SignedIn{}, err
	}
	if wrong := password.Check(next, own...); wrong != "" {
		return SignedIn{}, problem.Fields(problem.Field{Field: "newPassword", Code: "invalid", Message: wrong})
	}
	if err := s.checkCurrent(ctx, p, current); err != nil {
		return SignedIn{}, err
	}
	hash := s.hash(next)
	var in SignedIn
	err = s.db.Transact(ctx, func(tx *gorm.DB) (err error) {
		if err := giveBack(tx, []count{currentOf(p)}); err != nil {
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
	s.keys.auth.forget()
	s.db.Wake(ctx, topicKeys)
	return in, err
}

// currentOf is the count of attempts at the current password of an agent who is signed in.
func currentOf(p Principal) count { return perCurrent.of(p.TenantID.String(), p.Agent.ID.String()) }

func (s *SignIns) checkCurrent(ctx context.Context, p Principal, current string) error {
	var known struct {
		Password string
		Fresh    bool
	}
	err := s.db.Main.WithContext(ctx).Raw(`SELECT
			coalesce((SELECT password FROM agent_credentials WHERE tenant_id = ? AND agent_id = ?), '') AS password,
			EXISTS (SELECT FROM sessions WHERE tenant_id = ? AND id = ? AND by_link
				AND created_at > clock_timestamp() - ?::interval) AS fresh`,
		p.TenantID, p.Agent.ID, p.TenantID, p.SessionID, freshLink).Scan(&known).Error
	if err != nil || known.Fresh {
		return postgres.Translate(err)
	}
	if err := s.countAttempt(ctx, currentOf(p)); err != nil {
		return err
	}
	ok, err := s.matches(ctx, current, []string{known.Password})
	if err == nil && !ok[0] {
		err = problem.Fields(problem.Field{Field: "currentPassword", Code: "wrong", Message: "is not the agent's password"})
	}
	return err
}

// AgentByEmail finds an agent of a tenant, whatever the e-mail's case. Errors: NOT_FOUND.
func (s *SignIns) AgentByEmail(ctx context.Context, tenantID uuid.UUID, email string) (Agent, error) {
	var a Agent
	err := s.db.Main.WithContext(
		ctx,
	).Take(
		&a,
		"tenant_id = ? AND email_key = ?",
		tenantID,
		address.EmailKey(strings.TrimSpace(email)),
	).Error
	return a, postgres.NotFound(err, "agent with the e-mail", email)
}

// StaffMember is an agent, and whether the agent can sign in with a password.
type StaffMember struct {
	Agent       `gorm:"embedded"`
	HasPassword bool
}

// Staff lists all agents of a tenant, oldest first. Errors: NOT_FOUND for the tenant.
func (s *SignIns) Staff(ctx context.Context, tenantID uuid.UUID) (staff []StaffMember, err error) {
	defer postgres.During(&err, "list who signs in to tenant %s", tenantID)
	if _, err := s.accounts.Tenant(ctx, tenantID); err != nil {
		return nil, err
	}
	err = s.db.Main.WithContext(ctx).Raw(`SELECT a.*, c.agent_id IS NOT NULL AS has_password FROM agents a
		LEFT JOIN agent_credentials c ON c.tenant_id = a.tenant_id AND c.agent_id = a.id
		WHERE a.tenant_id = ? ORDER BY a.id`, tenantID).Scan(&staff).Error
	return staff, err
}
