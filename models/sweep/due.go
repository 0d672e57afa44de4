package sweep

import (
	"context"
	"time"

	"github.com/atender/atender/models/postgres"
)

// Due is in how many conversations something is due that was not done yet, postgres.CountMost at most, and for how
// long the one that is due longest has been (zero if none). On a machine that keeps up there are a few at any moment,
// for milliseconds. Errors: UNAVAILABLE.
func (s *Store) Due(ctx context.Context) (n int, oldest time.Duration, err error) {
	defer postgres.During(&err, "count what is due")
	var seconds float64
	err = s.db.Claims.WithContext(ctx).Raw(`
		SELECT count(*), coalesce(extract(epoch FROM statement_timestamp() - min(next_due_at)), 0)
		FROM (SELECT next_due_at FROM conversations WHERE next_due_at <= statement_timestamp()
			ORDER BY next_due_at LIMIT `+postgres.CountMostSQL+`) x`).Row().Scan(&n, &seconds)
	return n, time.Duration(seconds * float64(time.Second)), err
}
