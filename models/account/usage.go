package account

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

const (
	// usageEvery is how often counts are written, and so what a process that is killed loses of them.
	usageEvery = 5 * time.Second
	// usageRows bounds what is counted between two writings, should the database be away: 10,000 rows are some 2 MB.
	usageRows = 10_000
	// usageKept is how long counts are kept.
	usageKept = 400 * 24 * time.Hour
)

// keyUsage counts the requests of API keys in memory, so that a request costs no statement for it.
type keyUsage struct {
	mu     sync.Mutex
	counts map[usageRow]int64
}

// usageRow is what is counted apart.
type usageRow struct {
	tenantID, keyID uuid.UUID
	day             string // UTC
	endpoint        string // method and route
	status          int    // class: 2 for 2xx
}

// CountRequest counts a request of a key. The endpoint is one of the document's few, never what a client made up. It is
// kept within seconds, and missing then if the process is killed.
func (s *Keys) CountRequest(p Principal, endpoint string, status int) {
	if p.Agent != nil {
		return
	}
	row := usageRow{p.TenantID, p.KeyID, time.Now().UTC().Format(time.DateOnly), endpoint, status / 100}
	s.usage.mu.Lock()
	defer s.usage.mu.Unlock()
	s.usage.add(row, 1)
}

func (u *keyUsage) add(row usageRow, n int64) {
	if u.counts == nil {
		u.counts = map[usageRow]int64{}
	}
	if _, known := u.counts[row]; known || len(u.counts) < usageRows {
		u.counts[row] += n
	}
}

// runUsage writes the counts every few seconds, and what is left at the end.
func (s *Keys) runUsage(ctx context.Context) {
	for {
		postgres.Pause(ctx, nil, usageEvery)
		if err := s.writeUsage(context.WithoutCancel(ctx)); err != nil {
			s.db.Log.Warn("use of API keys not recorded; trying again", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// writeUsage adds the counts to those of the database. What could not be written is kept for the next time; a key that is
// gone with its tenant takes its counts with it.
func (s *Keys) writeUsage(ctx context.Context) error {
	s.usage.mu.Lock()
	counts := s.usage.counts
	s.usage.counts = nil
	s.usage.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, usageEvery)
	defer cancel()
	n := len(counts)
	tenants, keys, days, endpoints := make([]uuid.UUID, 0, n), make([]uuid.UUID, 0, n), make([]string, 0, n), make([]string, 0, n)
	statuses, requests := make([]int, 0, n), make([]int64, 0, n)
	for row, count := range counts {
		tenants, keys, days = append(tenants, row.tenantID), append(keys, row.keyID), append(days, row.day)
		endpoints, statuses, requests = append(endpoints, row.endpoint), append(statuses, row.status), append(requests, count)
	}
	// In one order, so that two processes cannot each wait for the other's row.
	_, err := s.db.SQL.ExecContext(ctx, `
INSERT INTO api_key_usage AS old (tenant_id, key_id, day, endpoint, status, requests)
SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::date[], $4::text[], $5::smallint[], $6::bigint[])
	u (tenant_id, key_id, day, endpoint, status, requests) JOIN api_keys k ON k.tenant_id = u.tenant_id AND k.id = u.key_id
ORDER BY u.key_id, u.day, u.endpoint, u.status
ON CONFLICT (key_id, day, endpoint, status, tenant_id) DO UPDATE SET requests = old.requests + excluded.requests`,
		tenants, keys, days, endpoints, statuses, requests)
	if err == nil {
		return nil
	}
	s.usage.mu.Lock()
	defer s.usage.mu.Unlock()
	for row, count := range counts {
		s.usage.add(row, count)
	}
	return err
}

// Usage returns what a key was used for on the latest days, today (UTC) included, the latest day first.
// Errors: NOT_FOUND.
func (s *Keys) Usage(ctx context.Context, tenantID, keyID uuid.UUID, days int) (_ []wire.KeyUse, err error) {
	defer postgres.During(&err, "read the usage of API key %s", keyID)
	if _, err := s.Get(ctx, tenantID, keyID); err != nil {
		return nil, err
	}
	var rows []struct {
		Day, Endpoint string
		Status        int
		Requests      int64
	}
	since := time.Now().UTC().AddDate(0, 0, 1-days).Format(time.DateOnly)
	err = s.db.Lists.WithContext(ctx).Raw(`SELECT day::text, endpoint, status, requests FROM api_key_usage
		WHERE tenant_id = ? AND key_id = ? AND day >= ?::date ORDER BY day DESC, endpoint, status`,
		tenantID, keyID, since).Scan(&rows).Error
	out := make([]wire.KeyUse, len(rows))
	for i, r := range rows {
		out[i] = wire.KeyUse{Day: r.Day, Endpoint: r.Endpoint, Status: strconv.Itoa(r.Status) + "xx", Requests: r.Requests}
	}
	return out, postgres.ListError(ctx, err, "days")
}

// PurgeUsage deletes counts older than 400 days.
func (s *Keys) PurgeUsage(ctx context.Context) (err error) {
	defer postgres.During(&err, "purge the usage of API keys")
	_, err = s.db.SQL.ExecContext(ctx, `DELETE FROM api_key_usage WHERE day < (clock_timestamp() - $1::interval)::date`, usageKept)
	return err
}
