package ratelimit

import (
	"slices"
	"time"
)

// A window counts by slots of half a second. What was taken in a slot counts until the slot has left the trailing
// minute as a whole: 60 s at least, 60.5 s at most.
const (
	Slot  = 500 * time.Millisecond
	Slots = int(time.Minute/Slot) + 1 // the one that is running, and a minute

	slotsPerDay = int64(24 * time.Hour / Slot)
)

// What a refusal is for, as details.window names it.
const (
	ForMinute = "minute"
	ForDay    = "day"
)

// Window is what a subject has taken in the trailing minute and in the day, as its row in the database says. The zero
// Window has taken nothing. It is a value: methods return another.
type Window struct {
	Slot   int64 // the newest slot, counted from 1970
	Counts []int32
	Day    int64 // days since 1970, UTC
	InDay  int64
}

// Return is tokens that were not used, and the slot in which they were taken.
type Return struct {
	Slot   int64
	Tokens int
}

// SlotOf is the slot of a time.
func SlotOf(at time.Time) int64 { return at.UnixMilli() / Slot.Milliseconds() }

func timeOf(slot int64) time.Time { return time.UnixMilli(slot * Slot.Milliseconds()).UTC() }

// at is the window as it is at a time. Time does not go back, unless by more than a minute: then the clock was wrong
// before, and the window begins anew, so that nothing is refused until the time has come that it showed.
func (w Window) at(now time.Time) Window {
	slot := SlotOf(now)
	if slot > w.Slot-int64(Slots) {
		slot = max(slot, w.Slot)
	} else {
		w = Window{Slot: slot}
	}
	counts := make([]int32, Slots)
	if moved := slot - w.Slot; moved < int64(Slots) && len(w.Counts) == Slots {
		copy(counts, w.Counts[moved:])
	}
	out := Window{Slot: slot, Counts: counts, Day: slot / slotsPerDay}
	if out.Day == w.Day {
		out.InDay = w.InDay
	}
	return out
}

// Take gives tokens back and then takes as many of those asked for as the limits leave. The statement of package account
// is this function in SQL; a test holds one against the other.
func (w Window) Take(now time.Time, limits Limits, ask int, back []Return) (Window, int) {
	w = w.at(now)
	for _, b := range back {
		if i := b.Slot - w.Slot + int64(Slots) - 1; i >= 0 && i < int64(Slots) {
			w.Counts[i] = max(w.Counts[i]-int32(b.Tokens), 0)
		}
		if b.Slot/slotsPerDay == w.Day {
			w.InDay = max(w.InDay-int64(b.Tokens), 0)
		}
	}
	granted := max(min(ask, w.left(limits)), 0)
	w.Counts[Slots-1] += int32(granted)
	w.InDay += int64(granted)
	return w, granted
}

func (w Window) used() (sum int) {
	for _, n := range w.Counts {
		sum += int(n)
	}
	return sum
}

// left is how many tokens there are to take; negative when limits were lowered.
func (w Window) left(limits Limits) int {
	left := MaxPerDay
	if minute := limits.Minute(); minute > 0 {
		left = minute - w.used()
	}
	if limits.PerDay > 0 {
		left = min(left, limits.PerDay-int(w.InDay))
	}
	return left
}

// Left is how many tokens there are to take at a time.
func (w Window) Left(now time.Time, limits Limits) int { return max(w.at(now).left(limits), 0) }

// Free is when there is a token to take: now, or the end of what is used up, the minute or the day.
func (w Window) Free(now time.Time, limits Limits) (at time.Time, window string) {
	w = w.at(now)
	at, window = now, ForMinute
	if minute := limits.Minute(); minute > 0 {
		for i, over := 0, w.used()-minute; over >= 0 && i < Slots; i++ {
			if over -= int(w.Counts[i]); over < 0 {
				at = timeOf(w.Slot + int64(i) + 1)
			}
		}
	}
	if limits.PerDay > 0 && w.InDay >= int64(limits.PerDay) {
		if midnight := timeOf((w.Day + 1) * slotsPerDay); midnight.After(at) {
			at, window = midnight, ForDay
		}
	}
	return at, window
}

// Next is when there is more to take than now: when the oldest slot that counts leaves the minute, or else at the
// end of the day.
func (w Window) Next(now time.Time, limits Limits) time.Time {
	w = w.at(now)
	if w.left(limits) <= 0 {
		at, _ := w.Free(now, limits)
		return at
	}
	if limits.Minute() == 0 {
		return timeOf((w.Day + 1) * slotsPerDay)
	}
	if i := slices.IndexFunc(w.Counts, func(n int32) bool { return n > 0 }); i >= 0 {
		return timeOf(w.Slot + int64(i) + 1)
	}
	return now
}
