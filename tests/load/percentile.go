package main

import (
	"math"
	"slices"
	"time"
)

// percentiles describe a set of durations, in milliseconds.
type percentiles struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
}

// summarise sorts the samples, all of which are kept: percentiles are exact. It returns nil when there are none.
func summarise(samples []time.Duration) *percentiles {
	if len(samples) == 0 {
		return nil
	}
	slices.Sort(samples)
	sum := 0.0
	for _, s := range samples {
		sum += ms(s)
	}
	at := func(p float64) float64 { return ms(percentile(samples, p)) }
	return &percentiles{
		N: len(samples), P50: at(50), P90: at(90), P95: at(95), P99: at(99), P999: at(99.9), Max: at(100),
		Mean: round(sum / float64(len(samples))),
	}
}

// percentile is the smallest sample that at least p per cent of all are not above (nearest rank). The samples are sorted
// and not empty.
func percentile(sorted []time.Duration, p float64) time.Duration {
	// The small amount keeps a product such as 0.999 × 1000, not exact in binary, from reaching the next rank.
	rank := int(math.Ceil(p/100*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// ms is a duration in milliseconds, to the microsecond.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// round is a figure to three decimals.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }
