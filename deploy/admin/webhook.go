package admin

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
)

type webhookListCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
}

// Run carries the command out.
func (c webhookListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		var all []wire.Subscription
		for cursor := ""; ; {
			subs, next, err := s.Webhooks.List(ctx, c.Tenant, postgres.Page{Limit: 200, Cursor: cursor})
			if err != nil {
				return err
			}
			all = append(all, subs...)
			if cursor = next; cursor == "" {
				break
			}
		}
		return table("ID\tNAME\tSTATE\tBACKLOG\tOLDEST OWED\tLAST SUCCESS\tSUCCESS 24 H\tURL", func(row rowFunc) {
			for _, w := range all {
				h := w.Health
				row(w.ID, w.Name, h.State, h.Backlog, moment(h.OldestOwedAt), moment(h.LastSuccessAt),
					percent(h.SuccessRate24h), w.URL)
			}
		})
	})
}

type webhookHealthCmd struct {
	Tenant  uuid.UUID `required:"" help:"The tenant's id."`
	Webhook uuid.UUID `arg:"" help:"The webhook's id."`
}

// Run carries the command out.
func (c webhookHealthCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		w, err := s.Webhooks.Get(ctx, c.Tenant, c.Webhook)
		if err != nil {
			return err
		}
		var troubled []wire.Delivery
		for _, status := range []webhook.DeliveryState{webhook.DeliveryPending, webhook.DeliveryFailed} {
			filter := webhook.DeliveryFilter{Status: string(status)}
			found, _, err := s.Webhooks.Deliveries(ctx, c.Tenant, c.Webhook, filter, postgres.Page{Limit: 5})
			if err != nil {
				return err
			}
			troubled = append(troubled, found...)
		}
		h := w.Health
		err = table("HEALTH\t", func(row rowFunc) {
			row("state", h.State)
			if w.DisabledReason != nil {
				row("switched off for", *w.DisabledReason)
			}
			row("failures since the last success", h.Failures)
			row("failing since", moment(h.FailingSince))
			row("circuit open since", moment(h.CircuitOpenedAt))
			row("next probe", moment(h.NextProbeAt))
			if h.NextProbeAt != nil {
				row("until then", "only probes are sent; a test that succeeds ends that at once: POST /v1/webhooks/"+
					c.Webhook.String()+"/test")
			}
			row("backlog", h.Backlog)
			row("oldest owed", moment(h.OldestOwedAt))
			row("last success", moment(h.LastSuccessAt))
			row("success in 24 h", percent(h.SuccessRate24h))
		})
		if err != nil || len(troubled) == 0 {
			return err
		}
		fmt.Println()
		return table("DELIVERY\tEVENT\tSTATUS\tATTEMPTS\tNEXT\tLAST ERROR", func(row rowFunc) {
			for _, d := range troubled {
				why := ""
				if d.LastAttempt != nil && d.LastAttempt.Error != nil {
					why = *d.LastAttempt.Error
				}
				next := moment(d.NextAttemptAt)
				switch {
				case h.CircuitOpenedAt != nil && d.Status == string(webhook.DeliveryPending):
					next = "after the pause"
				case d.Attempts == 0 && d.NextAttemptAt != nil && d.NextAttemptAt.Before(time.Now()):
					next = "waits for a worker"
				}
				row(d.ID, d.Event, d.Status, d.Attempts, next, why)
			}
		})
	})
}

type webhookReplayCmd struct {
	Tenant     uuid.UUID  `required:"" help:"The tenant's id."`
	Webhook    uuid.UUID  `arg:"" help:"The webhook's id."`
	Since      time.Time  `required:"" help:"Events from then on: 2026-11-20T22:00:00Z."`
	Until      *time.Time `help:"Events before then; until now without it."`
	Event      []string   `help:"Only events of this type. Repeatable."`
	OnlyFailed bool       `help:"Only deliveries that failed for good or were cancelled."`
	Wait       bool       `help:"Wait until it has ended. Breaking off does not cancel it."`
}

// Run carries the command out.
func (c webhookReplayCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		r, err := s.Replays.Start(ctx, c.Tenant, c.Webhook, webhook.NewReplay{
			Since: c.Since, Until: c.Until, Events: c.Event, OnlyFailed: c.OnlyFailed,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Replay %s is on its way; a worker carries it out.\n", r.ID)
		for c.Wait && r.Status == webhook.ReplayRunning {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
			if r, err = s.Replays.Get(ctx, c.Tenant, c.Webhook, r.ID); err != nil {
				return err
			}
		}
		return table("ID\tSTATUS\tPROGRESS\tQUEUED\tMISSING", func(row rowFunc) {
			row(r.ID, r.Status, percent(&r.Progress), r.Queued, r.Missing)
		})
	})
}

// moment shows a time that may not be.
func moment(t *wire.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func percent(rate *float64) string {
	if rate == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100**rate)
}
