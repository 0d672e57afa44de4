package models_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// checked are the columns whose values the database lists, with the vocabulary of the contract that they have.
var checked = map[string]string{
	"agents.role":              "Role",
	"conversations.engagement": "Engagement",
	"conversations.sla_state":  "SLAState",
	"conversations.status":     "ConversationStatus",
	"dock_actions.state":       "DockActionStatus",
	"messages.direction":       "Direction",
	"sla_clocks.metric":        "SLAMetricName",
	"sla_clocks.state":         "SLAState",
	"subscriptions.ordering":   "Ordering",
	"subscriptions.signing":    "Signing",
	"tenants.unknown_tags":     "UnknownTags",
}

// own are the columns whose values are the database's own, or are in the contract within other schemas.
var own = []string{
	"api_keys.tier", "deliveries.state", "outbox.kind", "rate_windows.kind", "replays.state", "sla_clocks.outcome",
	"sla_crossings.tripwire", "tenants.environment",
}

// What the database lets in is what the contract lists, in each column that it checks.
func TestTheDatabaseChecksTheContractsVocabularies(t *testing.T) {
	b := setup(t)
	source, err := os.ReadFile("../api/openapi.yaml")
	require.NoError(t, err)
	var contract struct {
		Components struct {
			Schemas map[string]struct{ Enum []string }
		}
	}
	require.NoError(t, yaml.Unmarshal(source, &contract))
	rows, err := b.db.QueryContext(t.Context(), `SELECT c.conrelid::regclass || '.' || a.attname, pg_get_constraintdef(c.oid)
		FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'c' AND c.coninhcount = 0 AND cardinality(c.conkey) = 1
			AND pg_get_constraintdef(c.oid) LIKE '%= ANY (ARRAY[%'`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var columns []string
	for rows.Next() {
		var column, check string
		require.NoError(t, rows.Scan(&column, &check))
		columns = append(columns, column)
		if slices.Contains(own, column) {
			continue
		}
		schema, ok := checked[column]
		require.True(t, ok, "%s is checked: name its vocabulary, or that it is the database's own", column)
		var values []string
		for _, m := range regexp.MustCompile(`'([^']*)'::text`).FindAllStringSubmatch(check, -1) {
			values = append(values, m[1])
		}
		require.ElementsMatch(t, contract.Components.Schemas[schema].Enum, values, "%s and %s", column, schema)
	}
	require.NoError(t, rows.Err())
	for column := range checked {
		require.Contains(t, columns, column)
	}
}
