package main

import (
	"os"
	"runtime"
	"strings"
)

// report is the JSON that a run prints. Rates are per second, latencies in milliseconds, CPU in seconds.
type report struct {
	Scenario   string   `json:"scenario"`
	Void       bool     `json:"void"`
	Why        []string `json:"why,omitempty"` // it is void
	Parameters settings `json:"parameters"`
	Machine    machine  `json:"machine"`

	// StartSeconds is from the start of PostgreSQL and Temporal to a ready API and worker; absent for a stack that ran.
	StartSeconds float64 `json:"startSeconds,omitempty"`
	// Seconds is the measured interval: from the first send to the last arrival, or the last answer without webhooks.
	Seconds    float64 `json:"seconds"`
	Throughput float64 `json:"throughput"` // accepted operations, by Seconds
	// Latency is from the intended (open loop) or actual (closed loop) moment of sending to the arrival.
	Latency *percentiles `json:"latencyMs,omitempty"`
	// API is the same to the end of the API's answer.
	API *percentiles `json:"apiLatencyMs,omitempty"`

	Ledger balance `json:"ledger"`

	CPU map[string]float64 `json:"cpuSeconds,omitempty"` // over the measured interval
	// CPUMissing are processes that the figures leave out, because they were not found, or the system does not say.
	CPUMissing []string `json:"cpuMissing,omitempty"`
	// CPUPerOperation is the same of api, worker and PostgreSQL, and of the three together, in ms for each operation.
	CPUPerOperation map[string]float64 `json:"cpuMsPerOperation,omitempty"`
	// CPUUntilIdle is until nothing was left to do: the outbox empty, every delivery ended, worker and Temporal idle.
	CPUUntilIdle     map[string]float64 `json:"cpuSecondsUntilIdle,omitempty"`
	SecondsUntilIdle float64            `json:"secondsUntilIdle,omitempty"` // from the end of the interval
	MemoryMB         map[string]float64 `json:"memoryHighWaterMB,omitempty"`
	Temporal         *historyCost       `json:"temporal,omitempty"`

	// RoundTrips are the database round trips of one operation of the limit, BEGIN and COMMIT included.
	RoundTrips int `json:"databaseRoundTrips,omitempty"`
	// Limit is in operations a second. Ratio is what of it the run reached, or, in an open loop, what of it was offered;
	// both are null where RatioNote says why.
	Limit     *float64 `json:"limit"`
	Ratio     *float64 `json:"ratioToLimit"`
	RatioNote string   `json:"ratioNote"`
	// GroupLimit is the limit with several messages in one transaction, in messages a second.
	GroupLimit *float64 `json:"groupLimit,omitempty"`
	GroupSize  float64  `json:"groupSize,omitempty"` // messages in one of its transactions, on average

	// Writes is what an operation writes, to the end of its deliveries (--writes).
	Writes *writeFigures `json:"writes,omitempty"`

	Drain  *drainFigures  `json:"drain,omitempty"`
	Fanout *fanoutFigures `json:"fanout,omitempty"`
	Border *borderFigures `json:"border,omitempty"`
	Hot    *hotFigures    `json:"hot,omitempty"`
	Rest   *restFigures   `json:"rest,omitempty"`
	Timers *timerFigures  `json:"timers,omitempty"`
	Slow   *slowFigures   `json:"slow,omitempty"`
}

type settings struct {
	params
	Loop            string  `json:"loop"`
	ReceiverDelayMS float64 `json:"receiverDelayMs"`
	WindowSeconds   float64 `json:"windowSeconds,omitempty"`
	LeadSeconds     float64 `json:"leadSeconds,omitempty"`
	Stack           string  `json:"stack"`
	Note            string  `json:"note,omitempty"`
}

type machine struct {
	Cores   int    `json:"cores"`
	CPU     string `json:"cpu,omitempty"`
	OS      string `json:"os"`
	Go      string `json:"go"`
	LoadAvg string `json:"loadAverageBefore,omitempty"` // of the last minute, before the stack was started
}

func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if content, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadAvg, _, _ = strings.Cut(string(content), " ")
	}
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(content)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

func newReport(p params, attached bool) *report {
	s := settings{
		params: p, Loop: "closed", Stack: "own", ReceiverDelayMS: p.ReceiverDelay.Seconds() * 1000,
	}
	if p.Rate > 0 {
		s.Loop = "open"
	}
	if attached {
		s.Stack = "running"
	}
	switch p.Scenario {
	case "timers":
		s.Loop, s.Conversations = "none", 0
		s.WindowSeconds, s.LeadSeconds = p.Window.Seconds(), p.Lead.Seconds()
	case "border":
		s.WindowSeconds, s.LeadSeconds = p.Window.Seconds(), p.Lead.Seconds()
	case "rest":
		s.Loop, s.Conversations, s.WindowSeconds = "none", 0, p.Window.Seconds()
	case "create":
		s.Conversations = 0
	}
	return &report{Scenario: p.Scenario, Parameters: s, Machine: thisMachine(), RatioNote: ratioNote(p)}
}

// ratioNote says what the ratio to the limit is, or why there is none.
func ratioNote(p params) string {
	switch {
	case p.Scenario == "timers":
		return "none: what is due comes at its own time, and no throughput is asked for; lagMs says how late it was done"
	case p.Scenario == "slow":
		return "none: what is asked for is how little an attack changes the latencies of others"
	case p.Scenario == "spread":
		return "none: the bare statements have one subscription, so that they would leave out what this measures, the choice " +
			"among many"
	case p.Scenario == "border":
		return "none: border.p99Ratio has what is asked for"
	case p.Scenario == "fanout":
		return "none: fanout.ratioToDrain has what is asked for"
	case p.Scenario == "hot":
		return "none: the limit has a transaction for each message, and one conversation lets one through at a time"
	case p.Scenario == "rest":
		return "none: nothing is asked of the product"
	case p.Payload > 0:
		return "none: the limit's messages have the usual payload"
	case p.LimitN == 0:
		return "none: --limit-n 0"
	case p.Rate > 0:
		return "the offered rate, by the limit"
	default:
		return "the throughput, by the limit"
	}
}

// setLimit notes what was measured as the limit, in operations a second.
func (r *report) setLimit(perSecond float64) {
	perSecond = round(perSecond)
	r.Limit = &perSecond
	progress("limit: %.0f a second", perSecond)
}

// setGroupLimit notes what was measured as the limit of group commit.
func (r *report) setGroupLimit(perSecond, size float64) {
	perSecond = round(perSecond)
	r.GroupLimit, r.GroupSize = &perSecond, round(size)
	progress("limit with groups of %.1f: %.0f a second", size, perSecond)
}

// void makes the run void, for one more reason.
func (r *report) void(why string) {
	r.Void = true
	r.Why = append(r.Why, why)
	progress("VOID: %s", why)
}
