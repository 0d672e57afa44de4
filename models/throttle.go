package models

import (
	"context"
	"crypto/sha256"
	"math"
	"net/netip"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/atender/atender/models/problem"
)

// How often one may try to sign in within attemptWindow. An attempt that succeeds is given back.
const (
	attemptWindow = 15 * time.Minute
	maxPerAgent   = 10
	maxPerAddress = 60 // everybody in an office has the same one
)

// What attempts are counted for. The database keeps hashes: it need not know who tried from where.
func agentSubject(a Agent) []byte { return subject("agent", a.TenantID.String(), a.ID.String()) }

func emailSubject(email string) []byte { return subject("email", strings.ToLower(email)) }

// addressSubject counts an IPv6 client by its /64, since it has all of that to try from.
func addressSubject(address string) []byte {
	if a, err := netip.ParseAddr(address); err == nil && a.Unmap().Is6() {
		if prefix, err := a.WithZone("").Prefix(64); err == nil {
			address = prefix.String()
		}
	}
	return subject("address", address)
}

func subject(parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return sum[:]
}

// countAttempt counts one more attempt, before anything is tried, so that attempts at the same time, in whichever process,
// cannot be more than the limit. throttled says that the error is SIGN_IN_THROTTLED.
func (s *Store) countAttempt(ctx context.Context, limit int, subject []byte) (throttled bool, err error) {
	var attempts int
	var left float64 // seconds of the window
	err = s.sql.QueryRowContext(ctx, `
INSERT INTO sign_in_attempts AS a (subject, attempts, started_at) VALUES ($1, 1, clock_timestamp())
ON CONFLICT (subject) DO UPDATE SET
	attempts = CASE WHEN a.started_at > clock_timestamp() - $2::interval THEN least(a.attempts + 1, $3) ELSE 1 END,
	started_at = CASE WHEN a.started_at > clock_timestamp() - $2::interval THEN a.started_at ELSE excluded.started_at END
RETURNING attempts, extract(epoch FROM started_at + $2::interval - clock_timestamp())::float8`,
		subject, attemptWindow, limit+1).Scan(&attempts, &left)
	if err != nil {
		return false, translate(err)
	}
	if attempts <= limit {
		return false, nil
	}
	wait := int(math.Ceil(max(left, 1)))
	return true, problem.New(problem.Limited, "SIGN_IN_THROTTLED",
		"too many attempts to sign in: wait %d seconds, or ask for a sign-in link", wait).With("retryAfter", wait)
}

// forgiveAttempts forgets an agent's attempts after a right one, and gives the attempt back to where it came from.
func forgiveAttempts(tx *gorm.DB, agent []byte, address ...[]byte) error {
	if err := tx.Exec(`DELETE FROM sign_in_attempts WHERE subject = ?`, agent).Error; err != nil {
		return err
	}
	for _, a := range address {
		err := tx.Exec(`UPDATE sign_in_attempts SET attempts = greatest(attempts - 1, 0) WHERE subject = ?`, a).Error
		if err != nil {
			return err
		}
	}
	return nil
}
