package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/retry"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wire"
)

// applyUpdate checks an update and applies it. All that is wrong is reported together.
func (s *Store) applyUpdate(tx *gorm.DB, sub *Subscription, u SubscriptionUpdate, now time.Time) error {
	var wrong []problem.Field
	refuse := func(field, code, format string, args ...any) {
		wrong = append(wrong, problem.Field{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	wire.Set(&sub.Name, u.Name)
	wire.Set(&sub.Description, u.Description)
	if u.URL != nil {
		wrong = append(wrong, s.checkURL(*u.URL)...)
		sub.URL = *u.URL
	}
	if u.Events != nil {
		wrong = append(wrong, checkEvents(*u.Events)...)
		sub.Events = slices.Compact(slices.Sorted(slices.Values(*u.Events)))
	}
	if u.IsActive != nil {
		if *u.IsActive {
			sub.DisabledReason = nil
		}
		sub.IsActive = *u.IsActive
	}
	if u.Ordering != nil {
		if *u.Ordering != OrderingNone && *u.Ordering != OrderingConversation {
			refuse("ordering", "invalid", "must be %s or %s", OrderingNone, OrderingConversation)
		}
		sub.Ordering = *u.Ordering
	}
	if u.MaxPerSecond.Set {
		if v := u.MaxPerSecond.Value; v != nil && (*v < 1 || *v > MaxPerSecond) {
			refuse("maxPerSecond", "out_of_range", "must be 1 to %d, or null for no limit", MaxPerSecond)
		}
		sub.MaxPerSecond = u.MaxPerSecond.Value
	}
	if u.MaxInFlight != nil {
		if *u.MaxInFlight < 1 || *u.MaxInFlight > MaxInFlight {
			refuse("maxInFlight", "out_of_range", "must be 1 to %d", MaxInFlight)
		}
		sub.MaxInFlight = *u.MaxInFlight
	}
	if u.Retry.Set {
		wrong = append(wrong, sub.setRetry(u.Retry.Value)...)
	}
	if u.Filter.Set {
		unknown, err := unknownTeams(tx, sub.TenantID, u.Filter.Value)
		if err != nil {
			return err
		}
		wrong = append(wrong, unknown...)
		sub.setFilter(u.Filter.Value)
	}
	if u.Headers != nil {
		wrong = append(wrong, target.CheckHeaders(*u.Headers)...)
	}
	if len(wrong) > 0 {
		return problem.Fields(wrong...)
	}
	if u.exposes() {
		if err := u.May.Check(sub.Events...); err != nil {
			return err
		}
	}
	sub.UpdatedAt = now
	if u.Headers != nil {
		return s.sealHeaders(sub, *u.Headers)
	}
	return nil
}

func (s *Store) checkURL(url string) []problem.Field {
	err := s.targets.CheckURL(url)
	if err == nil {
		return nil
	}
	if e, ok := err.(*target.Error); ok { //nolint:errorlint // CheckURL returns it bare
		return []problem.Field{e.Field("url")}
	}
	return []problem.Field{{Field: "url", Code: "invalid", Message: err.Error()}}
}

func checkEvents(events []string) []problem.Field {
	if len(events) == 0 {
		return []problem.Field{{Field: "events", Code: "required", Message: `must name at least one event type, or "*" for all`}}
	}
	if slices.Contains(events, allEvents) {
		return checkAllEvents(events)
	}
	var wrong []problem.Field
	for _, e := range events {
		if !slices.Contains(lifecycle.EventTypes, lifecycle.EventType(e)) {
			wrong = append(wrong, problem.Field{
				Field: "events",
				Code:  "unknown",
				Message: fmt.Sprintf(
					`there is no event type %q; the types are %v, or "*" alone for all`,
					e,
					lifecycle.EventTypes,
				),
			})
		}
	}
	return wrong
}

// allEvents, as the only item of a list of event types, stands for all of them, also those to come.
const allEvents = "*"

// checkAllEvents refuses types beside the one that stands for all: whether the caller wants those or all is not for us to
// guess.
func checkAllEvents(events []string) []problem.Field {
	for _, e := range events {
		if e != allEvents {
			return []problem.Field{{
				Field: "events", Code: "invalid", Message: `"*" stands for all event types and must be the only item: ` +
					`leave out the other types, or "*"`,
			}}
		}
	}
	return nil
}

func (s *Subscription) setRetry(steps *[]int) []problem.Field {
	s.Retry = nil
	if steps == nil {
		return nil
	}
	if wrong := retry.FromSeconds(*steps).Validate("retry"); len(wrong) > 0 {
		return wrong
	}
	s.Retry = make(postgres.Ints, len(*steps))
	for i, step := range *steps {
		s.Retry[i] = int32(step) //nolint:gosec // validated: at most 7 days
	}
	return nil
}

func (s *Subscription) setFilter(f *wire.Filter) {
	s.FilterChannels, s.FilterTags, s.FilterTeamIDs = postgres.Strings{}, postgres.Strings{}, postgres.UUIDs{}
	if f != nil {
		s.FilterChannels = append(s.FilterChannels, f.Channels...)
		s.FilterTags = append(s.FilterTags, f.Tags...)
		s.FilterTeamIDs = append(s.FilterTeamIDs, f.TeamIDs...)
	}
}

// unknownTeams refuses the teams of a filter that the tenant does not have: the subscription would never be sent anything,
// and nothing would say why. Those that are there stay until the transaction ends.
func unknownTeams(tx *gorm.DB, tenantID uuid.UUID, f *wire.Filter) ([]problem.Field, error) {
	if f == nil || len(f.TeamIDs) == 0 {
		return nil, nil
	}
	var known postgres.UUIDs
	err := tx.Raw(`SELECT coalesce(array_agg(id), '{}') FROM (SELECT id FROM teams WHERE tenant_id = ? AND id = ANY (?::uuid[])
		ORDER BY id FOR KEY SHARE) t`, tenantID, postgres.UUIDs(f.TeamIDs)).Row().Scan(&known)
	var wrong []problem.Field
	for i, id := range f.TeamIDs {
		if err == nil && !slices.Contains(known, id) {
			wrong = append(wrong, problem.Field{
				Field: fmt.Sprintf("filter.teamIds[%d]", i), Code: "unknown", Message: "there is no team " + id.String(),
			})
		}
	}
	return wrong, postgres.Doing(err, "look for the teams of a filter")
}

func (s *Store) sealHeaders(sub *Subscription, headers map[string]string) (err error) {
	sub.HeaderNames, sub.Headers = append(postgres.Strings{}, slices.Sorted(maps.Keys(headers))...), nil
	if len(headers) > 0 {
		plain, _ := json.Marshal(headers) // strings
		sub.Headers, err = s.db.Keyring.Seal(plain, headersAAD(sub.ID))
	}
	return postgres.Doing(err, "seal the headers of webhook %s", sub.ID)
}
