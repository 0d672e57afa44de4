package worktime

import (
	"context"

	"github.com/atender/atender/models/postgres"
)

// maxZones is how many time zones Zones lists: the IANA database has about 600.
const maxZones = 1000

// Zones are the time zones that opening hours are written in, of all tenants, in order. Errors: UNAVAILABLE.
func (s *Store) Zones(ctx context.Context) (zones []string, err error) {
	err = s.db.Reports.WithContext(ctx).Raw(
		`SELECT DISTINCT rule->>'timeZone' FROM opening_hours ORDER BY 1 LIMIT ?`, maxZones).Scan(&zones).Error
	return zones, postgres.Doing(err, "list the time zones of opening hours")
}
