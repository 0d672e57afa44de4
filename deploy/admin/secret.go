package admin

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/seal"
)

type secretResealCmd struct{}

// Run carries the command out.
func (secretResealCmd) Run(ctx context.Context) error {
	cfg, err := config.LoadSealed()
	if err != nil {
		return err
	}
	keys, err := seal.ParseKeyring(cfg.SecretKeys)
	if err != nil {
		return err
	}
	return withStoreOf(ctx, models.Options{URL: cfg.DatabaseURL, Keys: keys}, func(s *models.Store) error {
		return reseal(ctx, s, keys)
	})
}

// errUnreadable is the end of a reseal that could not do all.
var errUnreadable = errors.New("not everything could be opened: no key may be removed yet")

func reseal(ctx context.Context, s *models.Store, keys *seal.Keyring) error {
	done, err := s.Reseal(ctx)
	if err != nil {
		return err
	}
	unreadable := false
	err = table("SEALED\tVALUES\tRESEALED\tUNREADABLE", func(row rowFunc) {
		for _, d := range done {
			row(d.What, d.Values, d.Resealed, d.Unreadable)
		}
	})
	for _, d := range done {
		if d.Why != nil {
			unreadable = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", d.What, d.Why)
		}
	}
	switch {
	case err != nil:
		return err
	case unreadable:
		return errUnreadable
	}
	_, err = fmt.Fprintf(os.Stderr, "Everything is sealed under %s.\n", keys.ActiveID())
	return err
}
