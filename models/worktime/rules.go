package worktime

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Rules is a tenant's time configuration at one version, compiled: what its clocks go by. It does not change after it
// is made, and is safe for concurrent use. The zero value is that of a tenant which has none: no clock, no archiving,
// always open.
type Rules struct {
	Version     int64       // that was read; it may be newer than the one asked for
	edits       []time.Time // when the versions up to this one began, the last ones only
	removedAt   time.Time   // when something was last taken away; zero: never
	policies    map[uuid.UUID]storedPolicy
	assignments []sla.Assignment // of policies
	hours       map[uuid.UUID]openingRule
	opened      []sla.Assignment // of opening hours
	standard    *openingRule     // the default ones; nil: always open
	AutoArchive *wire.AutoArchive
}

// openingRule is opening hours, compiled.
type openingRule struct {
	schedule *calendar.Schedule
	since    time.Time // when they became what they are
}

// Terms returns what governs a metric of the conversations of a team (nil: of none) on a channel, and since when it has,
// as far as the configuration knows; when the conversation came to this team and channel, the caller knows. False: no
// policy does, since the returned Since.
func (r *Rules) Terms(metric sla.Metric, teamID *uuid.UUID, channel string) (sla.Terms, bool) {
	a, found := sla.Pick(r.assignments, teamID, channel, func(policy uuid.UUID) bool {
		_, has := r.policies[policy].Targets[metric]
		return has
	})
	if !found {
		return sla.Terms{Since: r.removedAt}, false
	}
	p := r.policies[a.TargetID]
	t := sla.Terms{
		PolicyID: p.ID, PolicyName: p.Name, Targets: p.Targets[metric], PauseWhileSnoozed: p.PauseWhileSnoozed,
		Since: wire.Latest(r.removedAt, p.UpdatedAt, a.CreatedAt),
	}
	if !p.IgnoreOfficeHours {
		schedule, since := r.schedule(teamID, channel)
		t.Schedule, t.Since = schedule, wire.Latest(t.Since, since)
	}
	return t, true
}

// schedule is what the conversations of a team on a channel go by, nil for always open, and since when, zero for always.
// It does not count what was taken away: see removedAt.
func (r *Rules) schedule(teamID *uuid.UUID, channel string) (*calendar.Schedule, time.Time) {
	if a, found := sla.Pick(r.opened, teamID, channel, nil); found {
		rule := r.hours[a.TargetID]
		return rule.schedule, wire.Latest(rule.since, a.CreatedAt)
	}
	if r.standard != nil {
		return r.standard.schedule, r.standard.since
	}
	return nil, time.Time{}
}

// ArchiveAt is when a conversation of a team (nil: of none) on a channel that was resolved at a time is archived; nil:
// never, because auto-archive is off, or because it never opens again. Errors: the context's.
func (r *Rules) ArchiveAt(
	ctx context.Context, resolvedAt time.Time, teamID *uuid.UUID, channel string,
) (*time.Time, error) {
	a := r.AutoArchive
	if a == nil {
		return nil, nil
	}
	schedule, _ := r.schedule(teamID, channel)
	rest := time.Duration(a.Hours)*time.Hour + time.Duration(a.Minutes)*time.Minute
	at, err := schedule.Advance(ctx, resolvedAt, a.Days, rest)
	if errors.Is(err, calendar.ErrNever) {
		return nil, nil
	}
	return &at, err
}

// Ended is when an older version ceased to be in force. False: that is not known any more.
func (r *Rules) Ended(version int64) (time.Time, bool) {
	i := len(r.edits) - int(r.Version-version)
	if i < 0 || i >= len(r.edits) {
		return time.Time{}, false
	}
	return r.edits[i], true
}

// Edited is when this version began, zero if that is not known.
func (r *Rules) Edited() time.Time {
	at, _ := r.Ended(r.Version - 1)
	return at
}

var noTimeRules = &Rules{}

// Rules returns the tenant's time configuration at a version (tenants.time_version), or a newer one if it has been
// edited since. Version 0, of tenants that never configured anything, and versions that this process has met before cost
// no query; others cost one, in tx, which must not have edited the configuration itself.
func (s *Store) Rules(ctx context.Context, tx *gorm.DB, tenantID uuid.UUID, version int64) (_ *Rules, err error) {
	defer postgres.During(&err, "read the time rules of tenant %s", tenantID)
	if version == 0 {
		return noTimeRules, nil
	}
	if r := s.times.get(tenantID, version); r != nil {
		return r, nil
	}
	var text string
	if err := tx.Statement.ConnPool.QueryRowContext(ctx, timeRulesSQL, tenantID).Scan(&text); err != nil {
		return nil, err
	}
	var stored storedTime
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("time configuration of tenant %s: %w", tenantID, err)
	}
	r := s.compileTime(tenantID, stored)
	s.times.put(tenantID, r)
	return r, nil
}

// Known tells whether a tenant's configuration of that version can be had without asking the database.
func (s *Store) Known(tenantID uuid.UUID, version int64) bool {
	return version == 0 || s.times.get(tenantID, version) != nil
}

const timeRulesSQL = `
SELECT jsonb_build_object(
	'version', t.time_version, 'edits', t.time_edits, 'removedAt', t.time_removed_at, 'autoArchive', t.auto_archive,
	'policies', (SELECT jsonb_agg(jsonb_build_object('id', id, 'name', name, 'ignoreOfficeHours', ignore_office_hours,
			'pauseWhileSnoozed', pause_while_snoozed, 'targets', targets, 'updatedAt', updated_at))
		FROM sla_policies WHERE tenant_id = t.id),
	'assignments', (SELECT jsonb_agg(jsonb_build_object('ID', id, 'TargetID', policy_id, 'TeamID', team_id,
			'Channel', channel, 'CreatedAt', created_at))
		FROM sla_assignments WHERE tenant_id = t.id),
	'hours', (SELECT jsonb_agg(jsonb_build_object('id', id, 'rule', rule, 'isDefault', is_default, 'updatedAt', updated_at))
		FROM opening_hours WHERE tenant_id = t.id),
	'opened', (SELECT jsonb_agg(jsonb_build_object('ID', id, 'TargetID', opening_hours_id, 'TeamID', team_id,
			'Channel', channel, 'CreatedAt', created_at))
		FROM opening_hours_assignments WHERE tenant_id = t.id))::text
FROM tenants t WHERE t.id = $1`

// storedTime is what timeRulesSQL answers.
type storedTime struct {
	Version     int64             `json:"version"`
	Edits       []time.Time       `json:"edits"`
	RemovedAt   time.Time         `json:"removedAt"`
	AutoArchive *wire.AutoArchive `json:"autoArchive"`
	Policies    []storedPolicy    `json:"policies"`
	Assignments []sla.Assignment  `json:"assignments"`
	Hours       []storedHours     `json:"hours"`
	Opened      []sla.Assignment  `json:"opened"`
}

type storedPolicy struct {
	ID                uuid.UUID                  `json:"id"`
	Name              string                     `json:"name"`
	IgnoreOfficeHours bool                       `json:"ignoreOfficeHours"`
	PauseWhileSnoozed bool                       `json:"pauseWhileSnoozed"`
	Targets           map[sla.Metric]sla.Targets `json:"targets"`
	UpdatedAt         time.Time                  `json:"updatedAt"`
}

type storedHours struct {
	ID        uuid.UUID     `json:"id"`
	Rule      calendar.Rule `json:"rule"`
	IsDefault bool          `json:"isDefault"`
	UpdatedAt time.Time     `json:"updatedAt"`
}

func (s *Store) compileTime(tenantID uuid.UUID, stored storedTime) *Rules {
	r := &Rules{
		Version: stored.Version, edits: stored.Edits, removedAt: stored.RemovedAt, AutoArchive: stored.AutoArchive,
		policies: map[uuid.UUID]storedPolicy{}, assignments: stored.Assignments,
		hours: map[uuid.UUID]openingRule{}, opened: stored.Opened,
	}
	for _, p := range stored.Policies {
		r.policies[p.ID] = p
	}
	for _, h := range stored.Hours {
		schedule, err := h.Rule.Compile()
		if err != nil {
			// It was right when it was stored; a region may have gone from the holidays since. Conversations must go on:
			// without a schedule their clocks run all the time, which is easily noticed.
			s.db.Log.Error("opening hours are not valid any more and count as always open", logging.TenantID, tenantID,
				"openingHours", h.ID, "error", err)
		}
		rule := openingRule{schedule: schedule, since: h.UpdatedAt}
		r.hours[h.ID] = rule
		if h.IsDefault {
			r.standard = &rule
		}
	}
	return r
}

// timeCacheSize is how many tenants' time configurations a process remembers.
const timeCacheSize = 1000

// timeCache remembers the time configurations of the tenants that were in use last, one version of each.
type timeCache struct {
	mu     sync.Mutex
	tenant map[uuid.UUID]*list.Element
	recent list.List // of cachedTime, the last used first
}

type cachedTime struct {
	tenantID uuid.UUID
	rules    *Rules
}

// get returns a tenant's configuration if it is known at this version.
func (c *timeCache) get(tenantID uuid.UUID, version int64) *Rules {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.tenant[tenantID]
	if e == nil {
		return nil
	}
	if known := e.Value.(cachedTime).rules; known.Version == version {
		c.recent.MoveToFront(e)
		return known
	}
	return nil
}

func (c *timeCache) put(tenantID uuid.UUID, r *Rules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tenant == nil {
		c.tenant = map[uuid.UUID]*list.Element{}
	}
	if e := c.tenant[tenantID]; e != nil {
		e.Value = cachedTime{tenantID, r}
		c.recent.MoveToFront(e)
		return
	}
	c.tenant[tenantID] = c.recent.PushFront(cachedTime{tenantID, r})
	if c.recent.Len() > timeCacheSize {
		delete(c.tenant, c.recent.Remove(c.recent.Back()).(cachedTime).tenantID)
	}
}
