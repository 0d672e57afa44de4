package limit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What the bare loop had in common with the product when the limit was frozen: rows of a claim, and requests at once to
// one endpoint.
const (
	drainClaim       = 500
	drainConcurrency = 32
	drainRecord      = 500
	drainRecordEvery = 100 * time.Millisecond
)

// delivery is a claimed row.
type delivery struct {
	id, event uuid.UUID
	kind      string
	payload   string
	started   time.Time
	took      time.Duration
	status    int
}

// Drain is the least that drains a backlog: it claims 500 rows at a time, signs, posts 32 at once to the receiver, and
// records attempts and states in bulk, without limits, fairness, guard or Temporal.
type Drain struct {
	l      *Limit
	client *http.Client
	url    string
	secret []byte
	owner  uuid.UUID

	claimSQL, recordSQL string
	claimed             chan delivery
	posted              chan delivery
}

// Fill makes a backlog of n deliveries of messages that were sent to the limit's conversations, and readies the loop that
// posts them to a URL, signed with a secret.
func (l *Limit) Fill(ctx context.Context, n int, url string, secret []byte) (*Drain, error) {
	statements, err := read("drain.sql")
	if err != nil {
		return nil, err
	}
	fill := statements[0]
	var values [][]any
	for range max(len(l.pair), 1) {
		o := l.message()
		o.number = int64(n)
		values = append(values, fill.values(o))
	}
	if _, err := l.pool.Exec(ctx, fill.sql, fill.batch(values)...); err != nil {
		return nil, fmt.Errorf("make the backlog: %w", err)
	}
	if err := l.sequenced(ctx); err != nil {
		return nil, err
	}
	if _, err := l.pool.Exec(ctx, `ANALYZE deliveries, events`); err != nil {
		return nil, err
	}
	return &Drain{
		l: l, url: url, secret: secret, owner: uuid.New(), claimSQL: statements[1].sql, recordSQL: statements[2].sql,
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: drainConcurrency}, Timeout: 10 * time.Second},
		claimed: make(chan delivery, drainClaim), posted: make(chan delivery, drainClaim),
	}, nil
}

// Run drains the backlog.
func (d *Drain) Run(ctx context.Context) error {
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
func (d *Drain) claim(ctx context.Context) error {
	for {
		rows, err := d.l.pool.Query(ctx, d.claimSQL, drainClaim, d.owner)
		if err != nil {
			return err
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one delivery, err error) {
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

// post signs and sends as the product did, both signatures and all headers.
func (d *Drain) post(ctx context.Context, one *delivery) error {
	one.started = time.Now()
	content := []byte(one.payload)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	id, stamp := one.event.String(), strconv.FormatInt(one.started.Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Atender-Webhooks/load",
		"Webhook-Id": id, "Webhook-Timestamp": stamp,
		"Webhook-Signature":   "v1," + base64.StdEncoding.EncodeToString(d.mac(id+"."+stamp+".", content)),
		"X-Atender-Signature": "t=" + stamp + ",v1=" + hex.EncodeToString(d.mac(stamp+".", content)),
		"X-Atender-Event":     one.kind, "X-Atender-Delivery": one.id.String(), "X-Atender-Attempt": "1",
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

func (d *Drain) mac(head string, content []byte) []byte {
	h := hmac.New(sha256.New, d.secret)
	_, _ = io.WriteString(h, head) // a hash never fails
	h.Write(content)
	return h.Sum(nil)
}

// record writes outcomes in bulk.
func (d *Drain) record(ctx context.Context) error {
	var batch []delivery
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

func (d *Drain) write(ctx context.Context, batch []delivery) error {
	n := len(batch)
	if n == 0 {
		return nil
	}
	ids, attempts := make([]uuid.UUID, n), make([]uuid.UUID, n)
	starts, took, statuses := make([]time.Time, n), make([]int32, n), make([]int32, n)
	for i, one := range batch {
		ids[i], attempts[i], starts[i] = one.id, newSequence(one.started).next(), one.started
		took[i], statuses[i] = int32(one.took.Milliseconds()), int32(one.status) //nolint:gosec // small
	}
	written, err := d.l.pool.Exec(ctx, d.recordSQL, ids, attempts, starts, took, statuses, d.owner)
	if err == nil && int(written.RowsAffected()) != n {
		err = fmt.Errorf("%d of %d outcomes recorded", written.RowsAffected(), n)
	}
	return err
}
