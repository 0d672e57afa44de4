package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/load/limit"
)

// runScope is the receiver's scope of what the product delivers, limitScope of what the bare loop does.
const (
	runScope   = "run"
	limitScope = "limit"
)

// bench is one run: the stack, the receiver, and a tenant of its own.
type bench struct {
	p        params
	report   *report
	stack    *stack
	receiver *receiverProcess
	store    *models.Store // for what is not measured: tenants, keys, subscriptions
	db       *pgxpool.Pool
	tenant   uuid.UUID
	keyID    uuid.UUID
	made     []subscription
	publish  *publisher
	history  *historian
	others   []otherTenant // further tenants (--tenants)
	arrivals []arrival     // of the run, once its ledger is made
	// perEndpoint is set where each event arrives at several endpoints: they are told apart.
	perEndpoint bool
}

// subscription is one that the run has made.
type subscription struct{ tenant, id uuid.UUID }

// openBench starts everything. What it returns has to be closed also after an error, unless it is nil.
func openBench(ctx context.Context, p params) (*bench, error) {
	machine := thisMachine() // before anything of ours runs
	s, err := openStack(ctx, p)
	b := &bench{p: p, stack: s}
	if err != nil {
		return b, err
	}
	b.report = newReport(p, s.attached())
	b.report.Machine, b.report.StartSeconds = machine, round(s.took.Seconds())
	if b.receiver, err = startReceiver(ctx, p.ReceiverDelay); err != nil {
		return b, err
	}
	if b.store, err = b.openStore(ctx); err != nil {
		return b, err
	}
	if b.db, err = b.openPool(ctx); err != nil {
		return b, err
	}
	first, err := b.newTenant(ctx)
	if err != nil {
		return b, err
	}
	b.tenant, b.keyID = first.id, first.keyID
	b.publish = newPublisher(first.key, s.apiURLs()...).through(p.transport)
	if p.WaitIdle {
		b.history, err = newHistorian(s.env["TEMPORAL_ADDRESS"], s.env["TEMPORAL_NAMESPACE"])
	}
	return b, err
}

func (b *bench) databaseURL() string { return b.stack.env["ATENDER_DATABASE_URL"] }

func (b *bench) close(ctx context.Context) error {
	var errs []error
	if b.p.Dir != "" && b.keyID != uuid.Nil {
		errs = append(errs, b.tidy(ctx))
	}
	if b.history != nil {
		b.history.client.Close()
	}
	if b.db != nil {
		b.db.Close()
	}
	if b.store != nil {
		b.store.Close()
	}
	if b.receiver != nil {
		errs = append(errs, b.receiver.stop())
	}
	return errors.Join(append(errs, b.stack.close(b.p.Keep))...)
}

// tidy leaves a stack that stays without what points at the receiver that is gone: subscriptions and keys. The tenants'
// conversations stay, as nothing can remove them.
func (b *bench) tidy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	errs := []error{b.store.Keys.Revoke(ctx, b.tenant, b.keyID)}
	for _, s := range b.made {
		errs = append(errs, b.store.Webhooks.Delete(ctx, s.tenant, s.id))
	}
	for _, t := range b.others {
		errs = append(errs, b.store.Keys.Revoke(ctx, t.id, t.keyID))
	}
	return errors.Join(errs...)
}

// openPool opens bare connections, one for each publisher and a few more.
func (b *bench) openPool(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(b.databaseURL())
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(b.p.Concurrency + 4) //nolint:gosec // few
	return pgxpool.NewWithConfig(ctx, cfg)
}

// loopback is where the receiver is.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// openStore opens the product's store in this process.
func (b *bench) openStore(ctx context.Context) (*models.Store, error) {
	keys, err := seal.ParseKeyring(b.stack.env["ATENDER_SECRET_KEYS"])
	if err != nil {
		return nil, err
	}
	return models.Open(ctx, models.Options{
		URL: b.databaseURL(), MaxConns: 4, Keys: keys, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Docks:   dockurl.Policy{AllowLoopbackHTTP: true},
		Targets: target.Policy{AllowHTTP: true, Allow: []netip.Prefix{loopback}},
	})
}

// subscribe makes a subscription of the tenant that points at the receiver, and tells that its secret.
func (b *bench) subscribe(ctx context.Context, tenant uuid.UUID, scope string, i int, f *wire.Filter, events ...string) error {
	path := "/" + scope + "/" + strconv.Itoa(i)
	made, err := b.store.Webhooks.Create(ctx, tenant, webhook.NewSubscription{
		Name: "load " + strconv.Itoa(i), URL: b.receiver.url + path, Events: events, Filter: f,
	})
	if err != nil {
		return err
	}
	b.made = append(b.made, subscription{tenant, made.ID})
	return b.receiver.addSecrets(ctx, map[string]string{path: *made.Secret})
}

// reference names a conversation of the run.
func reference(kind string, i int) string { return fmt.Sprintf("load-%s-%06d", kind, i) }

// filler makes messages and subjects as long as real ones are.
const filler = "I ordered two lamps last week and only one of them has come. Could you find out where the other one is? " +
	"The order is from the fourth of this month, and the parcel service says that it never had a second parcel."

// creation is a POST /v1/conversations/outbound of a new conversation of a new contact, with one message.
func creation(reference string, tags ...string) (request, error) {
	body := map[string]any{
		"externalReference": reference, "channel": "email", "subject": "Where is my order?",
		"contact":         map[string]any{"email": reference + "@customers.example", "name": "Load Customer"},
		"outboundContext": map[string]any{"originalMessage": filler},
	}
	if len(tags) > 0 {
		body["tags"] = tags
	}
	content, err := json.Marshal(body)
	return request{key: reference, path: "/v1/conversations/outbound", body: content}, err
}

// message is a POST of an agent's reply, whose first word is the key.
func message(key string, conversation uuid.UUID, text string, more map[string]any) (request, error) {
	body := map[string]any{"text": key + " " + text}
	maps.Copy(body, more)
	content, err := json.Marshal(body)
	return request{key: key, path: "/v1/conversations/" + conversation.String() + "/messages", body: content}, err
}

// conversations makes conversations over the API, which messages then go to, and waits until Temporal knows them.
func (b *bench) conversations(ctx context.Context, n int, tags func(i int) []string) ([]uuid.UUID, error) {
	progress("making %d conversations", n)
	ids, errs := make([]uuid.UUID, n), make([]error, n)
	limit.Each(n, 8, func(i int) {
		r, err := creation(reference("base", i), tags(i)...)
		if err != nil {
			errs[i] = err
			return
		}
		r.apiKey = b.keyOf(i)
		var answer []byte
		o := b.publish.send(ctx, r, &answer)
		if !o.accepted() {
			errs[i] = errors.Join(fmt.Errorf("create a conversation: status %d: %s", o.status, answer), o.err)
			return
		}
		var made struct{ ID uuid.UUID }
		errs[i] = json.Unmarshal(answer, &made)
		ids[i] = made.ID
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ids, b.quiet(ctx)
}

func noTags(int) []string { return nil }

// quiet waits until the relay has told Temporal everything.
func (b *bench) quiet(ctx context.Context) error {
	for last := -1; ; {
		depth, _, err := b.store.Outbox.Depth(ctx)
		if err != nil || depth == 0 {
			return err
		}
		if err := b.stack.failed(); err != nil {
			return err
		}
		if last < 0 || depth < last-1000 {
			last = depth
			progress("waiting for the relay: %d outbox rows", depth)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// ended waits until no delivery of the tenants can be sent again, so that no duplicate can arrive any more.
func (b *bench) ended(ctx context.Context) error {
	for since := time.Now(); ; {
		var open int
		err := b.db.QueryRow(ctx, `SELECT count(*) FROM deliveries WHERE tenant_id = ANY ($1) AND state IN ('pending', 'leased')`,
			b.tenants()).Scan(&open)
		if err != nil || open == 0 {
			return err
		}
		if time.Since(since) > b.p.Patience+30*time.Second { // a lease, and what the missing ones got
			b.report.void(fmt.Sprintf("%d deliveries do not come to an end", open))
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// roots are the processes whose CPU is counted.
func (b *bench) roots() map[string]int {
	roots := b.stack.roots()
	roots["receiver"] = b.receiver.pid()
	return roots
}

// memory is the high water of api and worker, and of all together.
func (b *bench) memory() map[string]float64 {
	mb := map[string]float64{}
	roots := b.roots()
	for role, pid := range roots {
		if ofProduct(role) && role != "postgres" {
			mb[role] = highWater(pid)
			mb["together"] += mb[role]
		}
	}
	return mb
}
