package account

import (
	"context"
	"crypto/sha256"
	"math"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

// How often one may try to sign in. An attempt that succeeds is given back. Each bound holds over all processes.
//
// What is counted follows from the request alone, never from what the database knows of an e-mail, so that no answer
// tells whether an e-mail is an agent's. An address that guesses uses up its own pairs, and not the account's attempts:
// of those it can use 30 a day of 300, so that it takes ten networks to bring an account to its bound; even then the
// agent gets in from where the agent has signed in within the last 30 days (places), and by a sign-in link.
var (
	// perAddress is for everything that comes from an address: an office has one for all.
	perAddress = attemptLimit{kind: 1, attempts: 60, window: 15 * time.Minute}
	// perPair is for an e-mail from an address: who has forgotten a password tries some.
	perPair = attemptLimit{kind: 2, attempts: 10, window: 15 * time.Minute}
	// perPairDaily is what an address can try on an e-mail in the long run.
	perPairDaily = attemptLimit{kind: 3, attempts: 30, window: 24 * time.Hour}
	// perAccount bounds guessing from many addresses. NIST SP 800-63B-4, section 3.2.2, bounds failures in a row; with
	// common passwords refused, 300 a day find none of at least 12 characters.
	perAccount = attemptLimit{kind: 4, attempts: 300, window: 24 * time.Hour}
	// perCurrent is for an agent who is signed in and says the current password, to have another.
	perCurrent = attemptLimit{kind: 5, attempts: 10, window: 15 * time.Minute}
)

// placeLife is for how long a place is known after the latest sign-in from there.
const placeLife = 30 * 24 * time.Hour

// attemptBuckets is how many rows a kind of attempts has at most: subjects of one bucket are counted together. It bounds
// the table, whatever e-mails and addresses are tried. That an agent's attempts fall together with an attacker's would
// take as many attempts as there are buckets, each with its hash, within a window.
const attemptBuckets = 1 << 20

// attemptLimit is how many attempts of a kind there may be within a window, which begins with the first.
type attemptLimit struct {
	kind     byte
	attempts int
	window   time.Duration
}

// bucket is the row that attempts of the subject are counted in. It keeps too little of a hash to say who tried.
func (l attemptLimit) bucket(subject ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(subject, "\n")))
	n := (uint32(sum[0])<<16 | uint32(sum[1])<<8 | uint32(sum[2])) % attemptBuckets
	return []byte{l.kind, byte(n >> 16), byte(n >> 8), byte(n)}
}

// count is one of the counts that an attempt is part of.
type count struct {
	limit  attemptLimit
	bucket []byte
}

func (l attemptLimit) of(subject ...string) count { return count{l, l.bucket(subject...)} }

// countAttempt counts one more attempt, before anything is tried, so that attempts at the same time, in whichever process,
// cannot be more than the limit. Errors: SIGN_IN_THROTTLED.
func (s *SignIns) countAttempt(ctx context.Context, c count) error {
	var attempts int
	var left float64 // seconds of the window
	err := s.db.SQL.QueryRowContext(ctx, `
INSERT INTO sign_in_attempts AS a (subject, attempts, started_at) VALUES ($1, 1, clock_timestamp())
ON CONFLICT (subject) DO UPDATE SET
	attempts = CASE WHEN a.started_at > clock_timestamp() - $2::interval THEN least(a.attempts + 1, $3) ELSE 1 END,
	started_at = CASE WHEN a.started_at > clock_timestamp() - $2::interval THEN a.started_at ELSE excluded.started_at END
RETURNING attempts, extract(epoch FROM started_at + $2::interval - clock_timestamp())::float8`,
		c.bucket, c.limit.window, c.limit.attempts+1).Scan(&attempts, &left)
	if err != nil {
		return postgres.Translate(err)
	}
	if attempts <= c.limit.attempts {
		return nil
	}
	wait := int(math.Ceil(max(left, 1)))
	return problem.New(problem.Limited, problem.CodeSignInThrottled,
		"too many attempts to sign in: wait %d seconds, or ask for a sign-in link", wait).With("retryAfter", wait)
}

// countSignIn counts an attempt to sign in, which may mean the candidates, and returns its counts, for giving them back.
// What a narrow bound refuses does not count towards the wider ones. Errors: SIGN_IN_THROTTLED.
func (s *SignIns) countSignIn(ctx context.Context, in SignIn, candidates []candidate) ([]count, error) {
	from, account := postgres.Network(in.Address).String(), in.account()
	counts := []count{perAddress.of(from), perPair.of(from, account), perPairDaily.of(from, account)}
	known, err := s.knowsPlaces(ctx, in, candidates)
	if err != nil {
		return nil, err
	}
	if !known {
		counts = append(counts, perAccount.of(account))
	}
	for _, c := range counts {
		if err := s.countAttempt(ctx, c); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// giveBack gives an attempt back that was right. The counts stay otherwise: who knows the password of one tenant must not
// reset the count of guesses at another's with the same e-mail.
func giveBack(tx *gorm.DB, counts []count) error {
	for _, c := range counts {
		err := tx.Exec(`UPDATE sign_in_attempts SET attempts = greatest(attempts - 1, 0) WHERE subject = ?`, c.bucket).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// placeOf is where an attempt comes from and which agent it may mean.
func (in SignIn) placeOf(a Agent) []byte {
	sum := sha256.Sum256(
		[]byte(strings.Join([]string{postgres.Network(in.Address).String(), a.TenantID.String(), a.ID.String()}, "\n")),
	)
	return sum[:]
}

// knowsPlaces reports whether each of the agents whom an attempt may mean has signed in from the address of late. One of
// them is not enough: it may be the attacker's own, in another tenant.
func (s *SignIns) knowsPlaces(ctx context.Context, in SignIn, candidates []candidate) (bool, error) {
	places := make([][]byte, len(candidates))
	for i, c := range candidates {
		places[i] = in.placeOf(c.Agent)
	}
	var known int
	err := s.db.SQL.QueryRowContext(ctx, `SELECT count(*) FROM sign_in_places WHERE place = ANY ($1)
		AND seen_at > clock_timestamp() - $2::interval`, places, placeLife).Scan(&known)
	return known > 0 && known == len(candidates), postgres.Translate(err)
}

// rememberPlace notes where an agent has signed in from, at most once a day.
func rememberPlace(tx *gorm.DB, in SignIn, a Agent) error {
	return tx.Exec(`INSERT INTO sign_in_places AS p (place, seen_at) SELECT ?::bytea, clock_timestamp()
		ON CONFLICT (place) DO UPDATE SET seen_at = excluded.seen_at WHERE p.seen_at < excluded.seen_at - interval '1 day'`,
		in.placeOf(a)).Error
}
