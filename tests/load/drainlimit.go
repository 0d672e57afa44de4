package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/atender/atender/models/ident"
	"github.com/atender/atender/models/signature"
	"github.com/atender/atender/models/webhook"
)

// What the bare loop and the product have in common: rows of a claim, and requests at once to one endpoint.
const (
	drainClaim       = webhook.ClaimRows
	drainConcurrency = webhook.DefaultMaxInFlight
	drainRecord      = 500
	drainRecordEvery = 100 * time.Millisecond
)

// bareDelivery is a claimed row.
type bareDelivery struct {
	id, event uuid.UUID
	kind      string
	payload   string
	started   time.Time
	took      time.Duration
	status    int
}

// bareDrain is the least that drains a backlog: it claims 500 rows at a time from a copy of the deliveries, signs, posts
// 32 at once to the same receiver, and records attempts and states in bulk, without limits, fairness, guard or Temporal.
type bareDrain struct {
	b      *bench
	client *http.Client
	url    string
	secret signature.Secret
	owner  uuid.UUID

	claimed chan bareDelivery
	posted  chan bareDelivery
}

// limitDrain measures the bare loop on a copy of the backlog, while the worker is stopped.
func (b *bench) limitDrain(ctx context.Context) error {
	const path = "/" + limitScope + "/drain"
	d := &bareDrain{
		b: b, url: b.receiver.url + path, secret: signature.NewSecret(), owner: uuid.New(),
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: drainConcurrency}, Timeout: 10 * time.Second},
		claimed: make(chan bareDelivery, drainClaim), posted: make(chan bareDelivery, drainClaim),
	}
	if err := b.receiver.addSecrets(ctx, map[string]string{path: d.secret.Reveal()}); err != nil {
		return err
	}
	if err := b.copyTables(ctx, "deliveries", "attempts"); err != nil {
		return err
	}
	copied, err := b.db.Exec(ctx, `INSERT INTO load.deliveries SELECT * FROM deliveries
		WHERE tenant_id = $1 AND state = 'pending' ORDER BY id LIMIT $2`, b.tenant, b.p.LimitN)
	if err != nil {
		return err
	}
	if _, err := b.db.Exec(ctx, `ANALYZE load.deliveries`); err != nil {
		return err
	}
	progress("limit: a bare loop drains %d rows", copied.RowsAffected())
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	return d.report(ctx, int(copied.RowsAffected()))
}

// report reads from the receiver what the product is measured by: the time from the first arrival to the last.
func (d *bareDrain) report(ctx context.Context, want int) error {
	arrivals, err := d.b.receiver.ledger(ctx, limitScope, 1)
	if err != nil {
		return err
	}
	first, last := int64(0), int64(0)
	for _, a := range arrivals {
		if a.BadSignature != "" {
			return fmt.Errorf("limit: signature: %s", a.BadSignature)
		}
		if first == 0 || a.At < first {
			first = a.At
		}
		last = max(last, a.At)
	}
	if len(arrivals) != want || last <= first {
		return fmt.Errorf("limit: %d of %d arrived", len(arrivals), want)
	}
	d.b.report.setLimit(float64(want) / time.Duration(last-first).Seconds())
	return nil
}

func (d *bareDrain) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var posters, recorder sync.WaitGroup
	for range drainConcurrency {
		posters.Go(func() {
			for one := range d.claimed {
				if err := d.post(ctx, &one); err != nil {
					cancel(err)
					return
				}
				d.posted <- one
			}
		})
	}
	recorder.Go(func() {
		if err := d.record(ctx); err != nil {
			cancel(err)
		}
		for range d.posted { // so that its sender does not wait
		}
	})
	err := d.claim(ctx)
	close(d.claimed)
	posters.Wait()
	close(d.posted)
	recorder.Wait()
	return errors.Join(err, context.Cause(ctx))
}

// claim leases 500 rows at a time until there are none.
func (d *bareDrain) claim(ctx context.Context) error {
	for {
		rows, err := d.b.db.Query(ctx, `
			WITH picked AS MATERIALIZED (
				SELECT id, event_id FROM load.deliveries WHERE state = 'pending' AND attempts = 0
				ORDER BY shard, subscription_id, id LIMIT $1 FOR UPDATE SKIP LOCKED
			), leased AS (
				UPDATE load.deliveries d SET state = 'leased', lease_owner = $2, leased_until = clock_timestamp() + interval '30 seconds'
				FROM picked p JOIN events e ON e.id = p.event_id WHERE d.id = p.id
				RETURNING d.id, d.event_id, d.event_type, e.payload
			)
			SELECT * FROM leased ORDER BY id`, drainClaim, d.owner)
		if err != nil {
			return err
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one bareDelivery, err error) {
			return one, row.Scan(&one.id, &one.event, &one.kind, &one.payload)
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, one := range batch {
			select {
			case d.claimed <- one:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// post signs and sends as the product does, both signatures and all headers.
func (d *bareDrain) post(ctx context.Context, one *bareDelivery) error {
	one.started = time.Now()
	content := []byte(one.payload)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Atender-Webhooks/load",
		signature.HeaderID: one.event.String(), signature.HeaderTimestamp: strconv.FormatInt(one.started.Unix(), 10),
		signature.HeaderStandard: signature.Standard(one.event.String(), one.started, content, d.secret),
		signature.HeaderAtender:  signature.Atender(one.started, content, d.secret),
		"X-Atender-Event":        one.kind, "X-Atender-Delivery": one.id.String(), "X-Atender-Attempt": "1",
	} {
		req.Header.Set(name, value)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	one.status, one.took = res.StatusCode, time.Since(one.started)
	return errors.Join(err, res.Body.Close())
}

// record writes outcomes in bulk.
func (d *bareDrain) record(ctx context.Context) error {
	var batch []bareDelivery
	var due <-chan time.Time
	for {
		select {
		case one, open := <-d.posted:
			if !open {
				return d.write(ctx, batch)
			}
			if batch = append(batch, one); due == nil {
				due = time.After(drainRecordEvery)
			}
			if len(batch) < drainRecord {
				continue
			}
		case <-due:
		}
		if err := d.write(ctx, batch); err != nil {
			return err
		}
		batch, due = nil, nil
	}
}

func (d *bareDrain) write(ctx context.Context, batch []bareDelivery) error {
	n := len(batch)
	if n == 0 {
		return nil
	}
	ids, attempts := make([]uuid.UUID, n), make([]uuid.UUID, n)
	starts, took, statuses := make([]time.Time, n), make([]int32, n), make([]int32, n)
	for i, one := range batch {
		ids[i], attempts[i], starts[i] = one.id, ident.New(), one.started
		took[i], statuses[i] = int32(one.took.Milliseconds()), int32(one.status) //nolint:gosec // small
	}
	written, err := d.b.db.Exec(ctx, `
		WITH result AS (
			SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::int[])
				u (id, attempt_id, started_at, duration_ms, status)
		), recorded AS (
			UPDATE load.deliveries d SET state = 'delivered', attempts = 1, first_attempt_at = r.started_at,
				finished_at = clock_timestamp(), leased_until = NULL, lease_owner = NULL
			FROM result r WHERE d.id = r.id AND d.lease_owner = $6
			RETURNING d.id, d.tenant_id, d.subscription_id
		)
		INSERT INTO load.attempts (id, tenant_id, delivery_id, subscription_id, number, started_at, duration_ms, status, class)
		SELECT r.attempt_id, w.tenant_id, r.id, w.subscription_id, 1, r.started_at, r.duration_ms, r.status, 'ok'
		FROM result r JOIN recorded w ON w.id = r.id`, ids, attempts, starts, took, statuses, d.owner)
	if err == nil && int(written.RowsAffected()) != n {
		err = fmt.Errorf("%d of %d outcomes recorded", written.RowsAffected(), n)
	}
	return err
}
