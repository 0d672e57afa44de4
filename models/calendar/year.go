package calendar

import (
	"sort"
	"time"
)

const secondsPerDay = 24 * 3600

// span is a slot in seconds since local midnight: from is in it, to is not.
type span struct{ from, to int32 }

// dayOf is the day, counted from 1 January 1970, of an instant given in seconds since then, on a clock without offset.
func dayOf(seconds int64) int32 {
	day := seconds / secondsPerDay
	if seconds%secondsPerDay < 0 {
		day--
	}
	return int32(day)
}

// year is one UTC year of a schedule, computed: where its windows are and how much open time came before each, so that
// business time in it is a matter of a binary search.
type year struct {
	number  int
	start   time.Time
	length  time.Duration
	windows []window // in order; the first may begin before the year, the last may end after it
	total   time.Duration
}

// window is a stretch of open time of one local day. Times are counted from the start of the year.
type window struct {
	opens, closes time.Duration
	before        time.Duration // open time of the year before this window
	day           int32         // local date
}

// segment is a stretch of time in which a zone keeps one offset from UTC, in Unix seconds.
type segment struct{ start, end, offset int64 }

// probeStep is the distance, in seconds, at which segments looks for another offset. A zone that changes its offset and
// changes it back within one step would be missed: the shortest such time since 1970, in any zone, is 167 hours
// (America/Recife, October 2000).
const probeStep = secondsPerDay

// segments cuts the time from start to end (Unix seconds) where the zone's offset changes. It asks the zone for nothing
// but the offset at an instant: time.Time.ZoneBounds, which has the changes themselves, gives an end that is not after
// the instant on 31 December of leap years behind the last transition of a zone's table. Each turn of the loop moves on
// by at least a second, and by a day unless the offset changed.
func segments(zone *time.Location, start, end int64) []segment {
	list := []segment{{start: start, end: end, offset: offsetAt(zone, start)}}
	for at := start; at < end; {
		last := &list[len(list)-1]
		next := min(at+probeStep, end)
		if offsetAt(zone, next) != last.offset {
			first := at + 1
			next = first + int64(sort.Search(int(next-first), func(i int) bool {
				return offsetAt(zone, first+int64(i)) != last.offset
			}))
			if next < end {
				last.end = next
				list = append(list, segment{start: next, end: end, offset: offsetAt(zone, next)})
			}
		}
		at = next
	}
	return list
}

// offsetAt is how many seconds a clock in the zone is ahead of UTC at an instant.
func offsetAt(zone *time.Location, unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(zone).Zone()
	return int64(offset)
}

// compute works out one year.
func (s *Schedule) compute(number int) *year {
	start, end := startOf(number), startOf(number+1)
	perWeek := 0
	for _, slots := range s.weekly {
		perWeek += len(slots)
	}
	y := &year{number: number, start: start, length: end.Sub(start), windows: make([]window, 0, 54*perWeek)}
	free := holidayDays(s.holidays, number-1, number+1)
	// Two days more on either side, so that windows across the ends are whole.
	first, last := start.Unix()-2*secondsPerDay, end.Unix()+2*secondsPerDay
	sameSlot := -1 // of the window before, while the same day goes on
	for _, seg := range segments(s.zone, first, last) {
		for day := dayOf(seg.start + seg.offset); int64(day)*secondsPerDay < seg.end+seg.offset; day++ {
			for i, slot := range s.slots(day, free) {
				midnight := int64(day)*secondsPerDay - seg.offset // as this segment counts
				opens, closes := max(midnight+int64(slot.from), seg.start), min(midnight+int64(slot.to), seg.end)
				if opens >= closes {
					continue
				}
				y.add(window{opens: y.at(opens), closes: y.at(closes), day: day}, i == sameSlot)
				sameSlot = i
			}
		}
	}
	y.clip()
	return y
}

func (y *year) at(unix int64) time.Duration { return time.Duration(unix-y.start.Unix()) * time.Second }

// add appends a window, or makes the last one longer where the same slot goes on after a clock change.
func (y *year) add(w window, sameSlot bool) {
	if n := len(y.windows); n > 0 && sameSlot {
		if last := &y.windows[n-1]; last.day == w.day && last.closes == w.opens {
			last.closes = w.closes
			return
		}
	}
	y.windows = append(y.windows, w)
}

// clip drops the windows that are not in the year and sums up those that are.
func (y *year) clip() {
	first := sort.Search(len(y.windows), func(i int) bool { return y.windows[i].closes > 0 })
	last := sort.Search(len(y.windows), func(i int) bool { return y.windows[i].opens >= y.length })
	kept := y.windows[first:last]
	y.windows = append(make([]window, 0, len(kept)), kept...)
	for i := range y.windows {
		w := &y.windows[i]
		w.before = y.total
		y.total += min(w.closes, y.length) - max(w.opens, 0)
	}
}

// slots are those of a day: its override's, none on a holiday, or the weekday's.
func (s *Schedule) slots(day int32, free map[int32]bool) []span {
	if slots, ok := s.overrides[day]; ok {
		return slots
	}
	if free[day] {
		return nil
	}
	const thursday = 4 // 1 January 1970
	return s.weekly[((int(day)+thursday)%7+7)%7]
}

// next is the index of the first window that closes after at; len(windows) if none does.
func (y *year) next(at time.Duration) int {
	return sort.Search(len(y.windows), func(i int) bool { return y.windows[i].closes > at })
}

// openUntil is the open time of the year before at, which is in it or at one of its ends.
func (y *year) openUntil(at time.Duration) time.Duration {
	i := y.next(at)
	if i == len(y.windows) {
		return y.total
	}
	w := y.windows[i]
	return w.before + max(at-max(w.opens, 0), 0)
}

// reach is the earliest moment of the year at which it has had the given open time, which is more than none and not
// more than total. The end of a window belongs to it.
func (y *year) reach(open time.Duration) time.Duration {
	i := sort.Search(len(y.windows), func(i int) bool { return y.windows[i].before >= open }) - 1
	w := y.windows[i]
	return max(w.opens, 0) + open - w.before
}

// maxYears is how many computed years a schedule keeps: deadlines are about now, and a report looks back a year.
const maxYears = 6

// year returns a computed year, from the cache if it is there. The cache is copied when it grows, so that reading it
// takes no lock; two that miss together compute the same and one of them is kept.
func (s *Schedule) year(number int) *year {
	var known []*year
	if p := s.years.Load(); p != nil {
		known = *p
	}
	for _, y := range known {
		if y.number == number {
			return y
		}
	}
	y := s.compute(number)
	s.summaries[number-MinYear].CompareAndSwap(nil, y.summarize())
	if len(known) >= maxYears {
		known = known[1:]
	}
	grown := append(append(make([]*year, 0, len(known)+1), known...), y)
	s.years.Store(&grown)
	return y
}

// summary is what a year far from now is asked for: how much open time it has, and when it first and last has any. A
// schedule keeps those of all years, so that a deadline decades ahead computes each year once and not for every clock.
type summary struct {
	total         time.Duration
	opens, closes time.Time // of the first and of the last window; meaningless if total is 0
}

func (y *year) summarize() *summary {
	sum := &summary{total: y.total}
	if n := len(y.windows); n > 0 {
		sum.opens = y.start.Add(max(y.windows[0].opens, 0))
		sum.closes = y.start.Add(y.windows[n-1].closes)
	}
	return sum
}

func (s *Schedule) summary(number int) *summary {
	if sum := s.summaries[number-MinYear].Load(); sum != nil {
		return sum
	}
	return s.year(number).summarize()
}
