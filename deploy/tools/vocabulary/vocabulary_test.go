package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is generated is what the contract says now.
func TestWhatIsGeneratedIsNotStale(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	files, err := generate(root)
	require.NoError(t, err)
	for name, want := range files {
		is, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(is), "%s is stale: run make generate", name)
	}
}

// read is a file of the module, and the vocabularies that it is held against.
func read(t *testing.T, name string) (body string, c *contract) {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(root, contractFile))
	require.NoError(t, err)
	c, err = readContract(source)
	require.NoError(t, err)
	return string(text), c
}

// What the console shows for each value of a vocabulary, and what is no name, stands in one table.
func TestTheConsolesTablesHaveAllValues(t *testing.T) {
	for _, table := range []struct {
		vocabulary, file, begins string
		but                      []string // values that it need not have
	}{
		{"TimelineKind", "views/conversation/entry.js", "const ICONS = {",
			[]string{"message_received", "message_sent", "note_added"}}, // shown as messages
		{"SLAMetricName", "views/inbox/badges.js", "METRICS = {", nil},
		{"ConversationStatus", "views/inbox/badges.js", "STATUS = {", nil},
		{"SLAState", "views/inbox/badges.js", "STATES = {\n", nil},
		{"DeliveryStatus", "views/settings/deliveries.js", "TONES = {", nil},
	} {
		body, c := read(t, "api/console/static/"+table.file)
		v, err := c.vocabulary(table.vocabulary)
		require.NoError(t, err)
		_, rest, found := strings.Cut(body, table.begins)
		require.True(t, found, "%s has no %s", table.file, table.begins)
		rest, _, _ = strings.Cut(rest, "};")
		rest = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(rest, "") // what is within the values
		var keys []string
		for _, m := range regexp.MustCompile(`(?:^|[,{\s])(\w+):`).FindAllStringSubmatch(rest, -1) {
			keys = append(keys, m[1])
		}
		slices.Sort(keys)
		want := slices.Sorted(slices.Values(valueTexts(v)))
		want = slices.DeleteFunc(want, func(s string) bool { return slices.Contains(table.but, s) })
		require.Equal(t, want, keys, "%s in %s", table.begins, table.file)
	}
}

// The enum of SubscribedEvents is that of EventType and the asterisk, which OpenAPI cannot say otherwise.
func TestEnumsThatRepeatAVocabularyAreTheSame(t *testing.T) {
	_, c := read(t, contractFile)
	events, err := c.vocabulary("EventType")
	require.NoError(t, err)
	require.Equal(t, append([]string{"*"}, valueTexts(events)...), list(c.schemas, "SubscribedEvents", "items", "enum"))
	channels, err := c.vocabulary("Channel")
	require.NoError(t, err)
	assigned := at(c.schemas, "NewSLAAssignment", "properties", "channel")
	require.Equal(t, append(valueTexts(channels), "null"), list(assigned, "enum"))
}

func TestMistakesInTheContractAreNamed(t *testing.T) {
	const head = "components:\n  schemas:\n"
	for contract, says := range map[string]string{
		"openapi: 3.1.0\n": "no components.schemas",
		head + "    A: {enum: [a], x-values: {b: {name: B}}}\n":             `"b", which is not in the enum`,
		head + "    A: {enum: [a], x-go: {package: x}}\n":                   "x-go",
		head + "    A: {enum: [a], x-go: [{package: x, unknown: true}]}\n":  "unknown",
		head + "    A: {enum: [a], x-go: [{package: x, params: p}]}\n":      "a has no params",
		head + "    A: {enum: [a], x-go: [{package: x, map: m, of: name}]}": "no value has name",
	} {
		c, err := readContract([]byte(contract))
		if err == nil {
			_, err = c.goFiles()
		}
		require.ErrorContains(t, err, says)
	}
}

func TestParametersThatTheRulesDoNotKnowAreRefused(t *testing.T) {
	for schema, says := range map[string]string{
		"{properties: {a: {type: string, description: b}}}":                                "additionalProperties: false",
		"{additionalProperties: false, properties: {a: {type: string}}}":                   "a has no description",
		"{additionalProperties: false, properties: {a: {type: integer, description: b}}}":  "a is not a string",
		"{additionalProperties: false, properties: {a: {type: string, pattern: b}}}":       "pattern, which is not known",
		"{additionalProperties: false, properties: {a: {type: string, format: ipv4}}}":     "unknown format ipv4",
		"{additionalProperties: false, maxProperties: 1}":                                  "maxProperties is not known",
		"{additionalProperties: false, allOf: [{not: {required: [a]}}]}":                   "{not: {required: [a, b]}} only",
		"{additionalProperties: false, properties: {a: {type: string, maxLength: a lot}}}": "invalid syntax",
	} {
		c, err := readContract([]byte("components:\n  schemas:\n    A: {enum: [a], x-values: {a: {params: " + schema + "}}}\n"))
		require.NoError(t, err)
		_, err = c.paramsOf(c.vocabularies[0].values[0])
		require.ErrorContains(t, err, says, schema)
	}
}

func TestNamesFollowFromValues(t *testing.T) {
	for value_, want := range map[string]string{ //nolint:revive // value is a type
		"addTag": "AddTag", "sla.warning": "SLAWarning", "TAG_BUSY": "TagBusy", "opening-hours:read": "OpeningHoursRead",
		"api_key": "APIKey",
	} {
		require.Equal(t, want, identifier("", value{text: value_}))
	}
	for schema, want := range map[string]string{
		"EventType": "EVENT_TYPES", "SLAState": "SLA_STATES", "ConversationStatus": "CONVERSATION_STATUSES",
		"UnknownTags": "UNKNOWN_TAGS", "DockActionKind": "DOCK_ACTION_KINDS", "Ordering": "ORDERINGS",
	} {
		require.Equal(t, want, plural(constant(schema)))
	}
}
