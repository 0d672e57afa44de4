package models_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/freeform"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/sla"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/models/worktime"
)

// twin is one of two tenants that the same is done to.
type twin struct {
	*bench
	agent  uuid.UUID
	ids    []uuid.UUID
	single bool
	shared atomic.Int64 // calls with a key that were written with others
}

// newTwin is a tenant with a policy, webhooks with and without filters, and conversations.
func (b *slaBench) newTwin(name string, single bool) *twin {
	b.t.Helper()
	own := *b.bench
	w := &twin{bench: &own, single: single}
	ctx := b.t.Context()
	var err error
	w.tenant, _, err = b.Accounts.CreateTenant(ctx, account.NewTenant{Name: name})
	require.NoError(b.t, err)
	agent, err := b.Accounts.CreateAgent(ctx, w.tenant.ID,
		account.NewAgent{Name: "Grace", Email: name + "@example.com", Role: account.RoleAgent})
	require.NoError(b.t, err)
	w.agent = agent.ID
	targets := map[sla.Metric]sla.Targets{
		sla.FirstReply: hours(1, 2, 3), sla.AllMessages: hours(1, 2, 3), sla.Resolution: hours(4, 8, 12),
	}
	policy, err := b.Worktime.CreateSLAPolicy(ctx, w.tenant.ID, worktime.NewSLAPolicy{Name: "Standard", Targets: targets})
	require.NoError(b.t, err)
	_, err = b.Worktime.CreateSLAAssignment(ctx, w.tenant.ID, worktime.NewSLAAssignment{PolicyID: policy.ID})
	require.NoError(b.t, err)
	w.subscribe()
	w.subscribe(func(s *webhook.NewSubscription) {
		s.Name, s.Ordering, s.Filter = "vip", "conversation", &wire.Filter{Tags: []string{"vip"}}
	})
	w.subscribe(func(s *webhook.NewSubscription) { s.Name, s.Events = "sent", []string{"message.sent", "sla.breached"} })
	for i := range 8 {
		in := w.newConversation(fmt.Sprint("c", i))
		if i%3 == 0 {
			in.Tags = []string{"vip"}
		}
		c, err := b.Conversations.Create(ctx, w.tenant.ID, w.actor, in)
		require.NoError(b.t, err)
		w.ids = append(w.ids, c.ID)
	}
	return w
}

// say posts a message in the tenant's way, with an Idempotency-Key unless that is empty, and returns what the caller is told.
func (w *twin) say(conversationAt int, in conversation.NewMessage, key string) string {
	if in.AgentID != nil {
		in.AgentID = &w.agent
	}
	if key != "" {
		return w.sayOnce(conversationAt, in, key)
	}
	var posted conversation.PostedMessage
	err := w.inItsWay(func(ctx context.Context) (err error) {
		posted, err = w.Conversations.PostMessage(ctx, w.tenant.ID, w.ids[conversationAt], w.actor, in)
		return err
	})
	if err != nil {
		return err.Error()
	}
	text, err := json.Marshal([]any{posted.Message.Wire(), posted.Conversation.Wire(), posted.Replayed})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// inItsWay runs a call without a key: alone, or so that it can be written together with others.
func (w *twin) inItsWay(call func(context.Context) error) error {
	if w.single {
		return w.DB.InUnitOfWork(w.t.Context(), call)
	}
	return call(w.t.Context())
}

// sayOnce does so as the API does for a call with a key.
func (w *twin) sayOnce(at int, in conversation.NewMessage, key string) string {
	render := func(posted conversation.PostedMessage) (idempotency.Answer, error) {
		return rendered(at, posted.Message.Wire(), posted.Conversation.Wire(), posted.Replayed)
	}
	return w.once(fmt.Sprint(at), key, in,
		func(ctx context.Context, call *idempotency.Shared) (idempotency.Answer, error) {
			return w.Conversations.PostMessageShared(ctx, call, w.tenant.ID, w.ids[at], w.actor, in, render)
		},
		func(ctx context.Context) (idempotency.Answer, error) {
			posted, err := w.Conversations.PostMessage(ctx, w.tenant.ID, w.ids[at], w.actor, in)
			if err != nil {
				return idempotency.Answer{}, err
			}
			return render(posted)
		})
}

// begin makes a conversation in the tenant's way, with an Idempotency-Key unless that is empty, and returns what the caller is
// told.
func (w *twin) begin(in conversation.NewConversation, key string) string {
	render := func(c conversation.Conversation) (idempotency.Answer, error) {
		return rendered(in.ExternalReference, c.Wire())
	}
	alone := func(ctx context.Context) (idempotency.Answer, error) {
		c, err := w.Conversations.Create(ctx, w.tenant.ID, w.actor, in)
		if err != nil {
			return idempotency.Answer{}, err
		}
		return render(c)
	}
	if key != "" {
		return w.once("begin", key, in, func(ctx context.Context, call *idempotency.Shared) (idempotency.Answer, error) {
			return w.Conversations.CreateShared(ctx, call, w.tenant.ID, w.actor, in, render)
		}, alone)
	}
	var a idempotency.Answer
	err := w.inItsWay(func(ctx context.Context) (err error) { a, err = alone(ctx); return err })
	if err != nil {
		return err.Error()
	}
	return string(a.Body)
}

func rendered(parts ...any) (idempotency.Answer, error) {
	body, err := json.Marshal(parts)
	return idempotency.Answer{Status: 201, Body: body, Header: map[string]string{"ETag": "1"}, Decided: true}, err
}

// once makes a call with a key as the API does: shared with others, or alone.
func (w *twin) once(
	path, key string, in any,
	shared func(context.Context, *idempotency.Shared) (idempotency.Answer, error),
	alone func(context.Context) (idempotency.Answer, error),
) string {
	request, err := json.Marshal(in)
	if err != nil {
		return err.Error()
	}
	call := idempotency.Key{
		TenantID: w.tenant.ID, APIKeyID: w.tenant.ID, Method: "POST", Path: path, Key: key, Request: sha256.Sum256(request),
		Shares: !w.single,
	}
	answer, replayed, err := w.Idempotency.Do(w.t.Context(), call, func(ctx context.Context) (idempotency.Answer, error) {
		if call := idempotency.SharedCall(ctx); call != nil {
			answer, err := shared(ctx, call)
			if err == nil {
				w.shared.Add(1)
			}
			return answer, err
		}
		answer, err := alone(ctx)
		if p, ok := problem.As(err); ok && p.Kind == problem.Conflict {
			return idempotency.Answer{Status: 409, Body: fmt.Appendf(nil, `[%q, %q]`, path, p.Code), Decided: true}, nil
		}
		return answer, err
	})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(answer.Status, answer.Header, string(answer.Body), replayed)
}

// status is the status of one of its conversations.
func (w *twin) status(at int) (status string) {
	w.t.Helper()
	row := w.db.QueryRowContext(w.t.Context(), `SELECT status FROM conversations WHERE id = $1`, w.ids[at])
	require.NoError(w.t, row.Scan(&status))
	return status
}

var (
	anyUUID   = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyNumber = regexp.MustCompile(`number\\*": ?\d+`)
)

// requireAlike holds lines against each other, after alike, and shows the first that differ.
func requireAlike(t *testing.T, want, got []string, when string, args ...any) {
	t.Helper()
	wanted, gotten := strings.Split(alike(want), "\n"), strings.Split(alike(got), "\n")
	for i := range min(len(wanted), len(gotten)) {
		require.Equal(t, wanted[i], gotten[i], append([]any{when}, args...)...)
	}
	require.Len(t, gotten, len(wanted), append([]any{when}, args...)...)
}

// alike replaces identifiers by the order in which they appear, and leaves out numbers that all tenants share.
func alike(lines []string) string {
	seen := map[string]string{}
	text := anyUUID.ReplaceAllStringFunc(strings.Join(lines, "\n"), func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprint("id", len(seen))
		}
		return seen[id]
	})
	return anyNumber.ReplaceAllString(text, `number":0`)
}

// rows are all rows that writes have left, as JSON, in an order that does not go by what is random.
func (w *twin) rows() []string {
	w.t.Helper()
	var lines []string
	for _, query := range []string{
		`SELECT to_jsonb(c) - 'number' FROM conversations c WHERE tenant_id = $1 ORDER BY external_reference, number`,
		`SELECT to_jsonb(r) FROM conversation_recency r JOIN conversations c ON c.id = r.conversation_id
			WHERE r.tenant_id = $1 ORDER BY c.external_reference, c.number`,
		`SELECT to_jsonb(m) FROM messages m JOIN conversations c ON c.id = m.conversation_id
			WHERE m.tenant_id = $1 ORDER BY c.external_reference, c.number, m.id`,
		`SELECT to_jsonb(t) FROM conversation_timeline t JOIN conversations c ON c.id = t.conversation_id
			WHERE t.tenant_id = $1 ORDER BY c.external_reference, c.number, t.id`,
		`SELECT to_jsonb(e) - 'position' FROM events e JOIN conversations c ON c.id = e.conversation_id
			WHERE e.tenant_id = $1 ORDER BY c.external_reference, c.number, e.id`,
		`SELECT to_jsonb(d) - 'shard' FROM deliveries d JOIN conversations c ON c.id = d.conversation_id
			JOIN subscriptions s ON s.id = d.subscription_id WHERE d.tenant_id = $1 ORDER BY c.external_reference, c.number, d.seq, s.name`,
		`SELECT to_jsonb(k) FROM sla_clocks k JOIN conversations c ON c.id = k.conversation_id
			WHERE k.tenant_id = $1 ORDER BY c.external_reference, c.number, k.metric, k.cycle`,
		`SELECT to_jsonb(x) FROM sla_crossings x JOIN conversations c ON c.id = x.conversation_id
			WHERE x.tenant_id = $1 ORDER BY c.external_reference, c.number, x.metric, x.cycle, x.tripwire`,
		`SELECT to_jsonb(ct) - 'number' FROM contacts ct WHERE tenant_id = $1 ORDER BY email`,
		`SELECT to_jsonb(e) - 'position' FROM events e JOIN contacts ct ON ct.id = e.contact_id
			WHERE e.tenant_id = $1 AND e.conversation_id IS NULL ORDER BY ct.email, e.id`,
		`SELECT to_jsonb(d) - 'shard' FROM deliveries d JOIN events e ON e.id = d.event_id JOIN contacts ct ON ct.id = e.contact_id
			JOIN subscriptions s ON s.id = d.subscription_id
			WHERE e.tenant_id = $1 AND e.conversation_id IS NULL ORDER BY ct.email, e.id, s.name`,
		`SELECT to_jsonb(k) - 'id' - 'request' - 'api_key_id' - 'created_at' - 'body' || jsonb_build_object('answer', t.body)
			FROM idempotency_keys k, convert_from(k.body, 'UTF8') t (body) WHERE k.tenant_id = $1 ORDER BY t.body::jsonb -> 0, k.created_at`,
		`SELECT to_jsonb(o) - 'id' FROM outbox o JOIN conversations c ON c.id = o.target_id
			WHERE o.tenant_id = $1 ORDER BY c.external_reference, c.number, o.created_at, o.kind`,
	} {
		lines = append(lines, w.lines(query)...)
	}
	return lines
}

// lines are the rows of one query about the tenant.
func (w *twin) lines(query string) (lines []string) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.t.Context(), query, w.tenant.ID)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, rows.Close()) }()
	for rows.Next() {
		var line string
		require.NoError(w.t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(w.t, rows.Err())
	return lines
}

// P1.10: what messages leave when they are written together, and what their callers are told, is what each would have left
// alone.
func TestMessagesTogetherLeaveWhatTheyLeaveAlone(t *testing.T) {
	b := slaSetup(t, nil)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable
	together, alone := b.newTwin("together", false), b.newTwin("alone", true)
	twins := []*twin{together, alone}
	requireAlike(t, alone.rows(), together.rows(), "at the beginning")
	made := int64(0)
	for round := range 12 {
		b.pass(time.Duration(1+rng.IntN(40)) * time.Minute)
		if round == 6 { // the next message of the customer there makes a successor
			for _, w := range twins {
				w.change(w.ids[0], conversation.Archive{})
			}
		}
		if at := 1 + rng.IntN(7); round > 0 {
			cmd := []conversation.Command{
				conversation.Snooze{Until: b.now().Add(time.Hour)}, conversation.AddTag{Name: "vip"},
				conversation.RemoveTag{Name: "vip"},
			}[rng.IntN(3)]
			for _, w := range twins {
				if w.status(at) != "done" {
					w.change(w.ids[at], cmd)
				}
			}
			b.pass(time.Second)
		}
		said := make([]conversation.NewMessage, 8)
		for i := range said {
			said[i] = anyMessage(rng)
		}
		said[0].Direction, said[0].Resolve, said[0].AgentID = conversation.Inbound, false, nil
		keys := make([]string, len(said))
		for i := range said {
			if rng.IntN(2) == 0 {
				keys[i] = fmt.Sprint("k", rng.IntN(12)) // some come again, for other messages
			}
		}
		answers := map[*twin][]string{together: make([]string, 8), alone: make([]string, 8)}
		var wg sync.WaitGroup
		for i, in := range said {
			wg.Go(func() { answers[together][i] = together.say(i, in, keys[i]) })
			answers[alone][i] = alone.say(i, in, keys[i])
		}
		wg.Wait()
		requireAlike(t, answers[alone], answers[together], "answers of round %d", round)
		requireAlike(t, alone.rows(), together.rows(), "rows of round %d", round)
		before, _ := b.Conversations.WrittenTogether()
		for i, in := range anyConversations(rng, 8) {
			if i < plainConversations {
				keys[i] = ""
			}
			wg.Go(func() { answers[together][i] = together.begin(in, keys[i]) })
			answers[alone][i] = alone.begin(in, keys[i])
		}
		wg.Wait()
		requireAlike(t, answers[alone], answers[together], "answers of round %d, of new conversations", round)
		requireAlike(t, alone.rows(), together.rows(), "rows of round %d, with new conversations", round)
		after, _ := b.Conversations.WrittenTogether()
		made += after - before
	}
	shared, _ := b.Conversations.WrittenTogether()
	require.Greater(t, made, int64(12*2), "many conversations were made together")
	require.Greater(t, shared-made, int64(12*4), "many messages were written together")
	require.Greater(t, together.shared.Load(), int64(12), "also with keys")
}

// P1.10: messages of one conversation that wait at the same time are written together, and leave what each would have left alone,
// in the order in which they came: versions without a gap, numbers that rise, clocks, deliveries, answers. What has to go
// alone is the last of each round, since the others are written before it.
func TestMessagesOfOneConversationTogetherLeaveWhatTheyLeaveAlone(t *testing.T) {
	b := slaSetup(t, nil)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable
	together, alone := b.newTwin("together", false), b.newTwin("alone", true)
	const rounds, said = 5, 12
	before, _ := b.Conversations.WrittenTogether()
	for round := range rounds {
		b.pass(time.Duration(1+rng.IntN(90)) * time.Minute)
		messages, keys := make([]conversation.NewMessage, said), make([]string, said)
		for i := range messages {
			messages[i] = anyMessage(rng)
			if i < said-1 {
				messages[i].ExternalID, messages[i].Resolve = text(fmt.Sprint("x", round, "-", i)), false
			} else if rng.IntN(2) == 0 {
				messages[i].ExternalID = messages[rng.IntN(i)].ExternalID
			}
			if rng.IntN(3) == 0 {
				keys[i] = fmt.Sprint("k", i, "-", rng.IntN(3)) // some come again in another round, for other messages
			}
		}
		want := make([]string, said)
		for i, in := range messages {
			want[i] = alone.say(0, in, keys[i])
		}
		got := together.sayBehindOthers(0, messages, keys)
		requireAlike(t, want, got, "answers of round %d", round)
		requireAlike(t, alone.rowsOfOne(), together.rowsOfOne(), "rows of round %d", round)
	}
	after, _ := b.Conversations.WrittenTogether()
	require.Greater(t, after-before, int64(rounds*said/2), "most were written together")
	require.Zero(t, b.count(`SELECT count(*) FROM (SELECT m.id < lag(m.id) OVER (ORDER BY m.number) AS falls FROM messages m
		WHERE m.conversation_id = '`+together.ids[0].String()+`' AND m.external_id ~ 'x[0-9]-[0-9]$') t WHERE falls`),
		"identifiers rise with numbers")
}

// rowsOfOne are the rows that writes to the first conversation have left, in the order of its versions.
func (w *twin) rowsOfOne() []string {
	w.t.Helper()
	var lines []string
	for _, query := range []string{
		`SELECT to_jsonb(c) - 'number' FROM conversations c WHERE tenant_id = $1 AND external_reference = 'c0'`,
		`SELECT to_jsonb(r) FROM conversation_recency r JOIN conversations c ON c.id = r.conversation_id
			WHERE r.tenant_id = $1 AND c.external_reference = 'c0'`,
		`SELECT to_jsonb(m) FROM messages m JOIN conversations c ON c.id = m.conversation_id
			WHERE m.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY m.number`,
		`SELECT to_jsonb(t) FROM conversation_timeline t JOIN conversations c ON c.id = t.conversation_id
			LEFT JOIN messages m ON m.id = t.id
			WHERE t.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY t.version, m.number NULLS FIRST, t.id`,
		`SELECT to_jsonb(e) - 'position' FROM events e JOIN conversations c ON c.id = e.conversation_id
			WHERE e.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY e.version, e.id`,
		`SELECT to_jsonb(d) - 'shard' FROM deliveries d JOIN conversations c ON c.id = d.conversation_id
			JOIN subscriptions s ON s.id = d.subscription_id
			WHERE d.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY d.seq, s.name`,
		`SELECT to_jsonb(k) FROM sla_clocks k JOIN conversations c ON c.id = k.conversation_id
			WHERE k.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY k.metric, k.cycle`,
		`SELECT to_jsonb(x) FROM sla_crossings x JOIN conversations c ON c.id = x.conversation_id
			WHERE x.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY x.metric, x.cycle, x.tripwire`,
		`SELECT DISTINCT o.kind, o.status FROM outbox o JOIN conversations c ON c.id = o.target_id
			WHERE o.tenant_id = $1 AND c.external_reference = 'c0' ORDER BY o.kind`,
	} {
		if strings.HasPrefix(query, `SELECT DISTINCT`) {
			query = `SELECT to_jsonb(t) FROM (` + query + `) t`
		}
		lines = append(lines, w.lines(query)...)
	}
	return lines
}

// sayBehindOthers posts messages to a conversation while two groups hold the writers up, so that they wait together, in order.
func (w *twin) sayBehindOthers(at int, messages []conversation.NewMessage, keys []string) []string {
	w.t.Helper()
	release := w.blocked("messages")
	var wg sync.WaitGroup
	hello := conversation.NewMessage{Direction: conversation.Note, Text: text("Hold on")}
	for i := range 2 {
		wg.Go(func() { w.say(len(w.ids)-1-i, hello, "") })
		w.eventually("a writer waits", func() bool { return w.blockedStatements() == i+1 })
	}
	answers := make([]string, len(messages))
	for i, in := range messages {
		waiting := w.Conversations.Waiting()
		done := make(chan struct{})
		wg.Go(func() { defer close(done); answers[i] = w.say(at, in, keys[i]) })
		w.eventually(fmt.Sprintf("message %d with key %q waits", i, keys[i]), func() bool {
			select {
			case <-done: // a key that was answered before
				return true
			default:
				return w.Conversations.Waiting() > waiting
			}
		})
	}
	release()
	wg.Wait()
	return answers
}

// anyMessage is any message that an API caller may send.
func anyMessage(rng *rand.Rand) conversation.NewMessage {
	in := conversation.NewMessage{
		Direction: []conversation.Direction{conversation.Inbound, conversation.Outbound, conversation.Note}[rng.IntN(3)],
		Text:      text(fmt.Sprint("text ", rng.IntN(100))), Metadata: freeform.Values{"n": json.Number("1")},
	}
	if rng.IntN(3) == 0 {
		in.ExternalID = text(fmt.Sprint("x", rng.IntN(6))) // some come again
	}
	if in.Direction == conversation.Inbound {
		return in
	}
	if rng.IntN(3) == 0 {
		in.AgentID = &uuid.Nil
	}
	if in.Direction == conversation.Outbound {
		in.Automated, in.Resolve = rng.IntN(4) == 0, rng.IntN(5) == 0
	}
	return in
}

// plainConversations are as many of anyConversations that have nothing which takes them out of a group.
const plainConversations = 3

// anyConversations are creations that an API caller may make at the same time: of customers who are there already, or come again
// with more, with references that are taken, and with tags of all kinds.
func anyConversations(rng *rand.Rand, n int) []conversation.NewConversation {
	customers, all := rng.Perm(20), make([]conversation.NewConversation, n)
	references := rng.Perm(60)
	for i := range all {
		customer := fmt.Sprint("customer", customers[i])
		if i < plainConversations {
			customer = fmt.Sprint("first", rng.Uint64())
			all[i] = conversation.NewConversation{
				ExternalReference: customer, Subject: "Where is it?",
				Contact: contact.Identity{Email: customer + "@example.com"},
			}
			continue
		}
		in := conversation.NewConversation{
			ExternalReference: fmt.Sprint("new", references[i]), Subject: "Where is it?", Channel: "email",
			Contact: contact.Identity{Email: customer + "@example.com"}, Metadata: freeform.Values{"n": json.Number("2")},
		}
		if rng.IntN(2) == 0 {
			in.Message = &conversation.FirstMessage{Text: text("Hello?")}
		}
		if rng.IntN(3) == 0 {
			in.Contact.ExternalID = customer
		}
		if rng.IntN(3) == 0 {
			in.Contact.Phone = "+4930901820"
		}
		if rng.IntN(3) == 0 {
			in.Tags = []string{"vip", fmt.Sprint("tag", rng.IntN(5)*i)}
		}
		all[i] = in
	}
	return all
}

// P1.10: a conversation that another transaction has locked keeps no other's message waiting.
func TestALockedConversationHoldsUpNoOther(t *testing.T) {
	b := setup(t)
	locked, other := b.conversation("locked"), b.conversation("other")
	tx, err := b.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR UPDATE`, locked.ID)
	require.NoError(t, err)
	hello := conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")}
	late := make(chan error, 1)
	go func() {
		_, err := b.Conversations.PostMessage(t.Context(), b.tenant.ID, locked.ID, b.actor, hello)
		late <- err
	}()
	for range 5 {
		b.post(other.ID, hello)
	}
	select {
	case err := <-late:
		require.Fail(t, "it did not wait for the lock", "%v", err)
	default:
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-late)
	require.EqualValues(t, 2, b.count(`SELECT count(*) FROM messages WHERE conversation_id = '`+locked.ID.String()+`'`))
}

// P1.10, P7.2: a key whose call is being carried out elsewhere keeps no other's message waiting, and its own call gets the
// answer of that one; also where it is seen only when the group writes.
func TestAKeyThatIsTakenHoldsUpNoOther(t *testing.T) {
	for name, seenAtOnce := range map[string]bool{"seen at once": true, "seen at the end": false} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			w := &twin{bench: b, ids: []uuid.UUID{b.conversation("keyed").ID, b.conversation("other").ID}}
			hello := conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")}
			request, err := json.Marshal(hello)
			require.NoError(t, err)
			id, digest := sha256.Sum256([]byte(w.tenant.ID.String()+"\nPOST\n0\nk")), sha256.Sum256(request)

			elsewhere, err := b.db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			if seenAtOnce {
				_, err = elsewhere.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock($1)`, int64(binary.BigEndian.Uint64(id[:8])))
				require.NoError(t, err)
			}
			_, err = elsewhere.ExecContext(t.Context(), `INSERT INTO idempotency_keys (id, tenant_id, api_key_id, request, status, body,
				created_at) VALUES ($1, $2, $2, $3, 201, 'first', now())`, id[:], w.tenant.ID, digest[:])
			require.NoError(t, err)
			keyed := make(chan string, 1)
			go func() { keyed <- w.say(0, hello, "k") }()
			require.Eventually(t, func() bool {
				return b.count(`SELECT count(*) FROM pg_locks WHERE NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
					OR NOT granted AND locktype = 'transactionid'`) > 0
			}, 5*time.Second, time.Millisecond, "the call with the key waits")
			if seenAtOnce {
				for range 3 {
					require.NotContains(t, w.say(1, hello, ""), "error")
				}
				require.Equal(t, 3, b.count(`SELECT count(*) FROM messages WHERE text = 'Hello'`))
			}
			require.NoError(t, elsewhere.Commit())
			require.Equal(t, "201 map[]firsttrue", <-keyed)
			require.Zero(t, b.count(`SELECT count(*) FROM messages WHERE text = 'Hello' AND conversation_id = '`+w.ids[0].String()+`'`))
		})
	}
}
