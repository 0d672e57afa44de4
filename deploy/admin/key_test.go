package admin_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/admin"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/ratelimit"
	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

// run carries out a command as an operator types it, and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var commands admin.Commands
	parser, err := kong.New(&commands, kong.BindTo(t.Context(), (*context.Context)(nil)))
	require.NoError(t, err)
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	read, write, err := os.Pipe()
	require.NoError(t, err)
	before := os.Stdout
	os.Stdout = write
	err = parsed.Run()
	os.Stdout = before
	require.NoError(t, write.Close())
	text, readErr := io.ReadAll(read)
	require.NoError(t, readErr)
	return string(text), err
}

// shop is a tenant in a database that the commands find.
func shop(t *testing.T) (*models.Store, account.Tenant) {
	t.Helper()
	url := deps.Database(t)
	t.Setenv("ATENDER_DATABASE_URL", url)
	store, err := models.Open(t.Context(), models.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	tenant, _, err := store.Accounts.CreateTenant(t.Context(), account.NewTenant{Name: "Shop"})
	require.NoError(t, err)
	return store, tenant
}

func TestAnOperatorSetsTheLimitsOfKeys(t *testing.T) {
	store, tenant := shop(t)
	id := tenant.ID.String()
	create := []string{"key", "create", "--tenant", id, "--name", "k", "--scope", "basic"}
	for _, flags := range [][]string{
		nil, {"--tier", "professional"}, {"--tier", "custom"},
		{"--tier", "custom", "--per-minute", "100", "--burst", "5", "--per-day", "unlimited"},
	} {
		_, err := run(t, append(create, flags...)...)
		require.NoError(t, err)
	}
	listed, err := run(t, "key", "list", "--tenant", id)
	require.NoError(t, err)
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(listed), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	require.Contains(t, lines[0], "TIER PER MINUTE BURST PER DAY")
	require.Contains(t, lines[1], " starter 60 10 10000 ")
	require.Contains(t, lines[2], " professional 300 50 100000 ")
	require.Contains(t, lines[3], " custom unlimited - unlimited ")
	require.Contains(t, lines[4], " custom 100 5 unlimited ")

	keys, err := store.Keys.List(t.Context(), tenant.ID)
	require.NoError(t, err)
	set := func(flags ...string) (ratelimit.Limits, error) {
		_, err := run(t, append([]string{"key", "set", keys[0].ID.String(), "--tenant", id}, flags...)...)
		key, keyErr := store.Keys.Get(t.Context(), tenant.ID, keys[0].ID)
		require.NoError(t, keyErr)
		return key.Limits(), err
	}
	limits, err := set("--tier", "enterprise")
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerMinute: 1_000, Burst: 200, PerDay: 1_000_000}, limits)
	limits, err = set("--tier", "custom", "--per-minute", "7")
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerMinute: 7}, limits)
	limits, err = set("--per-day", "9")
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limits{PerMinute: 7, PerDay: 9}, limits)
	limits, err = set("--per-minute", "unlimited", "--per-day", "0")
	require.NoError(t, err)
	require.True(t, limits.Unlimited())
	for wrong, flags := range map[string][]string{
		"nothing to change":           nil,
		"neither a whole number":      {"--per-day", "many"},
		"1000000":                     {"--per-minute", "1000001"},
		"are for the tier custom":     {"--tier", "starter", "--per-minute", "7"},
		"calls per minute, which are": {"--burst", "7"},
		"must be one of":              {"--tier", "gold"},
	} {
		_, err = set(flags...)
		require.ErrorContains(t, err, wrong)
	}
}

// Names that are typed are trimmed as those that come by the API are, and blank ones are refused.
func TestNamesThatAreTypedAreTrimmed(t *testing.T) {
	store, tenant := shop(t)
	key := func(name string) []string {
		return []string{"key", "create", "--tenant", tenant.ID.String(), "--scope", "basic", "--name", name}
	}
	agent := func(name string) []string {
		return []string{
			"agent", "create", "--tenant", tenant.ID.String(), "--email", "ada@example.com", "--role", "agent", "--name", name,
		}
	}
	organisation := func(name string) []string { return []string{"tenant", "create", name} }
	for _, command := range []func(name string) []string{key, agent, organisation} {
		for _, blank := range []string{"  ", "\u200b "} {
			_, err := run(t, command(blank)...)
			require.ErrorContains(t, err, "needs a name")
		}
		_, err := run(t, command(" \tAda  Ltd ")...)
		require.NoError(t, err)
	}
	keys, err := store.Keys.List(t.Context(), tenant.ID)
	require.NoError(t, err)
	require.Equal(t, "Ada  Ltd", keys[0].Name)
	tenants, err := run(t, "tenant", "list")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^\d+ +Ada  Ltd +production`, tenants)
}
