package models_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/postgres"
)

// P2: what other tenants do does not move a tenant's numbers.
func TestNumbersAreTheTenants(t *testing.T) {
	b := setupAlone(t)
	quiet, busy := *b, *b
	var err error
	busy.tenant, _, err = b.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Busy"})
	require.NoError(t, err)
	people := func(of *bench, name string) (agent, team int64) {
		a, err := of.Accounts.CreateAgent(t.Context(), of.tenant.ID,
			account.NewAgent{Name: name, Email: name + "@example.com", Role: account.RoleAgent})
		require.NoError(t, err)
		made, err := of.Accounts.CreateTeam(t.Context(), of.tenant.ID, account.NewTeam{Name: name})
		require.NoError(t, err)
		shown, err := of.Accounts.Team(t.Context(), of.tenant.ID, made.ID)
		require.NoError(t, err)
		require.Equal(t, made.Number, shown.Number)
		return a.Number, made.Number
	}
	for i := range int64(3) {
		agent, team := people(&quiet, fmt.Sprint("q", i))
		require.Equal(t, []int64{i + 1, i + 1}, []int64{agent, team})
		c := quiet.conversation(fmt.Sprint("c", i))
		require.Equal(t, []int64{i + 1, i + 1}, []int64{c.Number, c.Contact.Number})
		require.Equal(t, 2*int(i)+1, b.count(`SELECT number FROM messages WHERE conversation_id = $1`, c.ID))
		same := quiet.newConversation(fmt.Sprint("same", i))
		same.Contact, same.Message = contact.Identity{Email: fmt.Sprintf("c%d@example.com", i)}, nil
		other := busy.newConversation(fmt.Sprint("same", i))
		for _, in := range []conversation.NewConversation{other, other} { // the second is refused
			_, _ = busy.Conversations.Create(t.Context(), busy.tenant.ID, busy.actor, in)
		}
		people(&busy, fmt.Sprint("b", i))
		note := conversation.NewMessage{Direction: conversation.Note, Text: text("n")}
		require.Equal(t, 2*i+2, quiet.post(c.ID, note).Message.Number)
	}
	known := quiet.newConversation("known")
	known.Contact.Email = "c0@example.com"
	c, err := quiet.Conversations.Create(t.Context(), quiet.tenant.ID, quiet.actor, known)
	require.NoError(t, err)
	require.EqualValues(t, 1, c.Contact.Number)
	require.EqualValues(
		t,
		4,
		quiet.conversation("new").Contact.Number,
		"one that was not needed is not used up",
	)
	made, err := quiet.Contacts.Create(
		t.Context(),
		quiet.tenant.ID,
		quiet.actor,
		contact.Input{Email: text("x@example.com")},
	)
	require.NoError(t, err)
	require.EqualValues(t, 5, made.Number)
}

// P2: several processes write in the same few conversations at once, messages and notes, in groups and alone,
// with and without an end of them, and begin new ones: all numbers of the tenant are different, and rise within
// each conversation.
func TestMessageNumbersRiseInEachConversationWhoeverWrites(t *testing.T) {
	b := setupAlone(t)
	stores := []*models.Store{b.Store, b.open(), b.open()}
	conversations := make([]uuid.UUID, 3)
	for i := range conversations {
		conversations[i] = b.conversation(fmt.Sprint(i)).ID
	}
	b.change(conversations[0], conversation.Archive{}) // its messages go to a successor
	const writers, each = 5, 24
	var working sync.WaitGroup
	for at, s := range stores {
		for w := range writers {
			working.Go(func() {
				for i := range each {
					in := conversation.NewMessage{
						Direction: []conversation.Direction{conversation.Inbound, conversation.Note}[i%2], Text: text("Hello"),
					}
					post := func(ctx context.Context) error {
						_, err := s.Conversations.PostMessage(
							ctx,
							b.tenant.ID,
							conversations[(w+i/2)%3],
							b.actor,
							in,
						)
						return err
					}
					var err error
					switch i % 5 {
					case 0:
						err = s.DB.InUnitOfWork(t.Context(), post)
					case 1:
						_, err = s.Conversations.Create(
							t.Context(),
							b.tenant.ID,
							b.actor,
							b.newConversation(fmt.Sprint(at, "/", w, "/", i)),
						)
					default:
						err = post(t.Context())
					}
					if err != nil {
						t.Errorf("process %d, writer %d: %v", at, w, err)
					}
				}
			})
		}
	}
	working.Wait()
	require.Equal(t, 3+len(stores)*writers*each, b.count(`SELECT count(*) FROM messages`))
	for what, wrong := range map[string]string{
		"two messages have one number": `SELECT count(*) - count(DISTINCT number) FROM messages`,
		"two contacts have one number": `SELECT count(*) - count(DISTINCT number) FROM contacts`,
		"a later message has a lower number": `SELECT count(*) FROM (SELECT number,
			max(number) OVER (PARTITION BY conversation_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
			FROM messages) m WHERE number <= before`,
		"a message of a later version has a lower number": `SELECT count(*) FROM (SELECT n, max(n) OVER (
				PARTITION BY conversation_id ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
			FROM events, LATERAL (SELECT (payload::jsonb #>> '{data,message,number}')::bigint AS n) m
			WHERE n IS NOT NULL) e WHERE n <= before`,
		"a row does not keep its last": `SELECT count(*) FROM conversations c WHERE last_message_number
			<> (SELECT max(number) FROM messages m WHERE m.conversation_id = c.id)`,
	} {
		require.Zero(t, b.count(wrong), what)
	}
}

// P2: a process whose block lies behind the conversation's last message drops it, and its message goes alone.
func TestAMessageOfAProcessThatIsBehind(t *testing.T) {
	b := setupAlone(t)
	other := b.open()
	c := b.conversation("hot")
	hello := conversation.NewMessage{Direction: conversation.Outbound, Text: text("Hello")}
	ahead, err := other.Conversations.PostMessage(t.Context(), b.tenant.ID, c.ID, b.actor, hello)
	require.NoError(t, err)
	grouped, alone := b.Conversations.WrittenTogether()
	now := b.post(c.ID, hello)
	require.Greater(t, now.Message.Number, ahead.Message.Number)
	groupedNow, aloneNow := b.Conversations.WrittenTogether()
	require.Equal(t, []int64{0, 1}, []int64{groupedNow - grouped, aloneNow - alone})
	require.Equal(
		t,
		now.Message.Number+1,
		b.post(c.ID, hello).Message.Number,
		"and it goes on with the new block",
	)
}

// beforeTenantNumbers is the last migration in which all tenants share sequences.
const beforeTenantNumbers = 23

// 00025: numbers go on above all that there are, in every tenant, and what processes of the version before
// still take from the sequences is below.
func TestTenantsNumbersBeginAboveThoseThereWere(t *testing.T) {
	b := setupAlone(t)
	tenant := b.backTo(beforeTenantNumbers)
	b.exec(`INSERT INTO conversation_numbers (tenant_id, next) VALUES ($1, 7)`, tenant)
	b.exec(
		`INSERT INTO channels (tenant_id, channel, number, display_name, enabled) VALUES ($1, 'email', 1, 'E-mail', true)`,
		tenant,
	)
	for i := range 3 {
		b.exec(
			`INSERT INTO contacts (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, 'Ada', now(), now())`,
			tenant,
			uuid.New(),
		)
		b.exec(
			`INSERT INTO teams (tenant_id, id, name, created_at) VALUES ($1, $2, $3, now())`,
			tenant,
			uuid.New(),
			fmt.Sprint(i),
		)
	}
	for range 2 { // the second finds it done
		b.migrateTo(beforeTenantNumbers + 2)
		b.exec(`DELETE FROM goose_db_version WHERE version_id > $1`, beforeTenantNumbers)
	}
	require.NoError(t, postgres.Migrate(t.Context(), b.url, slog.New(slog.DiscardHandler)))
	b.tenant.ID = tenant
	b.Store = b.open()
	c := b.conversation("new")
	require.EqualValues(t, 7, c.Number)
	require.EqualValues(t, 1_000_004, c.Contact.Number)
	require.Equal(t, 1, b.count(`SELECT number FROM messages`), "there was none")
	agent, err := b.Accounts.CreateAgent(
		t.Context(),
		tenant,
		account.NewAgent{Name: "A", Email: "a@example.com", Role: account.RoleAgent},
	)
	require.NoError(t, err)
	require.EqualValues(t, 1, agent.Number)
	team, err := b.Accounts.CreateTeam(t.Context(), tenant, account.NewTeam{Name: "New"})
	require.NoError(t, err)
	require.EqualValues(t, 1_004, team.Number)
	require.Equal(
		t,
		4,
		b.count(`SELECT nextval('contacts_number_seq')`),
		"processes of the version before go on",
	)
	b.exec(`SELECT setval('contacts_number_seq', 1000003)`)
	_, err = b.db.ExecContext(t.Context(), `SELECT nextval('contacts_number_seq')`)
	require.ErrorContains(t, err, "2200H", "but not for ever")
	b.exec(
		`INSERT INTO tenants (id, name, environment, created_at) VALUES ($1, 'Meanwhile', 'production', now())`,
		agent.ID,
	)
	b.exec(`INSERT INTO conversation_numbers (tenant_id) VALUES ($1)`, agent.ID)
	require.Equal(
		t,
		1_000_004,
		b.count(`SELECT next_contact FROM conversation_numbers WHERE tenant_id = $1`, agent.ID),
	)
}
