package calendar

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"
)

// The years, of UTC, that a schedule computes with, and that the API takes. Before MinYear and after MaxYear a schedule
// has no open time.
const (
	MinYear = 1970
	MaxYear = 2199
)

// InYears tells whether a time is in MinYear to MaxYear.
func InYears(t time.Time) bool {
	year := t.UTC().Year()
	return MinYear <= year && year <= MaxYear
}

// Horizon is how long a schedule may stay closed: one that does not open within it counts as never opening again.
const Horizon = 2 * 366 * 24 * time.Hour

// farthest bounds what Add and Advance look at: a deadline further ahead than this is never, too, however regularly the
// schedule opens for a little while.
const farthest = 50 * 366 * 24 * time.Hour

// ErrNever says that the moment that was asked for does not come: the schedule stays closed for longer than Horizon
// before it, it is more than 50 years ahead, or it is behind MaxYear.
var ErrNever = errors.New("the opening hours have no such moment")

// Schedule is a compiled Rule. The nil Schedule is always open. It never changes and is safe for concurrent use.
//
// What may look at more than one year takes a context, and ends with its error between two years once it has ended. A
// year takes at most a few milliseconds, and there are MaxYear-MinYear+1 of them.
type Schedule struct {
	zone      *time.Location
	weekly    [7][]span // by time.Weekday
	holidays  []*holiday
	overrides map[int32][]span // by day
	years     atomic.Pointer[[]*year]
	summaries [MaxYear - MinYear + 1]atomic.Pointer[summary] // by year
}

// Window is a stretch of open time within one local day, in the schedule's zone.
type Window struct {
	Opens  time.Time `json:"opens"`
	Closes time.Time `json:"closes"`
}

// Add returns the earliest moment at which the given open time has passed since from: the last instant of a slot belongs
// to the slot, so a deadline that falls on it does not wait for the next opening. Add(from, 0) is from, open or not. It
// costs a fraction of a microsecond however long the time, once the years have been computed.
// Errors: ErrNever; the context's.
func (s *Schedule) Add(ctx context.Context, from time.Time, open time.Duration) (time.Time, error) {
	if open <= 0 {
		return from, nil
	}
	if s == nil {
		return within(from.Add(open))
	}
	if from.UTC().Year() > MaxYear {
		return time.Time{}, ErrNever
	}
	y, at := s.locate(from)
	open += y.openUntil(at)
	lastOpen := from
	for number := y.number; number <= MaxYear; number++ {
		if err := ctx.Err(); err != nil {
			return time.Time{}, err
		}
		sum := s.summary(number)
		if sum.total > 0 {
			if sum.opens.Sub(lastOpen) > Horizon {
				break
			}
			if open <= sum.total {
				y = s.year(number)
				return within(y.start.Add(y.reach(open)).In(from.Location()))
			}
			open -= sum.total
			lastOpen = later(lastOpen, sum.closes)
		}
		if end := startOf(number + 1); end.Sub(lastOpen) > Horizon || end.Sub(from) > farthest {
			break
		}
	}
	return time.Time{}, ErrNever
}

// within is t, or ErrNever if that is in no year that is computed with.
func within(t time.Time) (time.Time, error) {
	if !InYears(t) {
		return time.Time{}, ErrNever
	}
	return t, nil
}

// Between returns the open time from from to to; none if to is not after from. Errors: the context's.
func (s *Schedule) Between(ctx context.Context, from, to time.Time) (time.Duration, error) {
	if !to.After(from) {
		return 0, nil
	}
	if s == nil {
		return to.Sub(from), nil
	}
	first, at := s.locate(from)
	last, end := s.locate(to)
	open := last.openUntil(end) - first.openUntil(at)
	for number := first.number; number < last.number; number++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		open += s.summary(number).total
	}
	return open, nil
}

// IsOpen tells whether the schedule is open at an instant; it is at the one at which a slot begins, and is not at the one
// at which it ends.
func (s *Schedule) IsOpen(at time.Time) bool {
	if s == nil {
		return true
	}
	if !InYears(at) {
		return false
	}
	y, offset := s.locate(at)
	i := y.next(offset)
	return i < len(y.windows) && y.windows[i].opens <= offset
}

// NextOpening returns at itself if the schedule is open then, or the first moment after it at which it is.
// Errors: ErrNever if that is not within Horizon; the context's.
func (s *Schedule) NextOpening(ctx context.Context, at time.Time) (time.Time, error) {
	if s == nil {
		return within(at)
	}
	for w, err := range s.openings(ctx, at) {
		if err != nil {
			return time.Time{}, err
		}
		return within(later(at, w.opens))
	}
	return time.Time{}, ErrNever
}

// Upcoming returns the next n windows, for people to look at. The first may have begun before at. There are fewer where the
// schedule does not open for longer than Horizon, and none of the nil Schedule, which has no windows. Errors: the context's.
func (s *Schedule) Upcoming(ctx context.Context, at time.Time, n int) ([]Window, error) {
	if s == nil || n <= 0 {
		return nil, nil
	}
	var list []Window
	for w, err := range s.openings(ctx, at) {
		if err != nil {
			return nil, err
		}
		list = append(list, Window{Opens: w.opens.In(s.zone), Closes: w.closes.In(s.zone)})
		if len(list) == n {
			break
		}
	}
	return list, nil
}

// Advance is the arithmetic of auto-archive: it goes ahead by the given number of days that have any opening time, keeping
// the local time of day, moves to the next opening if it is closed then, and adds rest of open time. A time of day that
// a clock change skips is the moment of the change; one that it repeats is the first of the two. Days of the nil Schedule
// have 24 hours. Errors: ErrNever; the context's.
func (s *Schedule) Advance(ctx context.Context, from time.Time, days int, rest time.Duration) (time.Time, error) {
	if s == nil {
		return within(from.Add(time.Duration(days)*24*time.Hour + rest))
	}
	if days > 0 {
		var err error
		if from, err = s.advanceDays(ctx, from, days); err != nil {
			return time.Time{}, err
		}
	}
	return s.Add(ctx, from, rest)
}

func (s *Schedule) advanceDays(ctx context.Context, from time.Time, days int) (time.Time, error) {
	local := from.Unix() + offsetAt(s.zone, from.Unix())
	day := dayOf(local)
	timeOfDay := local - int64(day)*secondsPerDay
	for w, err := range s.openings(ctx, from) {
		if err != nil {
			return time.Time{}, err
		}
		if w.opens.Sub(from) > farthest {
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
		return s.NextOpening(ctx, at)
	}
	return time.Time{}, ErrNever
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

func startOf(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

// locate returns the year that t is in, and t counted from its start. For times before or behind all years it is the start
// of the first or the end of the last.
func (s *Schedule) locate(t time.Time) (*year, time.Duration) {
	y := s.year(min(max(t.UTC().Year(), MinYear), MaxYear))
	return y, min(max(t.Sub(y.start), 0), y.length)
}

// opening is a window where it is in time.
type opening struct {
	opens, closes time.Time
	day           int32 // local date
}

// openings yields the windows that close after at, until the schedule stays closed for longer than Horizon, or the years
// end. Once the context has ended it yields its error, and no more.
func (s *Schedule) openings(ctx context.Context, at time.Time) iter.Seq2[opening, error] {
	return func(yield func(opening, error) bool) {
		first, offset := s.locate(at)
		lastOpen := at
		for number := first.number; number <= MaxYear; number++ {
			if err := ctx.Err(); err != nil {
				yield(opening{}, err)
				return
			}
			y, from := first, first.next(offset)
			if number > first.number {
				y, from = s.year(number), 0
			}
			for _, w := range y.windows[from:] {
				if w.opens < 0 && y.start.After(at) {
					continue // the year before had it
				}
				o := opening{opens: y.start.Add(w.opens), closes: y.start.Add(w.closes), day: w.day}
				if o.opens.Sub(lastOpen) > Horizon || !yield(o, nil) {
					return
				}
				lastOpen = later(lastOpen, o.closes)
			}
			if startOf(number+1).Sub(lastOpen) > Horizon {
				return
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
