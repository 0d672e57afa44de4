package tests

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api"
	apiclient "github.com/atender/atender/api/client"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/logging"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/tests/deps"
	"github.com/atender/atender/tests/inbox"
	"github.com/atender/atender/tests/stack"
)

// lines is a log that is kept.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find are the lines that have the message, decoded.
func (l *lines) find(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		if fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

// faultySQL makes the database quote what it is given, in every way in which it does: as a value that does not fit, as a row
// that violates a constraint, as an exception.
const faultySQL = `
CREATE FUNCTION quote_contact() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF NEW.name = 'MARKERCAST' THEN PERFORM (NEW.email)::int; END IF;
	IF NEW.name = 'MARKERRAISE' THEN RAISE EXCEPTION 'contact "%" is refused', NEW.email; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER quote_contact BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION quote_contact();
ALTER TABLE contacts ADD CONSTRAINT unwanted CHECK (name <> 'MARKERCHECK');
CREATE FUNCTION quote_subject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF NEW.subject = 'MARKERTICK' AND NEW.status <> OLD.status AND OLD.status = 'snoozed' THEN PERFORM (NEW.subject)::int; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER quote_subject BEFORE UPDATE ON conversations FOR EACH ROW EXECUTE FUNCTION quote_subject();`

// What the product logs at level info says who did what where, and never what they said, who they are, or what is secret:
// whatever is sent, refused, echoed, or quoted by the database.
func TestLogsSayWhatHappenedAndNothingPersonal(t *testing.T) {
	t.Parallel()
	log := &lines{}
	logger := logging.New(log, false, slog.LevelInfo)
	s := stack.StartLogging(t, logger)
	s.Exec(faultySQL)
	in := inbox.Open(t)
	in.Answer(func(d inbox.Delivery) int {
		if d.Header.Get("X-Atender-Attempt") == "1" {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	s.Subscribe(in, seconds(5), func(n *webhook.NewSubscription) {
		n.Name, n.URL = "MARKERHOOK", n.URL+"?token=MARKERURL"
		n.Headers = map[string]string{"X-Token": "MARKERHEADER"}
	})
	s.SubscribeAs(
		s.Tenant.ID,
		"http://127.0.0.1:1/MARKERPATH?token=MARKERURL",
		seconds(5),
	) // nothing listens there
	agent, err := s.Store.Accounts.CreateAgent(t.Context(), s.Tenant.ID, account.NewAgent{
		Name: "MARKERAGENT", Email: "MARKERAGENT@example.com", Role: account.RoleOwner,
	})
	require.NoError(t, err)

	first := speak(t, s, agent)
	mistake(t, s, logger)
	link := signIn(t, s, agent)
	tick := failTick(t, s, log)
	in.Await(time.Minute, "the retry", func(ds []inbox.Delivery) bool {
		for _, d := range ds {
			if d.Header.Get("X-Atender-Attempt") == "2" {
				return true
			}
		}
		return false
	})
	runCommands(t, s, log)

	text := strings.ToUpper(log.String())
	for _, secret := range []string{"MARKER", "70123456", "WHSEC_", "SA_LIVE_", s.Key, link, "Key (", "Failing row"} {
		require.NotContains(t, text, strings.ToUpper(secret))
	}

	for _, line := range log.find(t, "request") {
		for _, field := range []string{"requestId", "method", "route", "status", "durationMs"} {
			require.Contains(t, line, field, "%v", line)
		}
		require.NotContains(t, line, "duration", "a number without a unit")
	}
	messages := withField(log.find(t, "request"), "route", "/v1/conversations/:id/messages")
	require.NotEmpty(t, messages)
	require.Equal(
		t,
		[]any{first.String(), s.Tenant.ID.String(), s.Actor.ID.String(), 201.0},
		[]any{
			messages[0]["conversationId"],
			messages[0]["tenantId"],
			messages[0]["keyId"],
			messages[0]["status"],
		},
	)
	created := withField(log.find(t, "request"), "route", "/v1/conversations/outbound")
	require.Equal(t, first.String(), created[0]["conversationId"], "the answer says which was made")
	require.NotEmpty(
		t,
		withField(
			withField(log.find(t, "request"), "route", "/v1/dock-sessions/:id/actions"),
			"conversationId",
			first.String(),
		),
	)
	require.NotEmpty(
		t,
		withField(log.find(t, "request"), "agentId", agent.ID.String()),
		"an agent's own requests",
	)
	failures := log.find(t, "request failed")
	require.GreaterOrEqual(t, len(failures), 3)
	for _, line := range failures {
		require.Contains(t, line, "requestId")
		require.Equal(t, s.Tenant.ID.String(), line["tenantId"])
	}
	require.Contains(t, log.String(), `violates check constraint \"unwanted\"`, "what went wrong is there")
	require.Contains(t, log.String(), `invalid input syntax for type integer: \"…\" (SQLSTATE 22P02)`)

	ticks := log.find(t, "a conversation's tick failed")
	require.NotEmpty(t, ticks)
	require.Equal(
		t,
		[]any{tick.String(), s.Tenant.ID.String()},
		[]any{ticks[0]["conversationId"], ticks[0]["tenantId"]},
	)
	found := withField(append(log.find(t, "activity failed"), ticks...), "activity", "TickConversation")
	require.NotEmpty(t, found, "a line of an activity")
	for _, field := range []string{"workflowId", "runId", "attempt", "tenantId"} {
		require.Contains(t, found[0], field)
	}
}

// withField are the lines that have a field with a value.
func withField(all []map[string]any, field string, value any) (found []map[string]any) {
	for _, line := range all {
		if line[field] == value {
			found = append(found, line)
		}
	}
	return found
}

// speak has a customer, an agent and a dock say things, and returns their conversation.
func speak(t *testing.T, s *stack.Stack, agent account.Agent) uuid.UUID {
	t.Helper()
	answer, err := s.API.CreateOutboundConversationWithResponse(
		t.Context(),
		apiclient.CreateOutboundConversationJSONRequestBody{
			ExternalReference: "MARKERREFERENCE", Subject: "MARKERSUBJECT",
			Contact: apiclient.NewContact{
				Email: "MARKEREMAIL@example.com", Name: ptr("MARKERCONTACT"),
				Phone: ptr("+4570123456"), ExternalID: ptr("MARKERID"),
			},
			OutboundContext: &apiclient.OutboundContext{
				OriginalMessage: ptr(
					"MARKERTEXT",
				), OriginalHTML: ptr("<p>MARKERHTML</p>"), Metadata: &apiclient.Metadata{"k": "MARKERMETADATA"},
			},
			Tags: []string{"MARKERTAG"},
		},
	)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON201, "%s", answer.Body)
	id := answer.JSON201.ID
	said, err := s.API.PostMessageWithResponse(t.Context(), id,
		apiclient.PostMessageJSONRequestBody{Text: ptr("MARKERREPLY"), AgentID: &agent.ID})
	require.NoError(t, err)
	require.NotNil(t, said.JSON201, "%s", said.Body)
	dock := openDock(t, s, agent, "MARKERDOCK", id)
	status, action := dock.ask("MARKERREQUEST", "addTag", map[string]any{"tag": "MARKERDOCKTAG"})
	if status == http.StatusAccepted {
		action = dock.await(action.ID)
	}
	require.Equal(t, "applied", action.Status)
	return id
}

// mistake makes every kind of mistake, with what must not be echoed in it.
func mistake(t *testing.T, s *stack.Stack, log *slog.Logger) {
	t.Helper()
	// Not the stack's own API, all whose answers are held against the document: a 500 is in none.
	server, err := api.New(api.Config{}, api.Deps{Store: s.Store, Logger: log})
	require.NoError(t, err)
	listener := httptest.NewServer(server.Handler())
	defer listener.Close()
	contact := func(name, email string) string {
		return `{"externalReference": "MARKER` + name + `", "subject": "MARKERSUBJECT",
			"contact": {"email": "` + email + `", "name": "` + name + `"}}`
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/conversations/outbound", `{"subject": "MARKERSUBJECT", "MARKERFIELD": 1}`, 400},
		{"POST", "/v1/conversations/outbound", `{"subject": MARKERSYNTAX`, 400},
		{"POST", "/v1/conversations/outbound", contact("MARKERNAME", "MARKER not an address"), 400},
		{"POST", "/v1/conversations/outbound", contact("MARKERCHECK", "MARKERCHECK@example.com"), 500},
		{"POST", "/v1/conversations/outbound", contact("MARKERCAST", "MARKERCAST@example.com"), 500},
		{"POST", "/v1/conversations/outbound", contact("MARKERRAISE", "MARKERRAISE@example.com"), 500},
		{"POST", "/v1/webhooks", `{"name": "MARKERHOOK", "url": "MARKERSCHEME://example.com/", "events": ["MARKEREVENT"]}`, 400},
		{"GET", "/v1/conversations?q=MARKERSEARCH&status=MARKERSTATUS", "", 400},
		{"GET", "/v1/conversations?q=MARKERSEARCH", "", 200},
		{"GET", "/v1/conversations?cursor=MARKERCURSOR", "", 400},
		{"GET", "/v1/conversations/MARKERID", "", 400},
		{"GET", "/v1/MARKERROUTE", "", 404},
		{"MARKER", "/v1/conversations", "", 405},
	} {
		request, err := http.NewRequestWithContext(
			t.Context(),
			c.method,
			listener.URL+c.path,
			strings.NewReader(c.body),
		)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+s.Key)
		if c.body != "" {
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Idempotency-Key", "MARKERKEY"+c.body[:min(20, len(c.body))])
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, c.status, answer.StatusCode, "%s %s %s: %s", c.method, c.path, c.body, body)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", listener.URL+"/v1/me", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer sa_live_MARKERSECRET")
	request.Header.Set("X-Request-Id", "MARKER with blanks")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
}

// signIn signs an agent in by a link, and fails to with a password. It returns the link's secret.
func signIn(t *testing.T, s *stack.Stack, agent account.Agent) (secret string) {
	t.Helper()
	secret, err := s.Store.SignIns.CreateLink(t.Context(), s.Tenant.ID, agent.ID, time.Hour)
	require.NoError(t, err)
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	send := func(method, path, kind, body string, cookies []*http.Cookie) (status int, got []*http.Cookie) {
		request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Origin", s.URL)
		if kind != "" {
			request.Header.Set("Content-Type", kind)
		}
		for _, c := range cookies {
			request.AddCookie(c)
		}
		answer, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, answer.Cookies()
	}
	shown, _ := send("GET", "/console/sign-in?token="+url.QueryEscape(secret), "", "", nil)
	form := url.Values{"token": {secret}}.Encode()
	in, cookies := send("POST", "/console/sign-in", "application/x-www-form-urlencoded", form, nil)
	me, _ := send("GET", "/v1/me", "", "", cookies)
	guess := `{"email": "MARKERAGENT@example.com", "password": "MARKERPASSWORD"}`
	refused, _ := send("POST", "/console/session", "application/json", guess, nil)
	require.Equal(t, []int{http.StatusOK, http.StatusSeeOther, http.StatusOK, http.StatusUnauthorized},
		[]int{shown, in, me, refused})
	return secret
}

// failTick makes a conversation whose wake the database refuses, quoting its subject, and waits until that was logged.
func failTick(t *testing.T, s *stack.Stack, log *lines) uuid.UUID {
	t.Helper()
	answer, err := s.API.CreateOutboundConversationWithResponse(
		t.Context(),
		apiclient.CreateOutboundConversationJSONRequestBody{
			ExternalReference: "MARKERLATE", Subject: "MARKERTICK",
			Contact: apiclient.NewContact{Email: "MARKERLATE@example.com"},
		},
	)
	require.NoError(t, err)
	require.NotNil(t, answer.JSON201, "%s", answer.Body)
	snooze(t, s, answer.JSON201.ID, time.Now().Add(1100*time.Millisecond))
	require.Eventually(t, func() bool {
		return len(
			withField(log.find(t, "a conversation is set aside because its tick fails"), "conversationId",
				answer.JSON201.ID.String()),
		) > 0
	}, time.Minute, 50*time.Millisecond)
	return answer.JSON201.ID
}

// runCommands runs commands of an operator; what they say beside their answers goes to the log.
func runCommands(t *testing.T, s *stack.Stack, log *lines) {
	t.Helper()
	binary, err := deps.Binary(t.TempDir())
	require.NoError(t, err)
	tenant := s.Tenant.ID.String()
	for _, c := range []struct {
		command string
		fails   bool
	}{
		{"agent create --tenant " + tenant + " --name MARKERSTAFF --email MARKERSTAFF@example.com --role lead", false},
		{"agent link --tenant " + tenant + " MARKERSTAFF@example.com", false},
		{"webhook list --tenant " + tenant, false},
		{"key create --tenant " + tenant + " --name MARKERKEY --scope conversations:read", false},
		{"secret reseal", false},
		{"migrate", false},
		{"doctor --json --timeout 20s", true}, // a conversation is set aside, and Temporal is not where it looks
	} {
		command := exec.CommandContext(t.Context(), binary, strings.Fields(c.command)...)
		command.Env = append(
			os.Environ(),
			"ATENDER_DATABASE_URL="+s.DatabaseURL,
			"ATENDER_SECRET_KEYS="+s.SecretKeys,
			"TEMPORAL_ADDRESS=127.0.0.1:1",
		)
		var said bytes.Buffer
		command.Stderr = &said
		out, err := command.Output()
		require.Equal(t, c.fails, err != nil, "%s: %s", c.command, &said)
		if strings.HasPrefix(c.command, "doctor") {
			said.Write(out)
		}
		for line := range strings.Lines(said.String()) {
			slog.New(slog.NewJSONHandler(log, nil)).Info(line, "command", strings.Fields(c.command)[0])
		}
	}
}
