package demo_test

import (
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/local"
	"github.com/atender/atender/deploy/local/demo"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dock"
	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/listing"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wire"
	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// loopback lets webhooks go to this machine, as the local stack does.
var loopback = target.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// shop is the demo in a database of its own, with a clock that can be put forward.
type shop struct {
	t     *testing.T
	store *models.Store
	ahead atomic.Int64 // of the database's clock
	local.Seeded
}

func open(t *testing.T) *shop {
	t.Helper()
	keys, err := seal.ParseKeyring(seal.GenerateKeyring())
	require.NoError(t, err)
	s := &shop{t: t}
	s.store, err = models.Open(t.Context(), models.Options{
		URL: deps.Database(t), Keys: keys, Logger: slog.New(slog.DiscardHandler), Targets: loopback,
		Docks: dockurl.Policy{AllowLoopbackHTTP: true, Host: "http://localhost:8080"},
		Clock: func(now time.Time) time.Time { return now.Add(time.Duration(s.ahead.Load())) },
	})
	require.NoError(t, err)
	t.Cleanup(s.store.Close)
	return s
}

// start is what a start of the stack does, with the sample dock at this port.
func (s *shop) start(dock string) {
	s.t.Helper()
	var err error
	s.Seeded, err = demo.Seed(s.t.Context(), local.Seeding{
		Store: s.store, ReceiverURL: "http://127.0.0.1:9100/hooks", SampleDockURL: dock, Before: s.Seeded,
	})
	require.NoError(s.t, err)
}

func (s *shop) conversations() []conversation.Conversation {
	s.t.Helper()
	all, next, err := s.store.Lists.Conversations(s.t.Context(), s.TenantID, listing.Filter{}, postgres.Page{Limit: 100})
	require.NoError(s.t, err)
	require.Empty(s.t, next)
	return all
}

func (s *shop) docks() []wire.Dock {
	s.t.Helper()
	docks, _, err := s.store.Docks.List(s.t.Context(), s.TenantID, postgres.Page{Limit: 10})
	require.NoError(s.t, err)
	return docks
}

// states are the conversations' SLA states, by reference, once their workflows have looked at what is due.
func (s *shop) states() map[string]string {
	s.t.Helper()
	states := map[string]string{}
	for _, c := range s.conversations() {
		_, err := s.store.Clocks.Tick(s.t.Context(), s.TenantID, c.ID, "")
		require.NoError(s.t, err)
	}
	for _, c := range s.conversations() {
		if w := c.Wire(); w.ExternalReference != nil && w.SLA != nil {
			states[*w.ExternalReference] = string(w.SLA.State)
		}
	}
	return states
}

func TestTheDemoHasSomethingOfEverything(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.start("http://127.0.0.1:9101/")

	count := map[string]int{}
	for _, c := range s.conversations() {
		count[string(c.Status)]++
		count["channel "+c.Channel]++
		messages, err := s.store.Lists.LatestMessages(t.Context(), s.TenantID, c.ID, 100)
		require.NoError(t, err)
		if len(messages) > 50 {
			count["long thread"]++
		}
		for _, m := range messages {
			if m.HTML != nil {
				count["html"]++
			}
		}
	}
	for _, what := range []string{
		"active", "snoozed", "done", "archived", "long thread", "html", "channel email", "channel whatsapp", "channel sms",
	} {
		require.Positive(t, count[what], what)
	}

	agents, _, err := s.store.Accounts.Agents(t.Context(), s.TenantID, "", postgres.Page{Limit: 10})
	require.NoError(t, err)
	roles := map[string]bool{}
	for _, a := range agents {
		roles[a.Role] = true
	}
	require.Len(t, roles, 5)
	hours, _, err := s.store.Worktime.ListOpeningHours(t.Context(), s.TenantID, postgres.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, hours, 1)
	require.True(t, hours[0].IsDefault)
	docks := s.docks()
	require.Len(t, docks, 1)
	require.Equal(t, "http://127.0.0.1:9101/", docks[0].URL)
	require.Equal(t, []string{"sendMessage"}, docks[0].Confirm)
	_, err = s.store.SignIns.CreateLink(t.Context(), s.TenantID, s.OwnerID, time.Minute)
	require.NoError(t, err)
}

func TestPromisesAreKeptAndBrokenWithinMinutes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.start("http://127.0.0.1:9101/")
	for _, c := range []struct {
		after             time.Duration
		unanswered, asked string
	}{
		{0, "ok", "ok"}, {2*time.Minute + 30*time.Second, "at_risk", "at_risk"}, {6 * time.Minute, "breached", "at_risk"},
	} {
		s.ahead.Store(int64(c.after))
		states := s.states()
		require.Equal(t, c.unanswered, states["demo-1001"], c.after)
		require.Equal(t, c.asked, states["demo-1008"], c.after)
		require.Equal(t, "ok", states["demo-1002"], c.after)
	}
}

func TestASecondStartGoesOnWithTheSameData(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.start("http://127.0.0.1:9101/")
	first, before := s.Seeded, len(s.conversations())
	require.NotEqual(t, uuid.Nil, first.DockID)

	s.start("http://127.0.0.1:9101/")
	require.Equal(t, first, s.Seeded)
	require.Len(t, s.conversations(), before)

	s.start("http://127.0.0.1:9201/") // the port has moved, and the dock's page with it
	require.Len(t, s.docks(), 1)
	require.Equal(t, "http://127.0.0.1:9201/", s.docks()[0].URL)

	own := "http://127.0.0.1:9999/mine"
	_, err := s.store.Docks.Update(t.Context(), s.TenantID, s.DockID, dock.Update{URL: &own})
	require.NoError(t, err)
	s.start("http://127.0.0.1:9301/")
	require.Equal(t, own, s.docks()[0].URL, "somebody has made it theirs")

	require.NoError(t, s.store.Docks.Delete(t.Context(), s.TenantID, s.DockID))
	s.start("http://127.0.0.1:9401/")
	require.Empty(t, s.docks())
}
