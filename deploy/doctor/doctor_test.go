package doctor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/deploy/doctor"
	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/worktime"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
	"github.com/atender/atender/worker"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// surgery is a running product, and a doctor for it.
type surgery struct {
	*stack.Stack
	t       *testing.T
	options doctor.Options
}

func open(t *testing.T) *surgery {
	t.Helper()
	metrics := "127.0.0.1:" + freePort(t)
	s := stack.Start(t, func(c *worker.Config) { c.MetricsAddr, c.Version = metrics, "test" })
	address, _ := deps.Temporal(t)
	cfg, err := config.Parse[config.Config](map[string]string{
		"ATENDER_DATABASE_URL": s.DatabaseURL, "ATENDER_SECRET_KEYS": s.SecretKeys, "ATENDER_DATABASE_MAX_CONNS": "5",
		"ATENDER_TEMPORAL_TASK_QUEUE": stack.TaskQueue, "ATENDER_DISPATCH_SHARDS": "2",
	})
	require.NoError(t, err)
	return &surgery{s, t, doctor.Options{
		Config: cfg, Version: "test", Temporal: client.Options{HostPort: address, Namespace: s.Namespace},
		Timeout: 20 * time.Second, APIURL: s.URL, WorkerURL: "http://" + metrics,
	}}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// report is what a doctor says of the product, who may be told otherwise of it.
type report struct {
	doctor.Report
	t *testing.T
}

func (s *surgery) look(change ...func(*doctor.Options)) report {
	s.t.Helper()
	o := s.options
	for _, f := range change {
		f(&o)
	}
	r, err := doctor.Run(s.t.Context(), o)
	require.NoError(s.t, err)
	return report{r, s.t}
}

func (r report) of(check string) doctor.Finding {
	r.t.Helper()
	for _, f := range r.Checks {
		if f.Check == check {
			return f
		}
	}
	require.Fail(r.t, "there is no check "+check)
	return doctor.Finding{}
}

// is holds a check to its state and to what it says, be it found or to do.
func (r report) is(check string, state doctor.State, parts ...string) {
	r.t.Helper()
	f := r.of(check)
	said := f.Found + "\n" + strings.Join(f.Do, "\n")
	require.Equal(r.t, state, f.State, "%s: %s", check, said)
	for _, part := range parts {
		require.Contains(r.t, said, part, check)
	}
}

// at is a doctor whose clock is off.
func at(offset time.Duration) func(*doctor.Options) {
	return func(o *doctor.Options) { o.Now = func() time.Time { return time.Now().Add(offset) } }
}

func keys(rings ...string) func(*doctor.Options) {
	return func(o *doctor.Options) { o.Config.SecretKeys = strings.Join(rings, ",") }
}

func database(url string) func(*doctor.Options) {
	return func(o *doctor.Options) { o.Config.DatabaseURL = url }
}

// Each thing is broken in its turn, in one product: the check that is for it says so and what to do, and mended it is well.
func TestADoctorFindsWhatIsWrong(t *testing.T) {
	s := open(t)
	in := inbox.Open(t)
	hook := s.Subscribe(in)
	require.Eventually(
		t,
		func() bool { return s.look().State == doctor.OK },
		time.Minute,
		100*time.Millisecond,
		"the product is well when it is up",
	)
	well := s.look()
	for _, f := range well.Checks {
		require.Equal(t, doctor.OK, f.State, "%s: %s", f.Check, f.Found)
	}
	require.Equal(t, len(well.Checks), well.Counts[doctor.OK])
	well.is("dispatch", doctor.OK, "a round trip through the workers takes ")
	well.is("workers", doctor.OK, "1 process polls all three queues")
	require.Equal(t, []string{"test"}, well.of("workers").Facts["builds"])
	well.is("keyring", doctor.OK, "1 value can be opened; k1 seals")

	s.run("what is shown", func() { s.shown(well) })
	s.run("configuration", func() {
		_, wrong := config.Parse[config.Config](map[string]string{"ATENDER_LOG_LEVEL": "loud"})
		s.look(func(o *doctor.Options) { o.ConfigError = wrong }).is("configuration", doctor.Failed,
			"ATENDER_DATABASE_URL is not set", `not "loud"`, "atender help config")
	})
	s.run("database", s.breakDatabase)
	s.run("clocks", s.breakTime)
	s.run("what the rows say", func() { s.breakRows(hook.ID) })
	s.run("Temporal", s.breakTemporal)
	s.run("readiness", s.notReady)
	s.look().is("dispatch", doctor.OK)
	s.run("workers", s.breakWorkers)
}

// run is a part of the test, which names what fails in it.
func (s *surgery) run(name string, f func()) {
	all := s.t
	all.Run(name, func(t *testing.T) {
		s.t = t
		defer func() { s.t = all }()
		f()
	})
}

// shown is for programs and for people, without secrets.
func (s *surgery) shown(well report) {
	t := s.t
	var text, coloured, machine strings.Builder
	require.NoError(t, well.Write(&text, false))
	require.NoError(t, well.Write(&coloured, true))
	require.NoError(t, well.WriteJSON(&machine))
	require.Regexp(t, `(?m)^ok       database           PostgreSQL \S+ answers$`, text.String())
	require.Regexp(t, `\nok: \d+ ok, 0 warnings, 0 failed, 0 skipped, in [\d.]+m?s\n$`, text.String())
	require.NotContains(t, text.String(), "\x1b")
	require.Contains(t, coloured.String(), "\x1b[32mok")
	_, key, _ := strings.Cut(s.SecretKeys, ":")
	for _, secret := range []string{key, s.Key, "password"} {
		require.NotContains(t, text.String()+machine.String(), secret)
	}
	var decoded struct {
		Version, State string
		At             time.Time
		Counts         map[string]int
		Checks         []struct{ Check, State, Found string }
	}
	require.NoError(t, json.Unmarshal([]byte(machine.String()), &decoded))
	require.Equal(t, "test", decoded.Version)
	require.Equal(t, "ok", decoded.State)
	require.Equal(
		t,
		map[string]int{"ok": len(well.Checks), "warning": 0, "failed": 0, "skipped": 0},
		decoded.Counts,
	)
	var names []string
	for _, c := range decoded.Checks {
		names = append(names, c.Check)
	}
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range names {
		require.Contains(t, string(page), "| `"+name+"` |", "the page describes each check")
	}
}

func (s *surgery) breakDatabase() {
	port := freePort(s.t)
	down := s.look(database("postgres://atender@127.0.0.1:" + port + "/nothing"))
	down.is("database", doctor.Failed, "PostgreSQL cannot be asked", "ATENDER_DATABASE_URL")
	for _, check := range []string{
		"migrations", "partitions", "clock", "time-zones", "connections", "keyring", "set-aside", "outbox", "timers", "webhooks",
		"temporal-data",
	} {
		down.is(check, doctor.Skipped, "needs the database")
	}
	for _, check := range []string{"temporal", "namespace", "search-attributes", "workers", "dispatch", "api"} {
		down.is(check, doctor.OK)
	}
	require.Equal(s.t, doctor.Failed, down.State)

	silent, err := net.Listen("tcp4", "127.0.0.1:0") // it takes connections, and answers nothing
	require.NoError(s.t, err)
	defer func() { _ = silent.Close() }()
	hangs := s.look(database("postgres://atender@"+silent.Addr().String()+"/nothing"),
		func(o *doctor.Options) { o.Timeout = 2 * time.Second })
	hangs.is("database", doctor.Failed)
	hangs.is("temporal", doctor.OK)

	s.look(database("postgres://u:hidden@h:port/x")).is("database", doctor.Failed, "is no URL of PostgreSQL")
	s.look(database("")).is("database", doctor.Skipped, "needs ATENDER_DATABASE_URL")
	s.look(func(o *doctor.Options) { o.Config.DatabaseMaxConns = 900 }).is("connections", doctor.Warning,
		"raise max_connections", "ATENDER_DATABASE_MAX_CONNS")

	s.Exec(`UPDATE goose_db_version SET is_applied = false WHERE version_id = 26`)
	old := s.look()
	old.is(
		"migrations",
		doctor.Failed,
		"1 migration of this binary is missing: 00026_message_timeline",
		"atender migrate",
	)
	old.is("keyring", doctor.Skipped, "needs all migrations")
	old.is("clock", doctor.OK)
	s.Exec(`UPDATE goose_db_version SET is_applied = true WHERE version_id = 26`)
	s.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	s.look().is("migrations", doctor.Warning, "99999", "newer than this binary")
	s.Exec(`DELETE FROM goose_db_version WHERE version_id = 99999`)
}

func (s *surgery) breakTime() {
	s.look(at(15*24*time.Hour)).is("partitions", doctor.Warning, "events, week of ", "atender migrate")
	s.look(at(60*24*time.Hour)).is("partitions", doctor.Failed, "default partitions")
	s.look(at(4*time.Second)).is("clock", doctor.Warning, "behind", "NTP")
	s.look(at(-time.Minute)).is("clock", doctor.Failed, "ahead of")

	hours, err := s.Store.Worktime.CreateOpeningHours(s.t.Context(), s.Tenant.ID, worktime.NewOpeningHours{
		Name: "office", Rule: calendar.Rule{Zone: "Europe/Copenhagen", Weekly: map[string][]calendar.Slot{}},
	})
	require.NoError(s.t, err)
	s.look().is("time-zones", doctor.OK, "1 in use")
	s.Exec(
		`UPDATE opening_hours SET rule = jsonb_set(rule, '{timeZone}', '"Mars/Olympus"') WHERE id = $1`,
		hours.ID,
	)
	s.look().is("time-zones", doctor.Failed, "Mars/Olympus", "count as always open")
	_, known, err := s.Store.DB.ZoneOffsets(s.t.Context(), "Mars/Olympus", []time.Time{time.Now()})
	require.NoError(s.t, err)
	require.False(s.t, known, "nor does PostgreSQL know it")
	require.NoError(s.t, s.Store.Worktime.DeleteOpeningHours(s.t.Context(), s.Tenant.ID, hours.ID))
}

func (s *surgery) breakRows(hook uuid.UUID) {
	k1 := s.SecretKeys
	k2, other := strings.Replace(seal.GenerateKeyring(), "k1:", "k2:", 1), seal.GenerateKeyring()
	s.look(
		keys(k2),
	).is(
		"keyring",
		doctor.Failed,
		"1 webhook secrets are sealed under key k1, which is not in the keyring",
		"behind the first of ATENDER_SECRET_KEYS",
	)
	s.look(
		keys(other),
	).is(
		"keyring",
		doctor.Failed,
		"the key has other bytes",
		"secret of subscriptions "+hook.String(),
	)
	s.look(
		keys(k2, k1),
	).is(
		"keyring",
		doctor.OK,
		"k2 seals; still needed: k1 (1 value)",
		"atender secret reseal",
	)
	s.look(keys(k1, k2)).is("keyring", doctor.OK, "not needed any more: k2")
	s.look(keys("")).is("keyring", doctor.Skipped, "needs ATENDER_SECRET_KEYS")

	s.Exec(
		`UPDATE subscriptions SET failures = 12, failing_since = now() - interval '1 hour', circuit_opened_at = now() WHERE id = $1`,
		hook,
	)
	s.look().is("webhooks", doctor.Warning, "1 is in trouble: 1 open",
		"atender webhook health --tenant "+s.Tenant.ID.String()+" "+hook.String()+"  (open, failing since ")
	s.Exec(`UPDATE subscriptions SET is_active = false, disabled_reason = 'FAILING' WHERE id = $1`, hook)
	s.look().is("webhooks", doctor.Warning, "1 disabled", "disabled, FAILING")
	s.Exec(
		`UPDATE subscriptions SET disabled_reason = NULL, failures = 0, failing_since = NULL, circuit_opened_at = NULL WHERE id = $1`,
		hook,
	)
	s.look().is("webhooks", doctor.OK)

	s.Exec(`INSERT INTO outbox (tenant_id, kind, target_id, priority, created_at, available_at)
		VALUES ($1, 'newer', $1, 2, now() - interval '1 hour', now() + interval '1 hour')`, s.Tenant.ID)
	s.look().is("outbox", doctor.Failed, "1 row waits to be told to Temporal, the oldest for 1h0m")
	s.Exec(`UPDATE outbox SET created_at = now() - interval '20 seconds' WHERE kind = 'newer'`)
	s.look().is("outbox", doctor.Warning)
	s.Exec(`DELETE FROM outbox WHERE kind = 'newer'`)

	id := s.snoozed("set-aside")
	s.Exec(`UPDATE conversations SET clocks = '{"no": "list"}', snoozed_until = now() - interval '1 hour',
		next_due_at = now() - interval '1 hour' WHERE id = $1`, id)
	require.Eventually(
		s.t,
		func() bool { return s.look().of("set-aside").State == doctor.Warning },
		time.Minute,
		50*time.Millisecond,
	)
	s.look().is(
		"set-aside",
		doctor.Warning,
		"1 conversation is set aside",
		"(unreadable)",
		"atender conversation retry --all",
	)
	s.Exec(`UPDATE conversations SET clocks = '[]' WHERE id = $1`, id)
	n, err := s.Store.Clocks.RetrySetAsides(s.t.Context(), &s.Tenant.ID, &id)
	require.NoError(s.t, err)
	require.EqualValues(s.t, 1, n)
	s.look().is("set-aside", doctor.OK)
	require.Eventually(s.t, func() bool {
		c, err := s.Store.Conversations.Get(s.t.Context(), s.Tenant.ID, id)
		return err == nil && c.Status == "active"
	}, time.Minute, 50*time.Millisecond, "what was due in it is done")
}

func (s *surgery) snoozed(reference string) uuid.UUID {
	c, err := s.Store.Conversations.Create(s.t.Context(), s.Tenant.ID, s.Actor, conversation.NewConversation{
		ExternalReference: reference, Subject: "Where is my order?",
		Contact: contact.Identity{Email: reference + "@example.com"},
	})
	require.NoError(s.t, err)
	_, err = s.Store.Conversations.Change(
		s.t.Context(),
		s.Tenant.ID,
		c.ID,
		s.Actor,
		conversation.Snooze{Until: time.Now().Add(time.Hour)},
	)
	require.NoError(s.t, err)
	return c.ID
}

func (s *surgery) breakTemporal() {
	down := s.look(func(o *doctor.Options) { o.Temporal.HostPort, o.Timeout = "127.0.0.1:1", 5*time.Second })
	down.is("temporal", doctor.Failed, "127.0.0.1:1", "TEMPORAL_ADDRESS")
	for _, check := range []string{"namespace", "search-attributes", "workers", "dispatchers", "dispatch", "temporal-data"} {
		down.is(check, doctor.Skipped, "needs Temporal")
	}
	down.is("keyring", doctor.OK)

	wrong := s.look(func(o *doctor.Options) { o.Temporal.Namespace = "no-such-namespace" })
	wrong.is("namespace", doctor.Failed, "there is no namespace no-such-namespace", "TEMPORAL_NAMESPACE",
		"temporal operator namespace create --namespace no-such-namespace")
	wrong.is("workers", doctor.Skipped, "needs the namespace")

	s.Exec(`UPDATE installation SET value = 'another' WHERE key = $1`, "temporal-namespace-id/"+s.Namespace)
	s.look().is("temporal-data", doctor.Warning, "Temporal has lost its data")
	s.Exec(`DELETE FROM installation WHERE key = $1`, "temporal-namespace-id/"+s.Namespace)
	s.look().is("temporal-data", doctor.Warning, "no worker has met namespace")

	s.look(
		func(o *doctor.Options) { o.Config.DispatchShards = 3 },
	).is(
		"dispatchers",
		doctor.Failed,
		"webhook-dispatch/2",
		"atender worker",
	)
	s.look(
		func(o *doctor.Options) { o.Config.DispatchShards = 1 },
	).is(
		"dispatchers",
		doctor.Warning,
		"webhook-dispatch/1 runs",
	)
}

func (s *surgery) notReady() {
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"status": "unready"}`, http.StatusServiceUnavailable)
	}))
	defer away.Close()
	not := s.look(func(o *doctor.Options) { o.APIURL, o.WorkerURL = away.URL, "http://127.0.0.1:1" })
	not.is("api", doctor.Failed, `not ready: 503 Service Unavailable: {"status": "unready"}`)
	not.is("worker", doctor.Failed, "it does not answer")
	not = s.look(func(o *doctor.Options) { o.APIURL, o.WorkerURL = "", "" })
	not.is("api", doctor.Skipped, "--api-url")
	not.is("worker", doctor.Skipped, "--worker-url")
	require.Equal(s.t, doctor.Skipped, not.of("api").State)
}

// stopWorker stops the worker while it has a delivery under way: until that is through, it says that it stops.
func (s *surgery) stopWorker() {
	in := inbox.Open(s.t)
	s.Subscribe(in)
	held, release := make(chan struct{}, 100), make(chan struct{})
	in.Hold(func(inbox.Delivery) {
		held <- struct{}{}
		<-release
	})
	s.snoozed("held")
	<-held
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.StopWorker()
	}()
	said := ""
	require.Eventually(s.t, func() bool {
		answer, err := http.Get(s.options.WorkerURL + "/readyz")
		if err != nil {
			said = err.Error()
			return false
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		said = string(body)
		return err == nil && answer.StatusCode == http.StatusServiceUnavailable &&
			strings.Contains(said, "the worker stops")
	}, 5*time.Second, 10*time.Millisecond, "%s", &said)
	select {
	case <-stopped:
		require.Fail(s.t, "it is stopped, though a delivery is under way")
	default:
	}
	close(release)
	<-stopped
}

// breakWorkers comes last: there is none afterwards.
func (s *surgery) breakWorkers() {
	s.look(func(o *doctor.Options) { o.Config.TemporalTaskQueue = "other" }).is(
		"workers",
		doctor.Failed,
		"no worker polls other (workflows), other (activities), other-deliveries (activities)",
		"ATENDER_TEMPORAL_TASK_QUEUE is other",
	)
	s.look(at(3*time.Minute)).is("workers", doctor.Failed, "(the last did 3m", "start one: atender worker")
	s.stopWorker()
	id := s.snoozed("late")
	s.Exec(`UPDATE conversations SET next_due_at = now() - interval '10 seconds' WHERE id = $1`, id)
	noProbe := func(o *doctor.Options) { o.Temporal.Namespace = "no-such-namespace" } // which would take 5 s without a worker
	s.look(noProbe).is("timers", doctor.Warning, "something is due in 1 conversation and not done, in one for 1")
	s.Exec(`UPDATE conversations SET next_due_at = now() - interval '1 hour' WHERE id = $1`, id)

	ctx, operator := s.t.Context(), s.Temporal.OperatorService()
	_, err := operator.RemoveSearchAttributes(ctx, &operatorservice.RemoveSearchAttributesRequest{
		Namespace: s.Namespace, SearchAttributes: []string{"AtenderStatus", "AtenderNextDue"},
	})
	require.NoError(s.t, err)
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        s.Namespace,
		SearchAttributes: map[string]enums.IndexedValueType{"AtenderStatus": enums.INDEXED_VALUE_TYPE_INT},
	})
	require.NoError(s.t, err)
	none := s.look()
	none.is(
		"search-attributes",
		doctor.Failed,
		"missing: AtenderNextDue",
		"AtenderStatus is Int and has to be Keyword",
		"search-attribute remove --namespace "+s.Namespace+" --name AtenderStatus",
		"--name AtenderNextDue --type Datetime --name AtenderStatus --type Keyword",
	)
	none.is("timers", doctor.Failed, "in one for 1h0m")
	if none.of("workers").State == doctor.OK { // Temporal lists a poller for a while after it has gone
		none.is(
			"dispatch",
			doctor.Failed,
			"workers did not carry a probe out within 5s (probe/",
			"five minutes after they have gone",
		)
	}
	require.Equal(s.t, doctor.Failed, none.State)
	require.Positive(s.t, none.Counts[doctor.Failed], fmt.Sprint(none.Counts))
}
