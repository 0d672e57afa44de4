package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/webhook"
)

const (
	// outboxOld and outboxStuck are the ages of the oldest outbox row from which on Temporal hears late, or not at all: a relay
	// tells what waits within milliseconds, and calm rows (P1.9) within seconds.
	outboxOld   = 10 * time.Second
	outboxStuck = time.Minute
	// timersLate is how long something may be due: the promise is 2 s. From timersStuck on no worker does it.
	timersLate  = 2 * time.Second
	timersStuck = 30 * time.Second
	// deliveriesLate and deliveriesStuck are the same for first attempts, which are promised within 1 s.
	deliveriesLate  = 10 * time.Second
	deliveriesStuck = time.Minute
	// webhooksShown is how many webhooks in trouble are named.
	webhooksShown = 5
)

// keyring is whether all that is sealed can be opened, and which keys that takes.
func (p *patient) keyring(ctx context.Context) Finding {
	if p.keys == nil {
		return skipped("needs " + config.Prefix + "SECRET_KEYS")
	}
	sealed, err := p.store.InspectSealed(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return warning(
			fmt.Sprintf("there is too much that is sealed to look through it within %s", p.Timeout),
			"give it longer: --timeout 5m",
		)
	case err != nil:
		return failedWith("what is sealed cannot be read", err)
	}
	unread, total, by := keysOf(sealed, p.keys)
	facts := map[string]any{"active": p.keys.ActiveID(), "keys": p.keys.IDs(), "values": by}
	if len(unread) > 0 {
		return failed(strings.Join(unread, "; "),
			"put the key that is missing, with the bytes that it had, behind the first of "+config.Prefix+
				"SECRET_KEYS of every process, and start them anew",
			"atender secret reseal says how many values cannot be read").with(facts)
	}
	var old, idle []string
	for _, id := range p.keys.IDs() {
		switch {
		case id == p.keys.ActiveID():
		case by[id] > 0:
			old = append(old, id+" ("+some(by[id], "value", "values")+")")
		default:
			idle = append(idle, id)
		}
	}
	found := some(total, "value", "values") + " can be opened; " + p.keys.ActiveID() + " seals"
	var do []string
	if len(old) > 0 {
		found += "; still needed: " + listed(old)
		do = append(
			do,
			"to retire them: atender secret reseal, once every process seals under "+p.keys.ActiveID(),
		)
	}
	if len(idle) > 0 {
		found += "; not needed any more: " + listed(idle)
	}
	return Finding{State: OK, Found: found, Do: do, Facts: facts}
}

// keysOf says of sealed values which cannot be read, how many there are, and how many each key has sealed.
func keysOf(sealed []models.Sealed, keys *seal.Keyring) (unread []string, total int, by map[string]int) {
	known := keys.IDs()
	by = map[string]int{}
	for _, s := range sealed {
		total += s.Values
		by[s.KeyID] += s.Values
		switch {
		case s.KeyID == "":
			unread = append(unread, fmt.Sprintf("%d %s are damaged", s.Values, s.What))
		case !slices.Contains(known, s.KeyID):
			unread = append(
				unread,
				fmt.Sprintf(
					"%d %s are sealed under key %s, which is not in the keyring",
					s.Values,
					s.What,
					s.KeyID,
				),
			)
		case s.Opened < s.Tried:
			unread = append(
				unread,
				fmt.Sprintf(
					"of %d %s under key %s that were tried %d cannot be opened: the key has other bytes, or "+
						"they are damaged (%s)",
					s.Tried,
					s.What,
					s.KeyID,
					s.Tried-s.Opened,
					logging.ErrorText(s.Why),
				),
			)
		}
	}
	return unread, total, by
}

// setAside is whether conversations are left alone because what is due in them fails (P3.8).
func (p *patient) setAside(ctx context.Context) Finding {
	n, err := p.store.Clocks.CountSetAsides(ctx)
	if err != nil || n == 0 {
		return noneOr(
			err,
			"conversations that are set aside cannot be counted",
			"no conversation is set aside",
		)
	}
	first, err := p.store.Clocks.SetAsides(ctx, nil, 1)
	if err != nil {
		return failedWith("conversations that are set aside cannot be listed", err)
	}
	found, facts := some(
		int(n),
		"conversation is",
		"conversations are",
	)+" set aside because of ticks that fail", map[string]any{
		"conversations": n,
	}
	if len(first) > 0 { // else it was taken up meanwhile
		found += fmt.Sprintf(
			", the first since %s (%s)",
			first[0].Since.UTC().Format(time.RFC3339),
			first[0].Reason,
		)
		facts["oldest"] = first[0].Since.UTC()
	}
	return warning(
		found,
		"atender conversation set-aside lists them with the reason; the workers' log has the error",
		"atender conversation retry --all takes them up again once the cause is mended",
	).with(facts)
}

// noneOr is the finding of a check that has found nothing, or could not look.
func noneOr(err error, what, none string) Finding {
	if err != nil {
		return failedWith(what, err)
	}
	return ok("%s", none)
}

// outbox is whether Temporal is told of what happens.
func (p *patient) outbox(ctx context.Context) Finding {
	depth, oldest, err := p.store.Outbox.Depth(ctx)
	if err != nil || depth == 0 {
		return noneOr(err, "the outbox cannot be measured", "empty: Temporal was told of everything")
	}
	facts := map[string]any{"rows": depth, "oldestSeconds": oldest.Round(time.Second).Seconds()}
	found := fmt.Sprintf(
		"%s to be told to Temporal, the oldest for %s",
		some(depth, "row waits", "rows wait"),
		oldest.Round(time.Second),
	)
	do := []string{
		"see that a worker runs and reaches Temporal: its log says \"Temporal not told\" and why",
		"rows of an unknown kind, which the worker logs as errors, wait for a newer binary",
	}
	switch {
	case oldest > outboxStuck:
		return failed(found, do...).with(facts)
	case oldest > outboxOld:
		return warning(found, do...).with(facts)
	}
	return ok("%s", found).with(facts)
}

// timers is whether what is due is done.
func (p *patient) timers(ctx context.Context) Finding {
	n, oldest, err := p.store.Sweep.Due(ctx)
	if err != nil || oldest < timersLate { // what has just come due is being done
		return noneOr(err, "what is due cannot be counted", "nothing is due for longer than 2 s")
	}
	facts := map[string]any{"conversations": n, "longestSeconds": oldest.Round(time.Second).Seconds()}
	found := fmt.Sprintf("something is due in %s and not done, in one for %s",
		some(n, "conversation", "conversations"), oldest.Round(time.Second))
	do := []string{
		"see that workers run and what their log says",
		"add workers where they are busy: atender_timer_lag_seconds tells",
	}
	if oldest > timersStuck {
		return failed(found, do...).with(facts)
	}
	return warning(found, do...).with(facts)
}

// deliveries is whether first attempts are made soon: of what waits for the workers and for nothing of its endpoint's.
func (p *patient) deliveries(ctx context.Context) Finding {
	backlog, err := p.store.Webhooks.Backlog(ctx)
	owed := backlog[webhook.OwedWaiting]
	if err != nil || owed.Oldest < deliveriesLate {
		return noneOr(err, "what is owed to webhooks cannot be counted", "no first attempt waits for longer than 10 s")
	}
	found := fmt.Sprintf("%s for the first attempt, the oldest for %s",
		some(owed.Deliveries, "delivery waits", "deliveries wait"), owed.Oldest.Round(time.Second))
	do := []string{
		"see that workers run, and for \"webhook cannot be sent to\" in their logs: deploy/runbooks/AtenderDeliveriesWaiting.md",
	}
	facts := map[string]any{"deliveries": owed.Deliveries, "oldestSeconds": owed.Oldest.Round(time.Second).Seconds()}
	if owed.Oldest > deliveriesStuck {
		return failed(found, do...).with(facts)
	}
	return warning(found, do...).with(facts)
}

// webhooks is whether webhooks are in trouble.
func (p *patient) webhooks(ctx context.Context) Finding {
	troubled, n, err := p.store.Webhooks.Troubled(ctx, webhooksShown)
	if err != nil || n == 0 {
		return noneOr(err, "webhooks in trouble cannot be listed", "none is in trouble")
	}
	states := map[string]int{}
	var do []string
	for _, t := range troubled {
		states[t.State]++
		why := t.State
		if t.Reason != "" {
			why += ", " + t.Reason
		}
		if t.Since != nil {
			why += ", failing since " + t.Since.UTC().Format(time.RFC3339)
		}
		do = append(do, fmt.Sprintf("atender webhook health --tenant %s %s  (%s)", t.TenantID, t.ID, why))
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%d %s", states[state], state))
	}
	found := fmt.Sprintf("%s in trouble: %s", some(n, "is", "are"), strings.Join(parts, ", "))
	if n > len(troubled) {
		found = fmt.Sprintf("%d are in trouble; of those failing longest %s", n, strings.Join(parts, ", "))
	}
	return warning(found, do...).with(map[string]any{"webhooks": n})
}
