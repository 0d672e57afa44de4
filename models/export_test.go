package models

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/sla"
)

// Setting is a setting of PostgreSQL as it is for statements that are made with ctx.
func Setting(ctx context.Context, s *Store, name string) (value string, err error) {
	err = s.db.WithContext(ctx).Raw(`SELECT current_setting(?)`, name).Scan(&value).Error
	return value, err
}

// TimeRules is a tenant's compiled time configuration.
type TimeRules struct{ *timeRules }

// TimeRulesOf is what a write would go by that has read the version.
func TimeRulesOf(ctx context.Context, s *Store, tenantID uuid.UUID, version int64) (TimeRules, error) {
	r, err := s.timeRules(ctx, s.db.WithContext(ctx), tenantID, version)
	return TimeRules{r}, err
}

// Version is the version that was read.
func (r TimeRules) Version() int64 { return r.version }

// Terms is what governs a metric.
func (r TimeRules) Terms(metric sla.Metric, teamID *uuid.UUID, channel string) (sla.Terms, bool) {
	return r.terms(metric, teamID, channel)
}

// ArchiveAt is when a resolved conversation is archived.
func (r TimeRules) ArchiveAt(resolvedAt time.Time, teamID *uuid.UUID, channel string) (time.Time, bool) {
	return r.archiveAt(resolvedAt, teamID, channel)
}
