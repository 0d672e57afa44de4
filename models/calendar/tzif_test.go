package calendar_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// table is a time zone as its file says it (RFC 9636), read without package time: the transitions that are listed, and the
// rule for what comes after them.
type table struct {
	first   int64   // offset before the first transition
	at      []int64 // Unix seconds
	offsets []int64 // from then on
	rule    *tzRule // nil: the last offset stays
}

// tzRule is a POSIX TZ string (POSIX.1-2024, section 8.3) with two offsets.
type tzRule struct {
	std, dst   int64 // seconds ahead of UTC
	start, end tzDate
}

// tzDate is a moment of every year, on the clock that is in force before it.
type tzDate struct {
	month, week, weekday int // Mm.w.d; month 0 for the other forms
	day                  int // Jn counts 1 to 365 without 29 February, n counts 0 to 365 with it
	julian               bool
	seconds              int64 // after midnight; may be negative or more than a day
}

func readTable(data []byte) (*table, error) {
	counts := func(header []byte) (n [6]int, err error) {
		if len(header) < 44 || string(header[:4]) != "TZif" || header[4] < '2' {
			return n, errors.New("not a TZif file of version 2 or later")
		}
		for i := range n {
			n[i] = int(binary.BigEndian.Uint32(header[20+4*i:]))
		}
		return n, nil
	}
	n, err := counts(data)
	if err != nil {
		return nil, err
	}
	data = data[44+n[3]*5+n[4]*6+n[5]+n[2]*8+n[1]+n[0]:] // the block of 32-bit times
	if n, err = counts(data); err != nil {
		return nil, err
	}
	data = data[44:]
	times, kinds := data[:n[3]*8], data[n[3]*8:n[3]*9]
	infos := data[n[3]*9:]
	offset := func(kind byte) int64 { return int64(int32(binary.BigEndian.Uint32(infos[int(kind)*6:]))) }
	z := &table{first: offset(0)}
	for i := range n[3] {
		z.at = append(z.at, int64(binary.BigEndian.Uint64(times[i*8:])))
		z.offsets = append(z.offsets, offset(kinds[i]))
	}
	footer := strings.Trim(string(infos[n[4]*6+n[5]+n[2]*12+n[1]+n[0]:]), "\n")
	z.rule, err = readRule(footer)
	return z, err
}

func readRule(s string) (*tzRule, error) {
	halves := strings.Split(s, ",")
	rest, std, _ := readOffset(halves[0])
	if rest == "" || len(halves) != 3 {
		return nil, nil
	}
	_, dst, given := readOffset(rest)
	if !given {
		dst = std + 3600
	}
	r, err := &tzRule{std: std, dst: dst}, error(nil)
	if r.start, err = readDate(halves[1]); err != nil {
		return nil, err
	}
	r.end, err = readDate(halves[2])
	return r, err
}

// readOffset reads a name and the offset behind it, which POSIX counts westward, and returns what follows.
func readOffset(s string) (rest string, offset int64, given bool) {
	if strings.HasPrefix(s, "<") {
		s = s[strings.IndexByte(s, '>')+1:]
	} else {
		s = strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	}
	end := len(s) - len(strings.TrimLeft(s, "+-0123456789:"))
	return s[end:], -readHours(s[:end]), end > 0
}

// readHours reads [+-]h[:m[:s]].
func readHours(s string) int64 {
	sign := int64(1)
	if strings.HasPrefix(s, "-") {
		sign = -1
	}
	var seconds, unit int64 = 0, 3600
	for _, part := range strings.Split(strings.TrimLeft(s, "+-"), ":") {
		n, _ := strconv.ParseInt(part, 10, 64)
		seconds += n * unit
		unit /= 60
	}
	return sign * seconds
}

func readDate(s string) (d tzDate, err error) {
	date, clock, given := strings.Cut(s, "/")
	d.seconds = 2 * 3600
	if given {
		d.seconds = readHours(clock)
	}
	switch {
	case strings.HasPrefix(date, "M"):
		_, err = fmt.Sscanf(date, "M%d.%d.%d", &d.month, &d.week, &d.weekday)
	case strings.HasPrefix(date, "J"):
		d.julian = true
		_, err = fmt.Sscanf(date, "J%d", &d.day)
	default:
		_, err = fmt.Sscanf(date, "%d", &d.day)
	}
	return d, err
}

// in is the date in a year, in Unix seconds of the clock on the wall.
func (d tzDate) in(year int) int64 {
	midnight := func(month time.Month, day int) int64 { return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() }
	switch {
	case d.month > 0:
		first := midnight(time.Month(d.month), 1)
		weekday := int((first/86400 + 4) % 7)
		day := 1 + (d.weekday-weekday+7)%7 + 7*(d.week-1)
		for day > time.Date(year, time.Month(d.month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
			day -= 7
		}
		return midnight(time.Month(d.month), day) + d.seconds
	case d.julian:
		day := midnight(1, d.day)
		if d.day >= 60 && midnight(3, 1)-midnight(2, 28) > 86400 {
			day += 86400
		}
		return day + d.seconds
	}
	return midnight(1, 1+d.day) + d.seconds
}

// transitions lists the moments from one year to another at which the offset changes.
func (z *table) transitions(from, to int) []int64 {
	var all []int64
	begin, end := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(to+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	all = append(all, z.at...)
	if z.rule != nil {
		for year := from - 1; year <= to+1; year++ {
			all = append(all, z.rule.start.in(year)-z.rule.std, z.rule.end.in(year)-z.rule.dst)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	var kept []int64
	for _, t := range all {
		if begin <= t && t < end && z.offset(t) != z.offset(t-1) && (len(kept) == 0 || kept[len(kept)-1] != t) {
			kept = append(kept, t)
		}
	}
	return kept
}

// offset is how many seconds the zone is ahead of UTC at an instant.
func (z *table) offset(t int64) int64 {
	i := sort.Search(len(z.at), func(i int) bool { return z.at[i] > t })
	if i < len(z.at) || z.rule == nil {
		if i == 0 {
			return z.first
		}
		return z.offsets[i-1]
	}
	year := time.Unix(t+z.rule.std, 0).UTC().Year()
	start, end := z.rule.start.in(year)-z.rule.std, z.rule.end.in(year)-z.rule.dst
	inDST := start <= t && t < end
	if end < start { // the southern half
		inDST = t >= start || t < end
	}
	if inDST {
		return z.rule.dst
	}
	return z.rule.std
}
