package models_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

const secret = "correct horse battery"

func (b *bench) person(tenant account.Tenant, email string, role account.Role, password string) account.Agent {
	b.t.Helper()
	a, err := b.Accounts.CreateAgent(b.t.Context(), tenant.ID, account.NewAgent{Name: "Ada", Email: email, Role: role})
	require.NoError(b.t, err)
	if password != "" {
		require.NoError(b.t, b.SignIns.SetPassword(b.t.Context(), tenant.ID, a.ID, password))
	}
	return a
}

func (b *bench) signIn(email, password string) (account.SignedIn, error) {
	return b.SignIns.SignIn(b.t.Context(), account.SignIn{Email: email, Password: password, Address: "192.0.2.1"})
}

func TestAnAgentSignsInAndOut(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleLead, secret)
	in, err := b.signIn("ADA@example.com", secret)
	require.NoError(t, err)

	p, err := b.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)
	require.Equal(t, b.tenant.ID, p.TenantID)
	require.Equal(t, ada.ID, p.ID())
	require.Equal(t, account.RoleLead, p.Role)
	require.True(t, p.Can("conversations:write"))
	require.False(t, p.Can("settings:write"))
	require.Equal(t, ada.Actor(nil), p.Actor())

	other := b.open() // another process, which knows the session already
	_, err = other.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)
	require.NoError(t, b.SignIns.End(t.Context(), p))
	_, err = b.SignIns.Authenticate(t.Context(), in.Token)
	requireProblem(t, err, "UNAUTHORIZED")
	require.Eventually(t, func() bool {
		_, err := other.SignIns.Authenticate(t.Context(), in.Token)
		return err != nil
	}, 4*time.Second, 5*time.Millisecond, "before its memory runs out: it is told")
}

func TestNothingThatOpensADoorIsStored(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	in, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	link, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Hour)
	require.NoError(t, err)
	require.Zero(t, b.count(`SELECT count(*) FROM sessions s WHERE s::text LIKE '%' || $1 || '%'`, in.Token))
	require.Zero(t, b.count(`SELECT count(*) FROM sign_in_links l WHERE l::text LIKE '%' || $1 || '%'`, link))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM agent_credentials WHERE password LIKE '$argon2id$%'`))
	require.Zero(t, b.count(`SELECT count(*) FROM sign_in_attempts a WHERE a::text LIKE '%ada%'`))
}

func TestASessionEndsWithTimeAndWithItsAgent(t *testing.T) {
	for name, end := range map[string]string{
		"idle":     `UPDATE sessions SET last_seen_at = now() - interval '12 hours 1 second'`,
		"old":      `UPDATE sessions SET created_at = now() - interval '14 days 1 second'`,
		"inactive": `UPDATE agents SET is_active = false`,
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
			in, err := b.signIn("ada@example.com", secret)
			require.NoError(t, err)
			p, err := b.open().SignIns.Authenticate(t.Context(), in.Token)
			require.NoError(t, err)
			b.exec(end)
			_, err = b.SignIns.Authenticate(t.Context(), in.Token)
			requireProblem(t, err, "UNAUTHORIZED")
			lives, err := b.SignIns.Lives(t.Context(), p)
			require.NoError(t, err)
			require.False(t, lives)
		})
	}
}

func TestWhoIsRefusedLearnsNothing(t *testing.T) {
	b := setup(t)
	b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	b.person(b.tenant, "bob@example.com", account.RoleAgent, "")
	gone := b.person(b.tenant, "gone@example.com", account.RoleAgent, secret)
	b.exec(`UPDATE agents SET is_active = false WHERE id = $1`, gone.ID)
	said := map[string]bool{}
	for _, email := range []string{"ada@example.com", "bob@example.com", "nobody@example.com", "", "%"} {
		_, err := b.signIn(email, "wrong wrong wrong")
		requireProblem(t, err, "SIGN_IN_FAILED")
		said[err.Error()] = true
	}
	_, err := b.signIn("gone@example.com", secret)
	requireProblem(t, err, "SIGN_IN_FAILED")
	said[err.Error()] = true
	require.Len(t, said, 1)
}

func TestGuessingIsThrottledAcrossProcesses(t *testing.T) {
	b := setup(t)
	b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	processes := []*models.Store{b.Store, b.open()}
	var wait sync.WaitGroup
	var mu sync.Mutex
	refused := map[string]int{}
	for i := range 24 {
		wait.Go(func() {
			_, err := processes[i%2].SignIns.SignIn(t.Context(), account.SignIn{
				Email: "ada@example.com", Password: "wrong wrong wrong", Address: fmt.Sprintf("2001:db8::%d", i),
			})
			p, _ := problem.As(err)
			mu.Lock()
			defer mu.Unlock()
			refused[p.Code]++
		})
	}
	wait.Wait()
	require.Equal(t, map[string]int{"SIGN_IN_FAILED": 10, "SIGN_IN_THROTTLED": 14}, refused)
	there := account.SignIn{Email: "ada@example.com", Password: secret, Address: "2001:db8::ffff"}
	_, err := b.SignIns.SignIn(t.Context(), there)
	requireProblem(t, err, "SIGN_IN_THROTTLED")
	p, _ := problem.As(err)
	require.InDelta(t, 900, p.Details["retryAfter"], 60)
	_, err = b.signIn("ada@example.com", secret)
	require.NoError(t, err, "from elsewhere the agent gets in")

	b.exec(`UPDATE sign_in_attempts SET started_at = started_at - interval '15 minutes'`)
	_, err = b.SignIns.SignIn(t.Context(), there)
	require.NoError(t, err, "the window is over")
}

// attempts puts counts in place of attempts, each of which would take a hash: all of a kind, or of those that a failed
// attempt makes.
func (b *bench) attempts(kind, n int) {
	b.t.Helper()
	b.exec(`UPDATE sign_in_attempts SET attempts = $2 WHERE get_byte(subject, 0) = $1`, kind, n)
}

// An address that guesses all day keeps the agent out from nowhere else: it comes to its own bound long before it brings
// the account to its own.
func TestOneAddressDoesNotKeepAnAgentOut(t *testing.T) {
	b := setup(t)
	b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	guess := account.SignIn{Email: "ada@example.com", Password: "wrong wrong wrong", Address: "198.51.100.7"}
	codes := map[string]int{}
	for range 5 {
		for range 11 {
			_, err := b.SignIns.SignIn(t.Context(), guess)
			p, _ := problem.As(err)
			codes[p.Code]++
		}
		b.exec(`UPDATE sign_in_attempts SET started_at = started_at - interval '15 minutes'`)
	}
	require.Equal(t, 30, codes["SIGN_IN_FAILED"], "a day's guesses of one address")
	require.Equal(t, 30, b.count(`SELECT attempts FROM sign_in_attempts WHERE get_byte(subject, 0) = 4`))
	_, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
}

// Guesses from everywhere come to an end, for known and unknown e-mails alike; the agent gets in from where the agent has
// signed in before, and by link.
func TestGuessingFromEverywhereIsBoundedAndDoesNotKeepAnAgentOut(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	_, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		from := func(address string) string {
			_, err := b.SignIns.SignIn(t.Context(), account.SignIn{Email: email, Password: "wrong wrong wrong", Address: address})
			p, _ := problem.As(err)
			return p.Code
		}
		require.Equal(t, "SIGN_IN_FAILED", from("198.51.100.1"))
		b.attempts(4, 300)
		require.Equal(t, "SIGN_IN_THROTTLED", from("198.51.100.2"))
	}
	_, err = b.SignIns.SignIn(t.Context(), account.SignIn{Email: "ada@example.com", Password: secret, Address: "198.51.100.3"})
	requireProblem(t, err, "SIGN_IN_THROTTLED")
	_, err = b.signIn("ada@example.com", secret)
	require.NoError(t, err, "from where she has signed in before")
	link, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	_, err = b.SignIns.SignInByLink(t.Context(), link)
	require.NoError(t, err)

	// Who has the e-mail in a tenant of their own and signs in there does not make the place known for hers.
	second, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Second"})
	require.NoError(t, err)
	b.person(second, "ada@example.com", account.RoleOwner, "known to the attacker")
	b.exec(`DELETE FROM sign_in_attempts`)
	at := account.SignIn{Email: "ada@example.com", Password: "known to the attacker", Address: "198.51.100.4"}
	_, err = b.SignIns.SignIn(t.Context(), at)
	require.NoError(t, err)
	b.attempts(4, 300)
	_, err = b.SignIns.SignIn(t.Context(), at)
	requireProblem(t, err, "SIGN_IN_THROTTLED")
}

// An attempt costs the same number of hashes whatever is known of its e-mail, so its time says nothing.
func TestAnAttemptMakesAsManyHashesForEveryEMail(t *testing.T) {
	b := setupAlone(t, func(o *models.Options) { o.HashPassword = nil }) // at the cost that passwords have
	number := int64(1)
	b.person(b.tenant, "one@example.com", account.RoleAgent, secret)
	b.person(b.tenant, "two@example.com", account.RoleAgent, secret)
	for i := range 6 {
		made, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: fmt.Sprint("Another ", i)})
		require.NoError(t, err)
		b.person(made, "many@example.com", account.RoleAgent, secret)
		if i == 0 {
			b.person(made, "two@example.com", account.RoleAgent, secret)
		}
	}
	for _, email := range []string{"nobody@example.com", "one@example.com", "two@example.com", "many@example.com"} {
		for tenant, want := range map[*int64]int{nil: 5, &number: 1} {
			hashes, err := b.SignIns.HeldAgainst(t.Context(), account.SignIn{Email: email, Tenant: tenant})
			require.NoError(t, err)
			require.Len(t, hashes, want, email)
			for _, hash := range hashes {
				require.Contains(t, hash, "$argon2id$v=19$m=19456,t=2,p=1$", "of the same cost")
			}
		}
	}
}

// The table of attempts has a bound: there are only so many rows for each kind of subject, and old ones go.
func TestAttemptsHaveABoundedNumberOfRows(t *testing.T) {
	b := setup(t)
	for i := range 3 {
		email := fmt.Sprintf("%d@example.com", i)
		_, err := b.SignIns.SignIn(t.Context(), account.SignIn{Email: email, Password: secret, Address: "192.0.2.1"})
		requireProblem(t, err, "SIGN_IN_FAILED")
	}
	require.Equal(t, 1+3*3, b.count(`SELECT count(*) FROM sign_in_attempts`))
	require.Zero(t, b.count(`SELECT count(*) FROM sign_in_attempts WHERE length(subject) <> 4 OR get_byte(subject, 1) >= 16`),
		"a kind and 20 bits")
	b.exec(`UPDATE sign_in_attempts SET started_at = now() - interval '15 minutes'`)
	require.NoError(t, b.SignIns.Purge(t.Context()))
	require.Equal(t, 2*3, b.count(`SELECT count(*) FROM sign_in_attempts`), "those of a day")
	b.exec(`UPDATE sign_in_attempts SET started_at = now() - interval '1 day'`)
	require.NoError(t, b.SignIns.Purge(t.Context()))
	require.Zero(t, b.count(`SELECT count(*) FROM sign_in_attempts`))
}

func TestAPasswordThatGuessersTryFirstIsNotTaken(t *testing.T) {
	b := setup(t)
	b.exec(`UPDATE tenants SET name = 'Nordic Chairs'`)
	ada := b.person(b.tenant, "ada.lovelace@example.com", account.RoleAgent, "")
	for _, guess := range []string{"password1234", "ada.lovelace@example.com", "Ada.Lovelace1", "Nordic-Chairs!",
		"atender123456"} {
		err := b.SignIns.SetPassword(t.Context(), b.tenant.ID, ada.ID, guess)
		requireField(t, err, "password")
	}
	link, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	in, err := b.SignIns.SignInByLink(t.Context(), link)
	require.NoError(t, err)
	p, err := b.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)
	_, err = b.SignIns.ChangePassword(t.Context(), p, "", "nordicchairs2024")
	requireField(t, err, "newPassword")
	require.NoError(t, b.SignIns.SetPassword(t.Context(), b.tenant.ID, ada.ID, secret))
}

func TestUnknownEMailsAreThrottledLikeKnownOnes(t *testing.T) {
	b := setup(t)
	for range 10 {
		_, err := b.signIn("nobody@example.com", secret)
		requireProblem(t, err, "SIGN_IN_FAILED")
	}
	_, err := b.signIn("Nobody@example.com", secret)
	requireProblem(t, err, "SIGN_IN_THROTTLED")
}

func TestAnAddressIsThrottledWhateverItTries(t *testing.T) {
	b := setup(t)
	b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	for range 3 { // signing in is given back
		_, err := b.signIn("ada@example.com", secret)
		require.NoError(t, err)
	}
	for i := range 60 {
		address := fmt.Sprintf("2001:db8::%x", i) // one customer's network
		_, err := b.SignIns.SignIn(t.Context(), account.SignIn{Email: fmt.Sprintf("%d@example.com", i), Address: address})
		requireProblem(t, err, "SIGN_IN_FAILED")
	}
	_, err := b.SignIns.SignIn(t.Context(), account.SignIn{Email: "ada@example.com", Password: secret, Address: "2001:db8::ffff"})
	requireProblem(t, err, "SIGN_IN_THROTTLED")
	_, err = b.SignIns.SignIn(t.Context(), account.SignIn{Email: "ada@example.com", Password: secret, Address: "2001:db8:0:1::1"})
	require.NoError(t, err)
}

// One e-mail in two tenants: the password decides, and the number where it does not. Signing in to one's own tenant again
// and again does not open the way to guess the other's password.
func TestOneEMailInSeveralTenants(t *testing.T) {
	b := setup(t)
	made, _, err := b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Second"})
	require.NoError(t, err)
	first, err := b.Accounts.Tenant(t.Context(), b.tenant.ID) // with their numbers
	require.NoError(t, err)
	second, err := b.Accounts.Tenant(t.Context(), made.ID)
	require.NoError(t, err)
	b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	mine := b.person(second, "ada@example.com", account.RoleOwner, "another long password")

	in, err := b.signIn("ada@example.com", "another long password")
	require.NoError(t, err)
	require.Equal(t, mine.ID, in.Agent.ID)
	require.NoError(t, b.SignIns.SetPassword(t.Context(), second.ID, mine.ID, secret))
	for range 11 { // each of them is right, and given back
		_, err = b.signIn("ada@example.com", secret)
		requireProblem(t, err, "TENANT_REQUIRED")
	}
	p, _ := problem.As(err)
	require.Len(t, p.Details["tenants"], 2)
	in, err = b.SignIns.SignIn(t.Context(), account.SignIn{Email: "ada@example.com", Password: secret, Tenant: &second.Number})
	require.NoError(t, err)
	require.Equal(t, second.ID, in.Agent.TenantID)

	require.NoError(t, b.SignIns.SetPassword(t.Context(), second.ID, mine.ID, "known to the attacker"))
	failed := 0
	for range 12 {
		guess := account.SignIn{Email: "ada@example.com", Password: "guess guess guess", Tenant: &first.Number}
		_, err := b.SignIns.SignIn(t.Context(), guess)
		if p, _ := problem.As(err); p.Code == "SIGN_IN_FAILED" {
			failed++
		}
		_, err = b.SignIns.SignIn(t.Context(), account.SignIn{Email: "ada@example.com", Password: "known to the attacker"})
		require.NoError(t, err)
	}
	require.LessOrEqual(t, failed, 10)
}

func TestALinkSignsInOnce(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleAgent, "")
	link, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, account.SignInLinkLife)
	require.NoError(t, err)
	in, err := b.SignIns.SignInByLink(t.Context(), link)
	require.NoError(t, err)
	_, err = b.SignIns.SignInByLink(t.Context(), link)
	requireProblem(t, err, "SIGN_IN_LINK_INVALID")

	p, err := b.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)
	_, err = b.SignIns.ChangePassword(t.Context(), p, "", "short")
	requireField(t, err, "newPassword")
	again, err := b.SignIns.ChangePassword(t.Context(), p, "", secret)
	require.NoError(t, err, "who comes by link need not know the old one")
	_, err = b.SignIns.Authenticate(t.Context(), in.Token)
	requireProblem(t, err, "UNAUTHORIZED")
	_, err = b.SignIns.Authenticate(t.Context(), again.Token)
	require.NoError(t, err)

	late, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	b.exec(`UPDATE sign_in_links SET expires_at = now()`)
	_, err = b.SignIns.SignInByLink(t.Context(), late)
	requireProblem(t, err, "SIGN_IN_LINK_INVALID")
	b.exec(`UPDATE agents SET is_active = false`)
	_, err = b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	requireProblem(t, err, "NOT_FOUND")
}

func TestChangingThePasswordEndsAllOtherSessionsAndLinks(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	here, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	there, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	link, err := b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	p, err := b.SignIns.Authenticate(t.Context(), here.Token)
	require.NoError(t, err)

	_, err = b.SignIns.ChangePassword(t.Context(), p, "wrong wrong wrong", "a new long password")
	requireField(t, err, "currentPassword")
	now, err := b.SignIns.ChangePassword(t.Context(), p, secret, "a new long password")
	require.NoError(t, err)
	for _, old := range []string{here.Token, there.Token} {
		_, err = b.SignIns.Authenticate(t.Context(), old)
		requireProblem(t, err, "UNAUTHORIZED")
	}
	_, err = b.SignIns.Authenticate(t.Context(), now.Token)
	require.NoError(t, err)
	_, err = b.SignIns.SignInByLink(t.Context(), link)
	requireProblem(t, err, "SIGN_IN_LINK_INVALID")
	_, err = b.signIn("ada@example.com", secret)
	requireProblem(t, err, "SIGN_IN_FAILED")
}

func TestWhatHasRunOutIsDeleted(t *testing.T) {
	b := setup(t)
	ada := b.person(b.tenant, "ada@example.com", account.RoleAgent, secret)
	_, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	_, err = b.SignIns.CreateLink(t.Context(), b.tenant.ID, ada.ID, time.Minute)
	require.NoError(t, err)
	rows := func() int {
		return b.count(`SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM sign_in_links)
			+ (SELECT count(*) FROM sign_in_attempts) + (SELECT count(*) FROM sign_in_places)`)
	}
	require.NoError(t, b.SignIns.Purge(t.Context()))
	require.Equal(t, 7, rows())
	b.exec(`UPDATE sessions SET last_seen_at = now() - interval '1 day'`)
	b.exec(`UPDATE sign_in_links SET expires_at = now()`)
	b.exec(`UPDATE sign_in_attempts SET started_at = now() - interval '1 day'`)
	b.exec(`UPDATE sign_in_places SET seen_at = now() - interval '30 days'`)
	require.NoError(t, b.SignIns.Purge(t.Context()))
	require.Zero(t, rows())
}

// What an agent may do changes at once, in every process; who is deactivated is out for good.
func TestARoleAndADeactivationHoldAtOnce(t *testing.T) {
	b := setup(t)
	b.person(b.tenant, "owner@example.com", account.RoleOwner, "")
	ada := b.person(b.tenant, "ada@example.com", account.RoleLead, secret)
	in, err := b.signIn("ada@example.com", secret)
	require.NoError(t, err)
	other := b.open()
	_, err = other.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)

	_, err = b.Accounts.UpdateAgent(t.Context(), b.tenant.ID, ada.ID, account.AgentUpdate{Role: ptr(account.RoleReader)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := other.SignIns.Authenticate(t.Context(), in.Token)
		return err == nil && !p.Can("conversations:write")
	}, 4*time.Second, 5*time.Millisecond)
	for _, active := range []bool{false, true} {
		_, err = b.Accounts.UpdateAgent(t.Context(), b.tenant.ID, ada.ID, account.AgentUpdate{IsActive: &active})
		require.NoError(t, err)
		_, err = b.SignIns.Authenticate(t.Context(), in.Token)
		requireProblem(t, err, "UNAUTHORIZED")
	}
}
