package dockaction_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/dockaction"
)

type params = map[string]any

func TestWhatDocksAskFor(t *testing.T) {
	tag, err := dockaction.Parse(dockaction.AddTag, params{"tag": "refunded"})
	require.NoError(t, err)
	require.Equal(t, "refunded", tag.Text("tag"))

	_, err = dockaction.Parse(dockaction.Resolve, nil)
	require.NoError(t, err)

	snooze, err := dockaction.Parse(dockaction.Snooze, params{"until": "2026-11-21T09:30:00+01:00"})
	require.NoError(t, err)
	require.Equal(t, "2026-11-21T08:30:00Z", snooze.Time("until").UTC().Format("2006-01-02T15:04:05Z"))

	send, err := dockaction.Parse(dockaction.SendMessage, params{"text": "Done.", "html": "<p>Done.</p>"})
	require.NoError(t, err)
	require.Equal(t, "<p>Done.</p>", send.Text("html"))

	id := uuid.New()
	assign, err := dockaction.Parse(dockaction.Assign, params{"agentEmail": "ada@example.com", "teamId": id.String()})
	require.NoError(t, err)
	require.Equal(t, id, *assign.ID("teamId"))
	require.Equal(t, "ada@example.com", assign.Text("agentEmail"))
}

// Lengths are counted in code points, as maxLength of the contract is, and sizes in bytes of UTF-8.
func TestLengthsAreCountedInCharacters(t *testing.T) {
	for _, c := range []struct {
		kind, name, unit string
		most             int
		besides          params
	}{
		{dockaction.AddTag, "tag", "a", 100, nil},
		{dockaction.AddTag, "tag", "😀", 100, nil}, // two units of UTF-16, four bytes
		{dockaction.Assign, "teamName", "é", 200, nil},
		{dockaction.Assign, "agentEmail", "é", 254, nil},
		{dockaction.SendMessage, "text", "a", 256 << 10, nil},
		{dockaction.SendMessage, "text", "é", 128 << 10, nil},
		{dockaction.SendMessage, "html", "😀", 64 << 10, params{"text": "Hi"}},
	} {
		for extra, code := range []string{"", dockaction.InvalidParams} {
			given := params{c.name: strings.Repeat(c.unit, c.most+extra)}
			for name, v := range c.besides {
				given[name] = v
			}
			_, err := dockaction.Parse(c.kind, given)
			refused, _ := errors.AsType[*dockaction.Error](err)
			if code == "" {
				require.Nil(t, refused, "%s of %d %s", c.name, c.most, c.unit)
			} else {
				require.Equal(t, code, refused.Code, "%s of %d %s", c.name, c.most+extra, c.unit)
			}
		}
	}
	_, err := dockaction.Parse(dockaction.SendMessage, params{"text": "Hi", "html": nil})
	require.NoError(t, err, "no HTML")
}

func TestRefusalsSayWhatWouldBeRight(t *testing.T) {
	id := uuid.NewString()
	for _, c := range []struct {
		kind   string
		params params
		code   string
		says   string
	}{
		{"reopen", nil, dockaction.UnknownAction, strings.Join(dockaction.Kinds, ", ")},
		{"", nil, dockaction.UnknownAction, "addTag"},
		{dockaction.AddTag, nil, dockaction.InvalidParams, "1 to 100"},
		{dockaction.AddTag, params{"tag": ""}, dockaction.InvalidParams, "1 to 100"},
		{dockaction.AddTag, params{"tag": 7}, dockaction.InvalidParams, "1 to 100"},
		{dockaction.AddTag, params{"tag": strings.Repeat("ø", 101)}, dockaction.InvalidParams, "1 to 100"},
		{dockaction.AddTag, params{"tag": "a", "color": "red"}, dockaction.InvalidParams, "it takes tag"},
		{dockaction.Resolve, params{"force": true}, dockaction.InvalidParams, "takes no params"},
		{dockaction.Snooze, params{"until": "tomorrow"}, dockaction.InvalidParams, "RFC 3339"},
		{dockaction.Snooze, nil, dockaction.InvalidParams, "RFC 3339"},
		{dockaction.SendMessage, params{"html": "<p>"}, dockaction.InvalidParams, "needs text"},
		{dockaction.SendMessage, params{"text": "a", "html": 7}, dockaction.InvalidParams, "html as a string"},
		{dockaction.SendMessage, params{"text": strings.Repeat("a", 256<<10+1)}, dockaction.InvalidParams, "256 KiB"},
		{dockaction.Assign, nil, dockaction.InvalidParams, "agentId or agentEmail, teamId or teamName"},
		{dockaction.Assign, params{"agentId": id, "agentEmail": "a@b.example"}, dockaction.InvalidParams, "not both"},
		{dockaction.Assign, params{"teamId": id, "teamName": "A"}, dockaction.InvalidParams, "not both"},
		{dockaction.Assign, params{"agentId": "ada"}, dockaction.InvalidParams, "agentId as an id"},
		{dockaction.Assign, params{"teamName": nil}, dockaction.InvalidParams, "teamName as a string"},
	} {
		_, err := dockaction.Parse(c.kind, c.params)
		refused, ok := errors.AsType[*dockaction.Error](err)
		require.True(t, ok, "%s %v", c.kind, c.params)
		require.Equal(t, c.code, refused.Code)
		require.Contains(t, refused.Message, c.says)
	}
}

// Whatever a page sends: it is understood or refused, and a refusal does not repeat it.
func TestAnyJSONIsUnderstoodOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([]string{"tag", "until", "text", "html", "agentId", "teamName", "secret-word"})
		values := rapid.SampledFrom([]string{`"secret-word"`, `7`, `null`, `{}`, `["a"]`, `"2026-11-21T09:30:00Z"`, `true`})
		raw := map[string]json.RawMessage{}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			raw[names.Draw(t, "name")] = json.RawMessage(values.Draw(t, "value"))
		}
		text, _ := json.Marshal(raw)
		var p params
		_ = json.Unmarshal(text, &p)
		_, err := dockaction.Parse(rapid.SampledFrom(dockaction.Kinds).Draw(t, "kind"), p)
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*dockaction.Error](err); !ok || strings.Contains(err.Error(), "secret-word") {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
