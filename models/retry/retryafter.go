package retry

import (
	"strconv"
	"strings"
	"time"
)

// httpDates are the three forms of an HTTP date that a recipient must accept (RFC 9110, section 5.6.7). The zone is
// spelled out: a layout with MST would accept any three letters as an unknown zone at offset zero.
var httpDates = [...]string{
	"Mon, 02 Jan 2006 15:04:05 GMT",
	"Monday, 02-Jan-06 15:04:05 GMT",
	time.ANSIC,
}

// ParseRetryAfter reads the value of a Retry-After header (RFC 9110, section 10.2.3): whole seconds, or an HTTP date,
// which is taken relative to now. The result is capped at MaxRetryAfter. It is false for what is neither, for negative
// numbers and for dates that have passed.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		const limit = int64(MaxRetryAfter / time.Second)
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil { // too many digits for an int64, so more than a day
			return MaxRetryAfter, true
		}
		return time.Duration(min(seconds, limit)) * time.Second, true
	}
	for _, layout := range httpDates {
		at, err := time.Parse(layout, value)
		if err != nil {
			continue
		}
		if at.Before(now) {
			return 0, false
		}
		return min(at.Sub(now), MaxRetryAfter), true
	}
	return 0, false
}
