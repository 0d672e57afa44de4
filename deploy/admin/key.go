package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ratelimit"
)

type keyCreateCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id; that of the sandbox twin for a test key."`
	Name   string    `required:"" help:"What the key is for."`
	Scope  []string  `required:"" help:"What it may do: <surface>:read or :write, or basic, integration, read_all, full_access. Repeatable."`
	Tier   string    `default:"starter" enum:"starter,professional,enterprise,custom" help:"${enum}. A starter key may make 60 calls a minute, 10 on top, 10,000 a day (UTC); professional 300, 50, 100,000; enterprise 1,000, 200, 1,000,000; custom what the flags below say, and without them any number."`
	limitFlags
}

// Run carries the command out.
func (c keyCreateCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		key, plain, err := s.Keys.Create(ctx, c.Tenant, account.NewKey{
			Name: c.Name, Scopes: c.Scope, Tier: c.Tier,
			Limits: ratelimit.Limits{PerMinute: c.PerMinute.or(0), Burst: c.Burst.or(0), PerDay: c.PerDay.or(0)},
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Key %s. It is shown this once:\n", key.ID)
		_, err = fmt.Println(plain)
		return err
	})
}

type keyListCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
}

// Run carries the command out.
func (c keyListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error {
		if _, err := s.Accounts.Tenant(ctx, c.Tenant); err != nil {
			return err
		}
		keys, err := s.Keys.List(ctx, c.Tenant)
		if err != nil {
			return err
		}
		return table("ID\tNAME\tBEGINS\tTIER\tPER MINUTE\tBURST\tPER DAY\tACTIVE\tLAST USED\tSCOPES", func(row rowFunc) {
			for _, k := range keys {
				used := "never"
				if k.LastUsedAt != nil {
					used = k.LastUsedAt.UTC().Format(time.RFC3339)
				}
				row(k.ID, k.Name, k.Prefix, k.Tier, shown(k.Limits().PerMinute), shownBurst(k.Limits()), shown(k.Limits().PerDay),
					k.IsActive, used, strings.Join(k.Scopes, " "))
			}
		})
	})
}

// limitFlags are the limits of a key of tier custom.
type limitFlags struct {
	PerMinute *limit `name:"per-minute" placeholder:"N" help:"For tier custom: calls in a minute, 1 to 1,000,000; 0 or unlimited for no limit."`
	Burst     *limit `name:"burst" placeholder:"N" help:"For tier custom: calls on top of those in any 60 s, 0 to 1,000,000."`
	PerDay    *limit `name:"per-day" placeholder:"N" help:"For tier custom: calls in a day (UTC), 1 to 1,000,000,000; 0 or unlimited for no limit."`
}

// limit is a number of calls, or unlimited, which is 0.
type limit int

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *limit) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*l = 0
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return fmt.Errorf("%q is neither a whole number of calls nor unlimited", text)
	}
	*l = limit(n)
	return nil
}

// or is the number, or another where none was given.
func (l *limit) or(other int) int {
	if l == nil {
		return other
	}
	return int(*l)
}

func (l *limit) given() *int {
	if l == nil {
		return nil
	}
	n := int(*l)
	return &n
}

// shown is a limit as people read it.
func shown(limit int) string {
	if limit == 0 {
		return "unlimited"
	}
	return strconv.Itoa(limit)
}

func shownBurst(l ratelimit.Limits) string {
	if l.PerMinute == 0 {
		return "-"
	}
	return strconv.Itoa(l.Burst)
}

type keySetCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
	Key    uuid.UUID `arg:"" help:"The key's id."`
	Tier   string    `default:"" enum:",starter,professional,enterprise,custom" help:"starter, professional, enterprise or custom; as it is when not given. A key that becomes custom begins without limits."`
	limitFlags
}

// Run carries the command out.
func (c keySetCmd) Run(ctx context.Context) error {
	change := account.KeyChange{PerMinute: c.PerMinute.given(), Burst: c.Burst.given(), PerDay: c.PerDay.given()}
	if c.Tier != "" {
		change.Tier = &c.Tier
	}
	if change == (account.KeyChange{}) {
		return errors.New("nothing to change: give --tier, --per-minute, --burst or --per-day")
	}
	return withStore(ctx, func(s *models.Store) error {
		key, err := s.Keys.Set(ctx, c.Tenant, c.Key, change)
		if err != nil {
			return err
		}
		return table("ID\tNAME\tTIER\tPER MINUTE\tBURST\tPER DAY", func(row rowFunc) {
			row(key.ID, key.Name, key.Tier, shown(key.Limits().PerMinute), shownBurst(key.Limits()), shown(key.Limits().PerDay))
		})
	})
}

type keyRevokeCmd struct {
	Tenant uuid.UUID `required:"" help:"The tenant's id."`
	Key    uuid.UUID `arg:"" help:"The key's id."`
}

// Run carries the command out.
func (c keyRevokeCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(s *models.Store) error { return s.Keys.Revoke(ctx, c.Tenant, c.Key) })
}
