package calendar

import "time"

// Segment is a stretch of time, in Unix seconds, in which a zone keeps one offset.
type Segment struct{ Start, End, Offset int64 }

// Segments cuts a time where the zone's offset changes.
func Segments(zone *time.Location, start, end int64) []Segment {
	var list []Segment
	for _, s := range segments(zone, start, end) {
		list = append(list, Segment{s.start, s.end, s.offset})
	}
	return list
}
