package calendar_test

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/calendar"
)

// everyZone is all zones that there are, one for each table, with the file that package time reads for each: that of
// the zip which ZONEINFO names, or else the system's, which lists all transitions until 2037, or else Go's own.
func everyZone(t *testing.T) map[string][]byte {
	t.Helper()
	archive, err := zip.OpenReader(zoneArchive(t))
	require.NoError(t, err)
	defer func() { _ = archive.Close() }()
	zones, known := map[string][]byte{}, map[string]bool{}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/usr/share/zoneinfo", f.Name))
		if err != nil || os.Getenv("ZONEINFO") != "" {
			r, err := f.Open()
			require.NoError(t, err)
			data, err = io.ReadAll(r)
			require.NoError(t, err)
		}
		if !known[string(data)] {
			known[string(data)], zones[f.Name] = true, data
		}
	}
	require.Greater(t, len(zones), 300)
	return zones
}

// zoneArchive is the zone data that comes with Go, of the kind that is embedded in the binary: tables that are as short as
// can be, and rules.
func zoneArchive(t *testing.T) string {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")
}

const secondsPerDay = 86400

// eachDay calls f for the days, in UTC, on which something may go wrong: those around each change of the offset from 1970
// on, the last of every year, and the 29th of February, up to 2045: from 2038 on all zones go by their rule alone. With
// ATENDER_LONG it is up to 2100, and every day from 2020 on.
func eachDay(z *table, f func(day int64)) {
	long, days, last := os.Getenv("ATENDER_LONG") != "", map[int64]bool{}, 2045
	if long {
		last = 2100
	}
	for _, t := range z.transitions(1970, last) {
		for d := int64(-1); d <= 1; d++ {
			days[t/secondsPerDay+d] = true
		}
	}
	for year := 2020; year <= last; year++ {
		first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
		days[first-1], days[time.Date(year, 2, 29, 0, 0, 0, 0, time.UTC).Unix()/secondsPerDay] = true, true
		if long {
			for d := range int64(366) {
				days[first+d] = true
			}
		}
	}
	sorted := make([]int64, 0, len(days))
	for d := range days {
		sorted = append(sorted, d)
	}
	slices.Sort(sorted)
	for _, d := range sorted {
		f(d * secondsPerDay)
	}
}

// checkZones holds every zone against its table.
func checkZones(t *testing.T) {
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for name, data := range everyZone(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z, err := readTable(data)
			require.NoError(t, err)
			location, err := time.LoadLocation(name)
			require.NoError(t, err)
			changes := z.transitions(1969, 2102)
			schedule, err := calendar.Rule{Zone: name, Weekly: everyDay(quarterly...)}.Compile()
			require.NoError(t, err)
			eachDay(z, func(day int64) {
				want := z.segments(changes, day, day+secondsPerDay)
				if got := calendar.Segments(location, day, day+secondsPerDay); !slices.Equal(want, got) {
					require.Equal(t, want, got, "segments of %s", time.Unix(day, 0).UTC())
				}
				if day >= from {
					checkDay(t, want, schedule, day)
				}
			})
		})
	}
}

func (z *table) segments(changes []int64, start, end int64) []calendar.Segment {
	list := []calendar.Segment{{Start: start, End: end, Offset: z.offset(start)}}
	for i := sort.Search(len(changes), func(i int) bool { return changes[i] > start }); i < len(changes); i++ {
		if changes[i] >= end {
			break
		}
		list[len(list)-1].End = changes[i]
		list = append(list, calendar.Segment{Start: changes[i], End: end, Offset: z.offset(changes[i])})
	}
	return list
}

// quarterly are slots that begin and end with a quarter of an hour, as nearly all clock changes since 1973 do.
var quarterly = []calendar.Slot{{From: "00:00", To: "02:15"}, {From: "09:00", To: "17:00"}, {From: "23:30", To: "24:00"}}

// checkDay walks through a day by quarters of an hour, or minutes, and compares what the table's clock shows with the schedule.
func checkDay(t *testing.T, segments []calendar.Segment, s *calendar.Schedule, day int64) {
	step := int64(900)
	for _, s := range segments {
		if s.Start%step != 0 { // Antarctica/Casey, at 00:01 of some days
			step = 60
		}
	}
	var open time.Duration
	first := int64(-1)
	for at := day; at < day+secondsPerDay; at += step {
		for at >= segments[0].End {
			segments = segments[1:]
		}
		clock := (at + segments[0].Offset) % secondsPerDay
		isOpen := clock < 8100 || 32400 <= clock && clock < 61200 || clock >= 84600
		if isOpen {
			open += time.Duration(step) * time.Second
			if first < 0 {
				first = at
			}
		}
		if s.IsOpen(time.Unix(at, 0)) != isOpen {
			require.Fail(t, "not as the clock says", "at %s: open must be %v", time.Unix(at, 0).UTC(), isOpen)
		}
	}
	begin := time.Unix(day, 0)
	total, err := s.Between(context.Background(), begin, begin.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, open, total, "open time on %s", begin.UTC())
	next, err := s.NextOpening(context.Background(), begin)
	require.NoError(t, err)
	require.Equal(t, first, next.Unix(), "first opening on %s", begin.UTC())
	end, err := s.Add(context.Background(), begin, open)
	require.NoError(t, err)
	require.LessOrEqual(t, end.Unix(), day+secondsPerDay, "the day's open time ends with it")
}

// time.Time.ZoneBounds gives an end behind which it does not come, on 31 December of leap years behind a zone's table; a
// loop that went from bound to bound did not end there.
func TestEveryZoneAgreesWithItsTable(t *testing.T) {
	t.Parallel()
	checkZones(t)
}

// The binary's own data has other tables than the system's: there the years without an end began in 2024.
func TestEveryZoneAgreesWithItsTableOfTheEmbeddedKind(t *testing.T) {
	t.Parallel()
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestEveryZoneAgreesWithItsTable$", "-test.timeout", "2h")
	again.Env = append(os.Environ(), "ZONEINFO="+zoneArchive(t))
	output, err := again.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
