package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// params are what a run is told.
type params struct {
	Scenario      string        `json:"scenario"`
	N             int           `json:"n"`
	Concurrency   int           `json:"concurrency"`
	Rate          float64       `json:"rate,omitempty"` // requests a second; 0 for a closed loop
	Warmup        int           `json:"warmup"`
	Subscriptions int           `json:"subscriptions"`
	Conversations int           `json:"conversations,omitempty"`
	Tenants       int           `json:"tenants,omitempty"`
	Keys          string        `json:"keys,omitempty"`
	Payload       int           `json:"payloadBytes,omitempty"`
	Stored        int           `json:"stored,omitempty"`
	Instances     int           `json:"instances,omitempty"`
	Writes        bool          `json:"-"`
	Pending       int           `json:"pending,omitempty"`
	SLA           float64       `json:"sla,omitempty"`
	Recompute     string        `json:"recompute,omitempty"`
	Vacuum        string        `json:"vacuum,omitempty"`
	Autovacuum    bool          `json:"autovacuum,omitempty"`
	Partitions    int           `json:"partitions,omitempty"`
	Window        time.Duration `json:"-"`
	Lead          time.Duration `json:"-"`
	ReceiverDelay time.Duration `json:"-"`
	VerifyEvery   int           `json:"verifyEvery"`
	LimitN        int           `json:"limitN,omitempty"`
	Patience      time.Duration `json:"-"`
	WaitIdle      bool          `json:"-"`
	Dir           string        `json:"-"`
	Binary        string        `json:"-"`
	JSON          string        `json:"-"`
	Keep          bool          `json:"-"`

	transport func(http.RoundTripper) http.RoundTripper // what tests make of the publishers', if any
}

// What calls carry so that a repetition is recognised (--keys): a fresh one with each.
const (
	keysIdempotency = "idempotency" // a header Idempotency-Key
	keysExternal    = "external"    // a message's externalId
)

const (
	// maxPayload is the longest text of a message: the contract's limit, less the word that names the operation.
	maxPayload = 256<<10 - 64
	// maxInstances bounds --instances: more of them only share the same machine.
	maxInstances = 8
)

func parse(args []string) (params, error) {
	var p params
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&p.Scenario, "scenario", "", strings.Join(slices.Sorted(maps.Keys(scenarios)), ", "))
	f.IntVar(&p.N, "n", 5000,
		"operations that are measured; for timers: conversations with something due; for slow: each of three times")
	f.IntVar(&p.Concurrency, "concurrency", 0, "publishers of the closed loop (16, hot: 64)")
	f.Float64Var(&p.Rate, "rate", 0, "requests a second of the open loop; 0 for the closed one (spread, border: 100, slow: 50)")
	f.IntVar(&p.Warmup, "warmup", 200, "operations before those that are measured; they are in the ledger, too")
	f.IntVar(&p.Subscriptions, "subscriptions", -1,
		"webhook subscriptions (spread: 1000, slow: 16, fanout: 10, create: 0, others: 1)")
	f.IntVar(&p.Conversations, "conversations", 200, "conversations that messages go to (messages, drain, fanout)")
	f.IntVar(&p.Tenants, "tenants", 1, "messages: tenants that the conversations are spread over, each with its own subscription")
	f.StringVar(&p.Keys, "keys", "",
		"messages, hot, create: a fresh key with each call: `idempotency` (the header) or external (externalId; messages only)")
	f.IntVar(&p.Payload, "payload", 0, "messages: bytes of a message's text, instead of about 200")
	f.IntVar(&p.Stored, "stored", 0, "messages: messages that are in the database before, made in bulk")
	f.IntVar(&p.Instances, "instances", 1, "messages, create: API processes and workers, as many of each")
	f.BoolVar(&p.Writes, "writes", false, "messages, create: count row versions and index entries in the write-ahead log")
	f.IntVar(&p.Pending, "pending", 0, "timers: further conversations, with nothing due for a day")
	f.Float64Var(&p.SLA, "sla", 0, "timers: share, 0 to 1, of conversations with SLA clocks instead of snoozes, due or pending")
	f.StringVar(&p.Recompute, "recompute", "", "timers: then edit the policy, so that all is due `earlier` or later")
	f.StringVar(&p.Vacuum, "vacuum", "",
		"border: when the partition that begins is vacuumed while empty: `never` (as without it), before-upkeep or after-upkeep")
	f.BoolVar(&p.Autovacuum, "autovacuum", true, "border: autovacuum of the two partitions at the border")
	f.IntVar(&p.Partitions, "partitions", 0, "border: partitions of each table at least, the default one included")
	f.DurationVar(&p.Window, "window", time.Minute,
		"timers: time over which what is due is spread; rest: time that is watched; border: time before it, and after it")
	f.DurationVar(&p.Lead, "lead", 0,
		"timers: time to make ready before the first is due (10 s and 1 s for each 100); border: before the first request (30 s)")
	f.DurationVar(&p.ReceiverDelay, "receiver-delay", 0, "how long the receiver takes to answer")
	f.IntVar(&p.VerifyEvery, "verify-every", 1, "verify the signature of every how-manieth delivery")
	f.IntVar(&p.LimitN, "limit-n", -1, "operations that measure the limit, at most n; 0 for none (drain: n, else 5000)")
	f.DurationVar(&p.Patience, "patience", 45*time.Second, "how long nothing may arrive before what is missing counts as lost")
	f.BoolVar(&p.WaitIdle, "wait-idle", true, "then wait until Temporal knows everything, and count its history events")
	f.StringVar(&p.Dir, "dir", "", "directory of the stack to use; a temporary one without it")
	f.StringVar(&p.Binary, "binary", "", "atender binary to use; a freshly built one without it")
	f.StringVar(&p.JSON, "json", "-", "file for the JSON, - for stdout")
	f.BoolVar(&p.Keep, "keep", false, "keep the temporary directory with data and logs")
	if err := f.Parse(args); err != nil {
		return p, err
	}
	return p, p.complete(f.Args())
}

// complete sets what depends on the scenario and refuses what makes no sense.
func (p *params) complete(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if scenarios[p.Scenario] == nil {
		return fmt.Errorf("--scenario must be one of %s", strings.Join(slices.Sorted(maps.Keys(scenarios)), ", "))
	}
	if err := errors.Join(p.checkNumbers(), p.checkOptions()); err != nil {
		return err
	}
	if p.Concurrency == 0 {
		p.Concurrency = cmp.Or(map[string]int{"hot": 64}[p.Scenario], 16)
	}
	if err := p.completeSubscriptions(); err != nil {
		return err
	}
	switch p.Scenario {
	case "hot":
		p.Conversations = 1
	case "messages":
		p.Conversations = max(p.Conversations, p.Tenants)
	}
	p.completeBorder()
	if p.Lead == 0 {
		p.Lead = 10*time.Second + time.Duration(p.N+p.Pending)*10*time.Millisecond
	}
	if p.LimitN < 0 {
		if p.LimitN = 5000; p.Scenario == "drain" {
			p.LimitN = p.N
		}
	}
	p.LimitN = min(p.LimitN, p.N)
	if !hasLimit[p.Scenario] || p.Payload > 0 { // there is none (ratioNote)
		p.LimitN = 0
	}
	return nil
}

// hasLimit are the scenarios whose operations the limit has.
var hasLimit = map[string]bool{"create": true, "messages": true, "drain": true}

func (p *params) checkNumbers() error {
	switch {
	case p.N < 1 || p.Concurrency < 0 || p.Warmup < 0 || p.Rate < 0 || p.Conversations < 1 || p.VerifyEvery < 1:
		return errors.New("--n, --conversations and --verify-every must be at least 1, the others not negative")
	case p.Tenants < 1 || p.Stored < 0 || p.Instances < 1 || p.Instances > maxInstances:
		return fmt.Errorf("--tenants and --instances must be at least 1, --instances at most %d, --stored not negative",
			maxInstances)
	case p.Payload < 0 || p.Payload > maxPayload:
		return fmt.Errorf("--payload is 0 to %d bytes", maxPayload)
	case p.Window <= 0:
		return errors.New("--window must be positive")
	case p.SLA < 0 || p.SLA > 1 || (p.SLA > 0 && p.Scenario != "timers"):
		return errors.New("--sla is a share, 0 to 1, and of timers only")
	}
	return nil
}

func (p *params) checkOptions() error {
	messages, create := p.Scenario == "messages", p.Scenario == "create"
	switch {
	case p.Rate > 0 && slices.Contains([]string{"drain", "timers", "fanout", "rest"}, p.Scenario):
		return fmt.Errorf("--rate means nothing for %s", p.Scenario)
	case (p.Tenants > 1 || p.Payload > 0 || p.Stored > 0) && !messages:
		return errors.New("--tenants, --payload and --stored are of messages only")
	case (p.Instances > 1 || p.Writes) && !messages && !create:
		return errors.New("--instances and --writes are of messages and create only")
	case p.Scenario != "border" && (p.Vacuum != "" || p.Partitions > 0 || !p.Autovacuum):
		return errors.New("--vacuum, --autovacuum and --partitions are of border only")
	case !slices.Contains([]string{"", vacuumNever, vacuumBefore, vacuumAfter}, p.Vacuum):
		return fmt.Errorf("--vacuum is %s, %s or %s", vacuumNever, vacuumBefore, vacuumAfter)
	case p.Partitions < 0 || p.Partitions > maxPartitions:
		return fmt.Errorf("--partitions is at most %d", maxPartitions)
	case p.Keys != "" && p.Keys != keysIdempotency && p.Keys != keysExternal:
		return fmt.Errorf("--keys is %s or %s", keysIdempotency, keysExternal)
	case p.Keys != "" && !messages && p.Scenario != "hot" && (!create || p.Keys == keysExternal):
		return errors.New("--keys is of messages and hot, and idempotency of create, too")
	case p.Recompute != "" && !p.WaitIdle:
		return errors.New("--recompute begins when Temporal knows everything: not with --wait-idle=false")
	case p.Recompute != "" && (p.SLA == 0 || p.Recompute != "earlier" && p.Recompute != "later"):
		return errors.New("--recompute is earlier or later, and needs --sla")
	}
	return nil
}

// completeBorder sets what follows from the time on each side of a border.
func (p *params) completeBorder() {
	if p.Scenario != "border" {
		p.Autovacuum = false // not of the scenario, and not in its report
		return
	}
	p.Rate = cmp.Or(p.Rate, 100)
	p.Lead = cmp.Or(p.Lead, 30*time.Second)
	p.Vacuum = cmp.Or(p.Vacuum, vacuumNever)
	p.N = max(2, int(2*p.Window.Seconds()*p.Rate))
}

// completeSubscriptions sets how many there are, and of spread and slow also what follows from it.
func (p *params) completeSubscriptions() error {
	many := map[string]int{"spread": 1000, "slow": 16, "fanout": 10}
	none := p.Scenario == "create" || p.Scenario == "rest"
	if p.Subscriptions < 0 && !none {
		p.Subscriptions = cmp.Or(many[p.Scenario], 1)
	}
	p.Subscriptions = max(p.Subscriptions, 0)
	if many[p.Scenario] == 0 && p.Subscriptions > 1 {
		return fmt.Errorf("--subscriptions: %s takes at most 1", p.Scenario)
	}
	if p.Subscriptions < 1 && !none {
		return errors.New("--subscriptions must be at least 1")
	}
	if rate, isSpread := map[string]float64{"spread": 100, "slow": 50}[p.Scenario]; isSpread {
		p.Conversations = p.Subscriptions
		p.Rate = cmp.Or(p.Rate, rate)
	}
	return nil
}
