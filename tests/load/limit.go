package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/atender/atender/tests/load/limit"
)

// openLimit makes the limit's tables and rows, with the same subscription as the run's tenant has.
func (b *bench) openLimit(ctx context.Context, event string) (*limit.Limit, error) {
	o := limit.Options{
		URL: b.databaseURL(), Concurrency: b.p.Concurrency, Conversations: b.p.Conversations,
	}
	if b.p.Subscriptions > 0 {
		o.Event = event
	}
	return limit.Open(ctx, o)
}

// withLimit calls f with a limit that is there for its sake only, while the product is idle.
func (b *bench) withLimit(ctx context.Context, event string, f func(*limit.Limit) error) (err error) {
	l, err := b.openLimit(ctx, event)
	if l != nil {
		defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	progress("limit: %d bare operations", b.p.LimitN)
	if err := f(l); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	return nil
}

// limitCreate measures creations as bare transactions.
func (b *bench) limitCreate(ctx context.Context) error {
	b.report.RoundTrips = limit.RoundTrips
	return b.withLimit(ctx, "conversation.created", func(l *limit.Limit) error {
		rate, err := l.Creations(ctx, b.p.LimitN)
		if err == nil {
			b.report.setLimit(rate)
		}
		return err
	})
}

// limitMessages measures messages as bare transactions, over as many conversations as the run has, then several in each
// transaction.
func (b *bench) limitMessages(ctx context.Context) error {
	b.report.RoundTrips = limit.RoundTrips
	return b.withLimit(ctx, "message.sent", func(l *limit.Limit) error {
		rate, err := l.Messages(ctx, b.p.LimitN)
		if err != nil {
			return err
		}
		b.report.setLimit(rate)
		rate, size, err := l.Groups(ctx, b.p.LimitN)
		if err == nil {
			b.report.setGroupLimit(rate, size)
		}
		return err
	})
}

// limitDrain measures the bare loop on a backlog of its own, while the worker is stopped.
func (b *bench) limitDrain(ctx context.Context) error {
	const path = "/" + limitScope + "/drain"
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	err := b.receiver.addSecrets(ctx, map[string]string{path: "whsec_" + base64.StdEncoding.EncodeToString(secret)})
	if err != nil {
		return err
	}
	return b.withLimit(ctx, "message.sent", func(l *limit.Limit) error {
		drain, err := l.Fill(ctx, b.p.LimitN, b.receiver.url+path, secret)
		if err != nil {
			return err
		}
		if err := drain.Run(ctx); err != nil {
			return err
		}
		rate, err := b.limitArrived(ctx)
		if err == nil {
			b.report.setLimit(rate)
		}
		return err
	})
}

// limitArrived reads from the receiver what the product is measured by: the time from the first arrival to the last.
func (b *bench) limitArrived(ctx context.Context) (perSecond float64, err error) {
	arrivals, err := b.receiver.ledger(ctx, limitScope, 1)
	if err != nil {
		return 0, err
	}
	first, last := int64(0), int64(0)
	for _, a := range arrivals {
		if a.BadSignature != "" {
			return 0, fmt.Errorf("signature: %s", a.BadSignature)
		}
		if first == 0 || a.At < first {
			first = a.At
		}
		last = max(last, a.At)
	}
	if len(arrivals) != b.p.LimitN || last <= first {
		return 0, fmt.Errorf("%d of %d arrived", len(arrivals), b.p.LimitN)
	}
	return float64(len(arrivals)) / time.Duration(last-first).Seconds(), nil
}
