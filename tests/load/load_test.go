package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/wire"
)

func millis(values ...int) []time.Duration {
	out := make([]time.Duration, len(values))
	for i, v := range values {
		out[i] = time.Duration(v) * time.Millisecond
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = n - i // unsorted
	}
	return out
}

func TestPercentiles(t *testing.T) {
	require.Nil(t, summarise(nil))
	require.Equal(t, &percentiles{N: 1, P50: 7, P90: 7, P95: 7, P99: 7, P999: 7, Max: 7, Mean: 7}, summarise(millis(7)))
	require.Equal(t, &percentiles{N: 4, P50: 2, P90: 100, P95: 100, P99: 100, P999: 100, Max: 100, Mean: 26.5},
		summarise(millis(100, 1, 3, 2)))
	require.Equal(t, &percentiles{N: 100, P50: 50, P90: 90, P95: 95, P99: 99, P999: 100, Max: 100, Mean: 50.5},
		summarise(millis(upTo(100)...)))
	require.Equal(t, &percentiles{N: 1000, P50: 500, P90: 900, P95: 950, P99: 990, P999: 999, Max: 1000, Mean: 500.5},
		summarise(millis(upTo(1000)...)))
	require.Equal(t, 0.123, summarise([]time.Duration{123456}).P50, "to the microsecond")
}

// A percentile is a sample, and the smallest of those that enough others do not exceed.
func TestPercentileIsTheNearestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sorted := millis(rapid.SliceOfN(rapid.IntRange(0, 50), 1, 200).Draw(t, "samples")...)
		slices.Sort(sorted)
		p := rapid.SampledFrom([]float64{0, 1, 50, 90, 95, 99, 99.9, 100}).Draw(t, "p")
		got := percentile(sorted, p)
		require.Contains(t, sorted, got)
		below := func(limit time.Duration, including bool) (n float64) {
			for _, s := range sorted {
				if s < limit || including && s == limit {
					n++
				}
			}
			return n
		}
		need := p / 100 * float64(len(sorted))
		require.GreaterOrEqual(t, below(got, true)+1e-6, need)
		if got > sorted[0] {
			require.Less(t, below(got, false), need)
		}
	})
}

func op(key string, status int) operation { return operation{key: key, status: status} }

func got(id, key string, at int64) arrival {
	return arrival{WebhookID: id, Key: key, At: at, Conversation: "c", Version: at}
}

func TestLedger(t *testing.T) {
	for name, c := range map[string]struct {
		ops      []operation
		arrivals []arrival
		want     balance
		faults   []string
	}{
		"balances": {
			ops: []operation{op("a", 201), op("b", 200)}, arrivals: []arrival{got("1", "b", 20), got("2", "a", 10)},
			want: balance{Accepted: 2, Arrived: 2, last: 20},
		},
		"lost": {
			ops: []operation{op("a", 201), op("b", 201)}, arrivals: []arrival{got("1", "b", 20)},
			want: balance{Accepted: 2, Arrived: 1, Losses: 1, last: 20}, faults: []string{"1 events accepted, but never arrived"},
		},
		"the same event again": {
			ops: []operation{op("a", 201)}, arrivals: []arrival{got("1", "a", 10), got("1", "a", 20), got("1", "a", 30)},
			want: balance{Accepted: 1, Arrived: 1, Duplicates: 2, last: 10}, faults: []string{"2 events arrived more than once"},
		},
		"two events for one operation": {
			ops: []operation{op("a", 201)}, arrivals: []arrival{got("1", "a", 10), got("2", "a", 20)},
			want: balance{Accepted: 1, Arrived: 1, Duplicates: 1, last: 10}, faults: []string{"1 events arrived more than once"},
		},
		"one event under two operations' ids": {
			ops:      []operation{op("a", 201), op("b", 201)},
			arrivals: []arrival{got("1", "a", 10), got("1", "b", 20)},
			want:     balance{Accepted: 2, Arrived: 1, Losses: 1, Duplicates: 1, last: 10},
			faults:   []string{"1 events accepted, but never arrived", "1 events arrived more than once"},
		},
		"refused, and it did not happen": {
			ops: []operation{op("a", 201), op("b", 409)}, arrivals: []arrival{got("1", "a", 10)},
			want:   balance{Accepted: 1, Arrived: 1, last: 10, Refused: map[string]int{"409": 1}},
			faults: []string{"1 calls refused, or without an answer"},
		},
		"refused, and yet it happened": {
			ops: []operation{op("a", 201), op("b", 409)}, arrivals: []arrival{got("1", "a", 10), got("2", "b", 20)},
			want:   balance{Accepted: 1, Arrived: 2, Unexpected: 1, last: 10, Refused: map[string]int{"409": 1}},
			faults: []string{"1 events that nobody had sent", "1 calls refused, or without an answer"},
		},
		"no answer: it may have happened": {
			ops:      []operation{op("a", 201), {key: "b", err: errors.New("broken")}, op("c", 503)},
			arrivals: []arrival{got("1", "a", 10), got("2", "b", 20)},
			want:     balance{Accepted: 1, Arrived: 2, last: 10, Refused: map[string]int{"no answer: broken": 1, "503": 1}},
			faults:   []string{"2 calls refused, or without an answer"},
		},
		"unknown": {
			ops: []operation{op("a", 201)}, arrivals: []arrival{got("1", "a", 10), got("2", "x", 20)},
			want: balance{Accepted: 1, Arrived: 1, Unexpected: 1, last: 10}, faults: []string{"1 events that nobody had sent"},
		},
		"wrongly signed": {
			ops:      []operation{op("a", 201)},
			arrivals: []arrival{{WebhookID: "1", Key: "a", At: 10, BadSignature: "no"}},
			want:     balance{Accepted: 1, Arrived: 1, SignatureFailures: 1, last: 10},
			faults:   []string{"1 events with a wrong signature"},
		},
		"out of order, which is allowed": {
			ops: []operation{op("a", 201), op("b", 201)},
			arrivals: []arrival{
				{WebhookID: "1", Key: "a", At: 10, Conversation: "c", Version: 3},
				{WebhookID: "2", Key: "b", At: 20, Conversation: "c", Version: 2},
			},
			want: balance{Accepted: 2, Arrived: 2, OutOfOrder: 1, last: 20},
		},
		"nothing": {faults: []string{"nothing was accepted"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBalance(c.ops, c.arrivals)
			require.Equal(t, c.faults, b.faults())
			c.want.Sent, c.want.Requests = len(c.ops), len(c.arrivals)
			if c.want.Refused == nil {
				c.want.Refused = map[string]int{}
			}
			c.want.Examples, c.want.first = b.Examples, b.first
			require.Equal(t, c.want, b)
			wrong := b.Losses + b.Duplicates + b.SignatureFailures + b.Unexpected
			require.Equal(t, wrong == 0, len(b.Examples) == 0, "%v", b.Examples)
		})
	}
}

func TestKeyOfAnEvent(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":{"message":{"text":"load-message-000007 and more"},"conversation":{"id":"c","version":3,"externalReference":"r"}}}`: "load-message-000007",
		`{"data":{"conversation":{"id":"c","version":3,"externalReference":"r"}}}`:                                                   "r",
		`{"event":"sla.warning","data":{"conversation":{"id":"c","version":3,"externalReference":"r"},"sla":{}}}`:                    "r/sla.warning",
		`{"data":{"conversation":{"id":"c","version":3,"externalReference":null}}}`:                                                  "c",
	} {
		var a arrival
		a.read([]byte(body))
		require.Equal(t, arrival{Key: want, Conversation: "c", Version: 3}, a)
	}
	a := arrival{WebhookID: "1"}
	a.read([]byte("<html>"))
	require.NotEmpty(t, a.BadSignature)
}

func TestVerifier(t *testing.T) {
	secret, at := signature.NewSecret(), time.Now().Add(-time.Hour)
	v := newVerifier(map[string]string{"/run/0": secret.Reveal()})
	content := []byte(`{"event":"message.sent"}`)
	sign := func(at time.Time, key signature.Secret) raw {
		return raw{
			at: at.UnixNano(), path: "/run/0", id: "1", stamp: strconv.FormatInt(at.Unix(), 10), body: content,
			signed: signature.Standard("1", at, content, key),
		}
	}
	require.Empty(t, v.check(sign(at, secret)), "the arrival's time counts, not that of the check")
	require.Contains(t, v.check(sign(at, signature.NewSecret())), standardwebhooks.ErrNoMatchingSignature.Error())
	tampered := sign(at, secret)
	tampered.body = []byte(`{"event":"message.sent "}`)
	require.NotEmpty(t, v.check(tampered))
	late := sign(at, secret)
	late.at = at.Add(6 * time.Minute).UnixNano()
	require.Contains(t, v.check(late), "off by 6m")
	elsewhere := sign(at, secret)
	elsewhere.path = "/run/1"
	require.Contains(t, v.check(elsewhere), "no secret")
}

func TestProcessTimes(t *testing.T) {
	s, err := parseStat(7, "7 (a (b) c) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7\n")
	require.NoError(t, err)
	require.Equal(t, stat{pid: 7, parent: 3, cpu: 100}, s)
	_, err = parseStat(7, "7 (x) S")
	require.Error(t, err)
	all := map[int]stat{1: {1, 0, 1000}, 7: {7, 1, 100}, 8: {8, 7, 10}, 9: {9, 8, 1}, 10: {10, 1, 5000}}
	require.EqualValues(t, 111, treeTicks(all, 7))
	require.Equal(t, map[string]float64{"api": 1.5, "worker": 0.2}, usage{"api": 250, "worker": 20}.since(usage{"api": 100}))
}

// A ratio is of the throughput where the loop is closed, of what was offered where it is open; where there is none, the
// report says why.
func TestRatioToTheLimit(t *testing.T) {
	of := func(args ...string) *report {
		p, err := parse(append(args, "--n", "10"))
		require.NoError(t, err)
		r := newReport(p, false)
		if p.LimitN > 0 {
			r.setLimit(400)
		}
		r.rate(10, 0, int64(time.Second))
		return r
	}
	r := of("--scenario", "create")
	require.Equal(t, 0.025, *r.Ratio)
	require.Contains(t, r.RatioNote, "throughput")
	r = of("--scenario", "create", "--rate", "100")
	require.Equal(t, 0.25, *r.Ratio)
	require.Contains(t, r.RatioNote, "offered")
	for _, args := range [][]string{
		{"--scenario", "spread"}, {"--scenario", "timers"}, {"--scenario", "drain", "--limit-n", "0"},
	} {
		r = of(args...)
		require.Nil(t, r.Ratio)
		require.Nil(t, r.Limit)
		require.NotEmpty(t, r.RatioNote, "%v", args)
	}
}

func TestProcessesWithoutFigures(t *testing.T) {
	all := map[string]float64{"api": 1, "worker": 1, "postgres": 0, "temporal": 1, "receiver": 1, "load": 1}
	require.Empty(t, missing(all))
	delete(all, "temporal")
	require.Equal(t, []string{"temporal"}, missing(all))
	require.Equal(t, []string{"api", "postgres", "receiver", "temporal", "worker"}, missing(nil))
}

func TestFiredFromMetrics(t *testing.T) {
	got, err := parseFired("# HELP x\natender_timer_lag_seconds_bucket{by=\"workflow\",kind=\"wake\",le=\"1\"} 3\n" +
		"atender_timer_lag_seconds_count{by=\"sweeper\",kind=\"wake\"} 2\n" +
		"atender_timer_lag_seconds_count{by=\"workflow\",kind=\"wake\"} 1e+06\n" +
		"atender_timer_lag_seconds_count{by=\"workflow\",kind=\"breach\"} 7\n")
	require.NoError(t, err)
	require.Equal(t, firedBy{"wake": {"sweeper": 2, "workflow": 1_000_000}, "breach": {"workflow": 7}}, got)
	require.Equal(t, firedBy{"wake": {"workflow": 999_990}, "breach": {"workflow": 7}},
		got.since(firedBy{"wake": {"sweeper": 2, "workflow": 10}}))
}

// What is made in bulk is what the write path leaves: each row has one thing due, at its time.
func TestTimerRowsWaitForOneThing(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	due := now.Add(time.Minute)
	m := timerRowMaker{share: 0.5, policy: &wire.SLAPolicy{ID: uuid.New(), Name: "Load"}, timeVersion: 3, now: now}
	kinds := map[string]int{}
	for i := range 100 {
		r := m.row(t.Context(), i, due, false)
		kinds[r.kind]++
		if r.kind == "wake" {
			require.Equal(t, due, *r.snoozedUntil)
			require.Len(t, r.operations(now), 1)
			continue
		}
		require.Equal(t, due, *r.slaDue)
		require.Len(t, r.operations(now), 2)
		require.Equal(t, map[string]string{"warning": "ok", "breach": "urgent"}[r.kind], *r.slaState)
		require.Len(t, r.clocks, 3)
		require.EqualValues(t, 3, r.clocks[0].TermsVersion)
		require.Equal(t, "warning", m.row(t.Context(), i, due, true).kind, "what is pending has not been late before")
	}
	require.Equal(t, map[string]int{"wake": 50, "warning": 25, "breach": 25}, kinds)
}

// A server that stalls must not thin out the load, and what it delays counts from when it was meant to be sent.
func TestOpenLoopDoesNotWait(t *testing.T) {
	const n, stall = 20, 300 * time.Millisecond
	release := make(chan struct{})
	var begun atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if begun.Add(1) == n {
			close(release) // only when all have been sent, though none was answered
		}
		<-release
		<-time.After(stall)
	}))
	defer server.Close()
	ops := newPublisher("key", server.URL).open(t.Context(), make([]request, n), 100)
	for i, o := range ops {
		require.Equal(t, http.StatusOK, o.status)
		require.Equal(t, ops[0].intended+int64(i)*int64(10*time.Millisecond), o.intended)
		require.GreaterOrEqual(t, time.Duration(o.answered-o.intended), stall+time.Duration(n-1-i)*10*time.Millisecond)
	}
}

func TestClosedLoopKeepsToItsConcurrency(t *testing.T) {
	var now, most, all atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for n, m := now.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-time.After(time.Millisecond)
		all.Add(1)
		now.Add(-1)
		if r.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	ops := newPublisher("key", server.URL).closed(t.Context(), make([]request, 50), 4)
	require.EqualValues(t, 50, all.Load())
	require.EqualValues(t, 4, most.Load())
	require.Equal(t, 50, accepted(ops))
}

func TestParse(t *testing.T) {
	p, err := parse([]string{"--scenario", "spread", "--n", "10"})
	require.NoError(t, err)
	require.Equal(t, 100.0, p.Rate)
	require.Equal(t, 1000, p.Subscriptions)
	require.Zero(t, p.LimitN, "there is no limit to compare it with")
	p, err = parse([]string{"--scenario", "messages", "--rate", "100"})
	require.NoError(t, err)
	require.Equal(t, 5000, p.LimitN, "the offered rate is compared with it")
	p, err = parse([]string{"--scenario", "drain", "--n", "9000"})
	require.NoError(t, err)
	require.Equal(t, 9000, p.LimitN)
	p, err = parse([]string{"--scenario", "create", "--n", "9000"})
	require.NoError(t, err)
	require.Equal(t, 5000, p.LimitN)
	p, err = parse([]string{"--scenario", "border", "--window", "10s"})
	require.NoError(t, err)
	require.Equal(t, 2000, p.N, "100 a second, on each side")
	for _, wrong := range [][]string{
		{"--scenario", "border", "--vacuum", "often"}, {"--scenario", "messages", "--partitions", "8"},
		{}, {"--scenario", "x"}, {"--scenario", "create", "--n", "0"}, {"--scenario", "drain", "--rate", "5"},
		{"--scenario", "timers", "--sla", "2"}, {"--scenario", "create", "--sla", "1"},
		{"--scenario", "timers", "--recompute", "later"}, {"--scenario", "timers", "--sla", "1", "--recompute", "now"},
		{"--scenario", "hot", "--tenants", "2"}, {"--scenario", "create", "--keys", "external"},
		{"--scenario", "drain", "--writes"},
		{"--scenario", "messages", "--keys", "other"}, {"--scenario", "messages", "--payload", "300000"},
		{"--scenario", "messages", "--instances", "0"}, {"--scenario", "rest", "--rate", "1"},
		{"--scenario", "messages", "--subscriptions", "2"}, {"--scenario", "messages", "--subscriptions", "0"},
	} {
		_, err := parse(wrong)
		require.Error(t, err, "%v", wrong)
	}
}

func TestVersionsWithAGap(t *testing.T) {
	require.Equal(t, hotFigures{}, gaps(nil))
	require.Equal(t, hotFigures{Messages: 3, First: 2, Last: 4},
		gaps([]arrival{{Version: 3}, {Version: 2}, {Version: 4}, {Version: 3}}))
	require.Equal(t, hotFigures{Messages: 2, First: 2, Last: 5, Missing: 2}, gaps([]arrival{{Version: 5}, {Version: 2}}))
}

func TestCallsOfTemporalFromMetrics(t *testing.T) {
	calls, polls, err := countCalls("temporal_request_total{operation=\"A\"} 3\ntemporal_request_total{operation=\"B\"} 1e+01\n" +
		"temporal_long_request_total{operation=\"Poll\"} 4\ntemporal_request_failure_total{operation=\"A\"} 9\n")
	require.NoError(t, err)
	require.Equal(t, []float64{13, 4}, []float64{calls, polls})
}

func TestCPUOfAnOperation(t *testing.T) {
	used := map[string]float64{"api": 1, "api2": 2, "worker": 0.5, "postgres": 4, "receiver": 9, "temporal": 9}
	require.Equal(t, map[string]float64{"api": 10, "api2": 20, "worker": 5, "postgres": 40, "together": 75},
		perOperation(used, 100))
	require.Nil(t, perOperation(used, 0))
}
