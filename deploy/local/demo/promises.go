package demo

import (
	"context"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/worktime"
)

// promises are when the shop is open, and how soon it answers. The targets are short, and the clocks run day and night,
// so that the stack's user sees within minutes, at any hour, what becomes of a promise: a conversation without an
// answer is breached after five minutes, a customer who was answered and has written again waits at risk, the rest is
// well.
func (d *desk) promises(ctx context.Context) error {
	day := []calendar.Slot{{From: "09:00", To: "12:00"}, {From: "13:00", To: "17:00"}}
	_, err := d.store.Worktime.CreateOpeningHours(ctx, d.tenant, worktime.NewOpeningHours{
		Name: "Shop", IsDefault: true,
		Rule: calendar.Rule{
			Zone: "Europe/Copenhagen", Holidays: "DK",
			Weekly: map[string][]calendar.Slot{
				"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": {{From: "09:00", To: "15:00"}},
			},
		},
	})
	if err != nil {
		return err
	}
	const minute, hour = 60, 60 * 60
	policy, err := d.store.Worktime.CreateSLAPolicy(ctx, d.tenant, worktime.NewSLAPolicy{
		Name: "Demo", Description: "Short targets, day and night, to see warnings and breaches within minutes.",
		IgnoreOfficeHours: true, PauseWhileSnoozed: true,
		Targets: map[sla.Metric]sla.Targets{
			sla.FirstReply:  {Low: 30, Normal: 1 * minute, High: 3 * minute, Urgent: 5 * minute},
			sla.AllMessages: {Low: 1 * minute, Normal: 2 * minute, High: 2 * hour, Urgent: 4 * hour},
			sla.Resolution:  {Low: 4 * hour, Normal: 8 * hour, High: 16 * hour, Urgent: 24 * hour},
		},
	})
	if err != nil {
		return err
	}
	_, err = d.store.Worktime.CreateSLAAssignment(ctx, d.tenant, worktime.NewSLAAssignment{PolicyID: policy.ID}) // to everything
	return err
}
