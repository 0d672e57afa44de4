package worktime

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/wire"
)

// Placed is what of a conversation decides which terms its clocks go by, and whether they are paused.
type Placed struct {
	TeamID       *uuid.UUID
	Channel      string
	SnoozedUntil *time.Time
}

// Shown is how a conversation's clocks stand at a moment, in their JSON shape; nil for none. Errors: the context's.
func (r *Rules) Shown(ctx context.Context, clocks []sla.Clock, p Placed, now time.Time) (*wire.SLA, error) {
	if len(clocks) == 0 {
		return nil, nil
	}
	shown := &wire.SLA{Metrics: make([]wire.SLAMetric, len(clocks))}
	for i, k := range clocks {
		m := wire.SLAMetric{
			Metric: k.Metric, PolicyID: k.PolicyID, PolicyName: k.PolicyName, Cycle: k.Cycle, State: k.State,
			StartedAt: wire.At(k.StartedAt), StoppedAt: wire.AtPtr(k.StoppedAt),
			DueAt: wire.SLADue{AtRisk: wire.AtPtr(k.Due[0]), Urgent: wire.AtPtr(k.Due[1]), Breached: wire.AtPtr(k.Due[2])},
		}
		if k.Outcome != sla.OutcomeNone {
			m.Outcome = &k.Outcome
		}
		if k.Running() {
			if terms, ok := r.Terms(k.Metric, p.TeamID, p.Channel); ok {
				paused, resumes, err := terms.Paused(ctx, now, p.SnoozedUntil)
				if err != nil {
					return nil, err
				}
				m.Paused, m.ResumesAt = paused, wire.AtPtr(resumes)
			}
		}
		if sla.Worse(k.State, shown.State) {
			shown.State = k.State
		}
		shown.Metrics[i] = m
	}
	return shown, nil
}
