package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
)

type setAsideCmd struct {
	Tenant *uuid.UUID `help:"Only of this tenant, by its id."`
	Limit  int        `default:"100" help:"At most so many, those longest set aside first; 1 to 10000."`
}

// Run carries the command out.
func (c setAsideCmd) Run(ctx context.Context) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return fmt.Errorf("--limit must be 1 to 10000, not %d", c.Limit)
	}
	return withStore(ctx, func(s *models.Store) error {
		list, err := s.Clocks.SetAsides(ctx, c.Tenant, c.Limit)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(os.Stderr, "No conversation is set aside.")
			return nil
		}
		return table("TENANT\tCONVERSATION\tNUMBER\tREASON\tTIMES\tFAILING SINCE\tUNTIL", func(row rowFunc) {
			for _, a := range list {
				row(a.TenantID, a.ConversationID, a.Number, a.Reason, a.Times,
					a.Since.UTC().Format(time.RFC3339), a.Until.UTC().Format(time.RFC3339))
			}
		})
	})
}

type retryCmd struct {
	Conversation *uuid.UUID `arg:"" optional:"" help:"The conversation's id; or --all."`
	Tenant       *uuid.UUID `help:"Only of this tenant, by its id."`
	All          bool       `help:"All that are set aside, a thousand at a time."`
}

// Run carries the command out.
func (c retryCmd) Run(ctx context.Context) error {
	if (c.Conversation == nil) != c.All {
		return errors.New("name one conversation, or give --all")
	}
	return withStore(ctx, func(s *models.Store) error {
		n, err := s.Clocks.RetrySetAsides(ctx, c.Tenant, c.Conversation)
		if err != nil {
			return err
		}
		if n == 0 && !c.All {
			return fmt.Errorf("conversation %s is not set aside: atender conversation set-aside lists those that are",
				c.Conversation)
		}
		fmt.Fprintf(os.Stderr, "%d taken up again.\n", n)
		return nil
	})
}
