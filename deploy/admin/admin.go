// Package admin has the commands by which operators look after tenants, keys, agents, webhooks and secrets. Each works on the
// database of the configuration and prints what it found.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/postgres"
)

// Commands are the groups of commands, for a command line of kong. Each command is a type with a Run method; what it
// returns is the store's error, or that of the configuration.
type Commands struct {
	Tenant struct {
		Create tenantCreateCmd `cmd:"" help:"Create a tenant and its sandbox twin."`
		List   tenantListCmd   `cmd:"" help:"List tenants."`
		Set    tenantSetCmd    `cmd:"" help:"Switch a tenant's webhooks on or off, or change how many it may have."`
	} `cmd:"" help:"Manage tenants."`
	Key struct {
		Create keyCreateCmd `cmd:"" help:"Create an API key and print it, the only time."`
		List   keyListCmd   `cmd:"" help:"List a tenant's API keys."`
		Set    keySetCmd    `cmd:"" help:"Change the tier and the rate limits of an API key. Running processes go by them at once."`
		Revoke keyRevokeCmd `cmd:"" help:"Revoke an API key for good."`
	} `cmd:"" help:"Manage API keys."`
	Webhook struct {
		List   webhookListCmd   `cmd:"" help:"List a tenant's webhooks and how they are doing."`
		Health webhookHealthCmd `cmd:"" help:"Show how one webhook is doing, with its last failures."`
		Replay webhookReplayCmd `cmd:"" help:"Put past events on their way to a webhook once more."`
	} `cmd:"" help:"Look after webhooks."`
	Agent struct {
		Create   agentCreateCmd   `cmd:"" help:"Add an agent, who signs in by link or with a password set here."`
		List     agentListCmd     `cmd:"" help:"List a tenant's agents."`
		Password agentPasswordCmd `cmd:"" help:"Set an agent's password, read from standard input, and sign the agent out everywhere."`
		Link     agentLinkCmd     `cmd:"" help:"Print a link that signs an agent in to the console, once."`
	} `cmd:"" help:"Manage the people who use the console."`
	Conversation struct {
		SetAside setAsideCmd `cmd:"" help:"List conversations that are left alone because what is due in them fails."`
		Retry    retryCmd    `cmd:"" help:"Take such conversations up again: what is due in them is tried within seconds."`
	} `cmd:"" help:"Look after conversations."`
	Secret struct {
		Reseal secretResealCmd `cmd:"" help:"Seal anew, under the first key, what other keys have sealed."`
	} `cmd:"" help:"Look after the encryption of secrets in the database."`
}

// Log is the log of commands that people run.
func Log() *slog.Logger {
	return logging.New(os.Stderr, true, slog.LevelInfo)
}

// withStore runs f on the database of the configuration.
func withStore(ctx context.Context, f func(*models.Store) error) error {
	cfg, err := config.LoadDatabase()
	if err != nil {
		return err
	}
	return withStoreOf(ctx, models.Options{URL: cfg.DatabaseURL}, f)
}

// withStoreOf runs f on the database that the options name, with few connections.
func withStoreOf(ctx context.Context, o models.Options, f func(*models.Store) error) error {
	o.MaxConns, o.Logger = 2, Log()
	s, err := models.Open(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	err = f(s)
	if err == nil {
		return nil
	}
	var unmigrated *postgres.UnmigratedError
	if ready := s.DB.Ready(ctx); errors.As(ready, &unmigrated) {
		return ready // whatever else went wrong: it says what to do
	}
	return err
}

type rowFunc func(columns ...any)

// table prints rows under a header, in columns.
func table(header string, rows func(rowFunc)) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	rows(func(columns ...any) {
		for i, c := range columns {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, c)
		}
		fmt.Fprintln(w)
	})
	return w.Flush()
}
