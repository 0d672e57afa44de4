// Package calendar is opening hours and the arithmetic of business time: pure rules, no database and no wall clock. A Rule
// is what an admin writes; compiled, it is a Schedule that computes.
//
// Open is a matter of the clock on the wall: a Schedule is open at an instant when a clock in its zone shows, then, a date
// and a time of day that are in a slot. Everything about clock changes follows. A slot across one is as long as it really
// was; a slot at times that a change skips does not happen, or begins or ends with the change; and one at times that a
// change repeats happens twice. Slots of a day never overlap and more slots never mean less open time.
package calendar

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	// Containers without a zone database find one in the binary.
	_ "time/tzdata"

	"github.com/atender/atender/models/problem"
)

// Limits of a Rule, so that computing with it costs microseconds.
const (
	MaxSlots     = 24   // of one day
	MaxOverrides = 1000 // of one rule
	MaxName      = 200  // characters of an override's name
)

// Rule is opening hours as an admin writes them and as the API shows them.
type Rule struct {
	Zone      string            `json:"timeZone"`            // IANA name, required
	Weekly    map[string][]Slot `json:"weekly"`              // "monday" to "sunday"; a day that is not there is closed
	Holidays  string            `json:"holidays,omitempty"`  // country or region, one of Regions; "" for none
	Overrides []Override        `json:"overrides,omitempty"` // dates that are different, one each
}

// Slot is a stretch of a local day with minute precision: From is in it, To is not. Both are HH:MM, From before To, and
// To may be 24:00. A slot ends with its day: what crosses midnight takes two.
type Slot struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Override replaces the weekly slots and the holidays on one date.
type Override struct {
	Date  string `json:"date"`  // local, YYYY-MM-DD
	Slots []Slot `json:"slots"` // none: closed
	Name  string `json:"name,omitempty"`
}

// MarshalJSON writes a closed day as an empty list, and not as null.
func (o Override) MarshalJSON() ([]byte, error) {
	type plain Override
	if o.Slots == nil {
		o.Slots = []Slot{}
	}
	return json.Marshal(plain(o))
}

// weekdays are the keys of Rule.Weekly, at the index that time.Weekday has for them.
var weekdays = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Compile checks the rule and makes it ready to compute with. Errors: VALIDATION_FAILED, which names every field that is
// wrong, by its path in the rule ("weekly.monday[0].from").
func (r Rule) Compile() (*Schedule, error) {
	var c compiler
	s := &Schedule{
		zone:      c.zone(r.Zone),
		weekly:    c.weekly(r.Weekly),
		holidays:  c.holidays(r.Holidays),
		overrides: c.overrides(r.Overrides),
	}
	if len(c.wrong) > 0 {
		return nil, problem.Fields(c.wrong...)
	}
	return s, nil
}

// compiler turns the parts of a Rule into those of a Schedule and collects what is wrong with them.
type compiler struct{ wrong []problem.Field }

func (c *compiler) refuse(field, code, format string, args ...any) {
	c.wrong = append(c.wrong, problem.Field{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) zone(name string) *time.Location {
	if name == "" {
		c.refuse("timeZone", "required", "must be an IANA time zone, like Europe/Copenhagen")
		return nil
	}
	loc, err := LoadZone(name)
	if err != nil {
		c.refuse("timeZone", "unknown", "%s", err)
		return nil
	}
	return loc
}

func (c *compiler) weekly(days map[string][]Slot) (week [7][]span) {
	known := 0
	for i, name := range weekdays {
		if slots, ok := days[name]; ok {
			week[i] = c.slots("weekly."+name, slots)
			known++
		}
	}
	if known == len(days) {
		return week
	}
	var unknown []string
	for name := range days {
		if !slices.Contains(weekdays[:], name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		c.refuse("weekly."+name, "unknown_field", "is no day of the week: must be one of %s", strings.Join(weekdays[:], ", "))
	}
	return week
}

func (c *compiler) holidays(region string) []*holiday {
	if region == "" {
		return nil
	}
	list, ok := regions[region]
	if !ok {
		c.refuse("holidays", "unknown", "there are no holidays for %q: must be one of %s", region, strings.Join(Regions(), ", "))
	}
	return list
}

func (c *compiler) overrides(list []Override) map[int32][]span {
	if len(list) > MaxOverrides {
		c.refuse("overrides", "too_many", "must be at most %d", MaxOverrides)
		return nil
	}
	days := make(map[int32][]span, len(list))
	for i, o := range list {
		path := fmt.Sprintf("overrides[%d]", i)
		spans := c.slots(path+".slots", o.Slots)
		if len([]rune(o.Name)) > MaxName {
			c.refuse(path+".name", "too_long", "must have at most %d characters", MaxName)
		}
		date, err := time.Parse(time.DateOnly, o.Date)
		if err != nil || !InYears(date) {
			c.refuse(path+".date", "invalid", "must be a date, YYYY-MM-DD, in the years %d to %d", MinYear, MaxYear)
			continue
		}
		day := dayOf(date.Unix())
		if _, twice := days[day]; twice {
			c.refuse(path+".date", "duplicate", "%s has an override already: put all its slots into one", o.Date)
		}
		days[day] = spans
	}
	return days
}

// slots compiles the slots of one day, in order of time whatever order they were written in.
func (c *compiler) slots(path string, list []Slot) []span {
	if len(list) > MaxSlots {
		c.refuse(path, "too_many", "must be at most %d slots", MaxSlots)
		return nil
	}
	spans := make([]span, 0, len(list))
	for i, slot := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		from, okFrom := parseClock(slot.From)
		to, okTo := parseClock(slot.To)
		if !okFrom || from == secondsPerDay {
			c.refuse(at+".from", "invalid", "must be a time of day, HH:MM, 00:00 to 23:59")
			continue
		}
		if !okTo {
			c.refuse(at+".to", "invalid", "must be a time of day, HH:MM, 00:01 to 24:00")
			continue
		}
		if from >= to {
			c.refuse(at+".to", "not_after_from", "must be after %s: a slot that crosses midnight is written as two", slot.From)
			continue
		}
		for j := range i { // few: see MaxSlots
			if before, ok := parseSlot(list[j]); ok && from < before.to && before.from < to {
				c.refuse(at, "overlap", "overlaps %s to %s of the same day", list[j].From, list[j].To)
				break
			}
		}
		spans = append(spans, span{from, to})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	return spans
}

func parseSlot(s Slot) (span, bool) {
	from, okFrom := parseClock(s.From)
	to, okTo := parseClock(s.To)
	return span{from, to}, okFrom && okTo && from < to
}

// parseClock reads HH:MM as seconds since midnight; 24:00 is one of the values.
func parseClock(s string) (seconds int32, ok bool) {
	if len(s) != len("HH:MM") || s[2] != ':' {
		return 0, false
	}
	for _, i := range [...]int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hours, minutes := int32(s[0]-'0')*10+int32(s[1]-'0'), int32(s[3]-'0')*10+int32(s[4]-'0')
	seconds = hours*3600 + minutes*60
	return seconds, minutes < 60 && seconds <= secondsPerDay
}
