package calendar

import (
	"sync/atomic"
	"time"
)

// Horizon is how long a schedule may stay closed: one that does not open within it counts as never opening again.
const Horizon = 2 * 366 * 24 * time.Hour

// farthest bounds what Add and Advance look at: a deadline further ahead than this is never, too, however regularly the
// schedule opens for a little while.
const farthest = 50 * 366 * 24 * time.Hour

// Schedule is a compiled Rule. The nil Schedule is always open. It never changes and is safe for concurrent use.
type Schedule struct {
	zone      *time.Location
	weekly    [7][]span // by time.Weekday
	holidays  []*holiday
	overrides map[int32][]span // by day
	years     atomic.Pointer[[]*year]
}

// Window is a stretch of open time within one local day, in the schedule's zone.
type Window struct {
	Opens  time.Time `json:"opens"`
	Closes time.Time `json:"closes"`
}

// Add returns the earliest moment at which the given open time has passed since from: the last instant of a slot belongs
// to the slot, so a deadline that falls on it does not wait for the next opening. Add(from, 0) is from, open or not. The
// result is false where that moment never comes: the schedule stays closed for longer than Horizon first, or the moment is
// more than 50 years ahead. It costs a fraction of a microsecond however long the time, once a year has been computed.
func (s *Schedule) Add(from time.Time, open time.Duration) (time.Time, bool) {
	if open <= 0 {
		return from, true
	}
	if s == nil {
		return from.Add(open), true
	}
	lastOpen := from
	y, at := s.locate(from)
	open += y.openUntil(at)
	for {
		if len(y.windows) > 0 {
			if gap := y.start.Add(max(y.windows[0].opens, 0)).Sub(lastOpen); gap > Horizon {
				return time.Time{}, false
			}
			if open <= y.total {
				return from.Add(y.reach(open) - at), true
			}
			open -= y.total
			lastOpen = later(lastOpen, y.start.Add(y.windows[len(y.windows)-1].closes))
		}
		end := y.start.Add(y.length)
		if end.Sub(lastOpen) > Horizon || end.Sub(from) > farthest {
			return time.Time{}, false
		}
		at -= y.length // counted from the start of the year looked at
		y = s.year(y.number + 1)
	}
}

// Between returns the open time from from to to; none if to is not after from.
func (s *Schedule) Between(from, to time.Time) time.Duration {
	if !to.After(from) {
		return 0
	}
	if s == nil {
		return to.Sub(from)
	}
	first, at := s.locate(from)
	last, end := s.locate(to)
	open := last.openUntil(end) - first.openUntil(at)
	for number := first.number; number < last.number; number++ {
		open += s.year(number).total
	}
	return open
}

// IsOpen tells whether the schedule is open at an instant; it is at the one at which a slot begins, and is not at the one
// at which it ends.
func (s *Schedule) IsOpen(at time.Time) bool {
	if s == nil {
		return true
	}
	y, offset := s.locate(at)
	i := y.next(offset)
	return i < len(y.windows) && y.windows[i].opens <= offset
}

// NextOpening returns at itself if the schedule is open then, or the first moment after it at which it is; false if that
// is not within Horizon.
func (s *Schedule) NextOpening(at time.Time) (time.Time, bool) {
	if s == nil {
		return at, true
	}
	for y, w := range s.windowsFrom(at) {
		if opens := y.start.Add(w.opens); opens.After(at) {
			return opens, true
		}
		return at, true
	}
	return time.Time{}, false
}

// Upcoming returns the next n windows, for people to look at. The first may have begun before at. There are fewer where the
// schedule does not open for longer than Horizon, and none of the nil Schedule, which has no windows.
func (s *Schedule) Upcoming(at time.Time, n int) []Window {
	if s == nil || n <= 0 {
		return nil
	}
	var list []Window
	for y, w := range s.windowsFrom(at) {
		list = append(list, Window{Opens: y.start.Add(w.opens).In(s.zone), Closes: y.start.Add(w.closes).In(s.zone)})
		if len(list) == n {
			break
		}
	}
	return list
}

// Advance is the arithmetic of auto-archive: it goes ahead by the given number of days that have any opening time, keeping
// the local time of day, moves to the next opening if it is closed then, and adds rest of open time. A time of day that
// a clock change skips is the moment of the change; one that it repeats is the first of the two. Days of the nil Schedule
// have 24 hours. False as with Add.
func (s *Schedule) Advance(from time.Time, days int, rest time.Duration) (time.Time, bool) {
	if s == nil {
		return from.Add(time.Duration(days)*24*time.Hour + rest), true
	}
	if days > 0 {
		var ok bool
		if from, ok = s.advanceDays(from, days); !ok {
			return time.Time{}, false
		}
	}
	return s.Add(from, rest)
}

func (s *Schedule) advanceDays(from time.Time, days int) (time.Time, bool) {
	_, offset := from.In(s.zone).Zone()
	local := from.Unix() + int64(offset)
	day := dayOf(local)
	timeOfDay := local - int64(day)*secondsPerDay
	for y, w := range s.windowsFrom(from) {
		if y.start.Add(w.opens).Sub(from) > farthest {
			break
		}
		if w.day <= day {
			continue
		}
		day = w.day
		if days--; days > 0 {
			continue
		}
		at := s.instant(day, timeOfDay).Add(time.Duration(from.Nanosecond()))
		return s.NextOpening(at)
	}
	return time.Time{}, false
}

// instant is the first moment at which a clock in the zone shows the given time of the given day, or one after it.
func (s *Schedule) instant(day int32, seconds int64) time.Time {
	local := int64(day)*secondsPerDay + seconds
	list := segments(s.zone, local-2*secondsPerDay, local+2*secondsPerDay) // no zone is further from UTC
	for _, seg := range list {
		if local < seg.end+seg.offset {
			return time.Unix(max(local-seg.offset, seg.start), 0).In(s.zone)
		}
	}
	last := list[len(list)-1]
	return time.Unix(local-last.offset, 0).In(s.zone)
}

// locate returns the year that t is in, and t counted from its start.
func (s *Schedule) locate(t time.Time) (*year, time.Duration) {
	y := s.year(t.UTC().Year())
	return y, t.Sub(y.start)
}

// windowsFrom yields the windows that close after at, each with the year its times are counted from, until the schedule
// stays closed for longer than Horizon.
func (s *Schedule) windowsFrom(at time.Time) func(yield func(*year, window) bool) {
	return func(yield func(*year, window) bool) {
		y, offset := s.locate(at)
		lastOpen := at
		for i := y.next(offset); ; i = 0 {
			for ; i < len(y.windows); i++ {
				w := y.windows[i]
				if w.opens < 0 && y.start.After(at) {
					continue // the year before had it
				}
				if y.start.Add(w.opens).Sub(lastOpen) > Horizon || !yield(y, w) {
					return
				}
				lastOpen = later(lastOpen, y.start.Add(w.closes))
			}
			if y.start.Add(y.length).Sub(lastOpen) > Horizon {
				return
			}
			y = s.year(y.number + 1)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
