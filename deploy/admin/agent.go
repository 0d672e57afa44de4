package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
)

type agentCreateCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
	Name   string    `required:"" help:"The agent's name."`
	Email  string    `required:"" help:"The agent's e-mail address."`
	Role   string    `required:"" enum:"owner,lead,agent,reader,analytics" help:"What the agent may do: ${enum}."`
}

// Run carries the command out.
func (c agentCreateCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		a, err := s.Accounts.CreateAgent(
			ctx,
			c.Tenant,
			account.NewAgent{Name: c.Name, Email: c.Email, Role: account.Role(c.Role)},
		)
		if err != nil {
			return err
		}
		_, err = fmt.Println(a.ID)
		return err
	})
}

type agentListCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
}

// Run carries the command out.
func (c agentListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		staff, err := s.SignIns.Staff(ctx, c.Tenant)
		if err != nil {
			return err
		}
		return table("NUMBER\tNAME\tE-MAIL\tROLE\tACTIVE\tPASSWORD\tID", func(row rowFunc) {
			for _, a := range staff {
				row(a.Number, a.Name, a.Email, a.Role, a.IsActive, a.HasPassword, a.ID)
			}
		})
	})
}

// agentArg names an agent.
type agentArg struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
	Email  string    `arg:"" help:"The agent's e-mail address."`
}

type agentPasswordCmd struct{ agentArg }

// Run carries the command out.
func (c agentPasswordCmd) Run(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "The password, then Enter:")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return fmt.Errorf("reading the password from standard input: %w", err)
	}
	return withStore(ctx, func(s *models.Store) error {
		a, err := s.SignIns.AgentByEmail(ctx, c.Tenant, c.Email)
		if err != nil {
			return err
		}
		return s.SignIns.SetPassword(ctx, c.Tenant, a.ID, strings.TrimRight(line, "\r\n"))
	})
}

type agentLinkCmd struct {
	agentArg
	For time.Duration `default:"15m" help:"How long the link can be used."`
}

// Run carries the command out.
func (c agentLinkCmd) Run(ctx context.Context) error {
	public, err := config.LoadPublic()
	if err != nil {
		return err
	}
	if c.For <= 0 {
		return errors.New("--for has to be more than 0")
	}
	return withStore(ctx, func(s *models.Store) error {
		a, err := s.SignIns.AgentByEmail(ctx, c.Tenant, c.Email)
		if err != nil {
			return err
		}
		secret, err := s.SignIns.CreateLink(ctx, c.Tenant, a.ID, c.For)
		if err != nil {
			return err
		}
		_, err = fmt.Println(public.SignInURL(secret))
		return err
	})
}
