package config_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models/seal"
)

// vars is the least that a process needs, changed as told; an empty value removes a variable.
func vars(changes ...string) map[string]string {
	m := map[string]string{
		"ATENDER_DATABASE_URL": "postgres://u:hunter2@db/atender",
		"ATENDER_SECRET_KEYS":  seal.GenerateKeyring(),
	}
	for i := 0; i < len(changes); i += 2 {
		m["ATENDER_"+changes[i]] = changes[i+1]
	}
	return m
}

func TestDefaultsNeedOnlyTheTwoRequiredVariables(t *testing.T) {
	cfg, err := config.Parse[config.Config](vars())
	require.NoError(t, err)
	require.Equal(t, "postgres://u:hunter2@db/atender", cfg.DatabaseURL)
	require.Equal(t, 20, cfg.DatabaseMaxConns)
	require.Equal(t, ":8080", cfg.HTTPAddr)
	require.Equal(t, "127.0.0.1:9090", cfg.MetricsAddr)
	require.Equal(t, "127.0.0.1:9091", cfg.WorkerMetricsAddr)
	require.Equal(t, "http://localhost:8080", cfg.PublicURL)
	require.Equal(t, "json", cfg.LogFormat)
	require.Equal(t, "info", cfg.LogLevel)
	require.False(t, cfg.WebhookAllowHTTP)
	require.Empty(t, cfg.WebhookAllowCIDRs)
	require.Equal(t, 8, cfg.DispatchShards)
	require.Equal(t, 30, cfg.RetentionDays)
	require.Equal(t, "atender", cfg.TemporalTaskQueue)
}

func TestValuesAreRead(t *testing.T) {
	cfg, err := config.Parse[config.Config](vars(
		"WEBHOOK_ALLOW_CIDRS", "10.0.0.0/8,::1/128", "WEBHOOK_ALLOW_HTTP", "true",
		"DISPATCH_SHARDS", "64", "HTTP_ADDR", "[::1]:80", "PUBLIC_URL", "https://a.example", "LOG_LEVEL", "debug",
		"DATABASE_MAX_CONNS", "", // empty counts as unset
	))
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		cfg.WebhookAllowCIDRs)
	require.True(t, cfg.WebhookAllowHTTP)
	require.Equal(t, 64, cfg.DispatchShards)
	require.Equal(t, 20, cfg.DatabaseMaxConns)
}

func TestEveryWrongValueGetsOneLine(t *testing.T) {
	for name, test := range map[string]struct{ variable, value, says string }{
		"required":         {"DATABASE_URL", "", "is not set, and has to be"},
		"blank":            {"DATABASE_URL", "  ", "is not set, and has to be"},
		"not a number":     {"DATABASE_MAX_CONNS", "many", "has to be whole number from 1 to 1000"},
		"too small":        {"DATABASE_MAX_CONNS", "0", "has to be from 1 to 1000, not 0"},
		"too large":        {"DISPATCH_SHARDS", "65", "has to be from 1 to 64, not 65"},
		"no retention":     {"RETENTION_DAYS", "0", "has to be from 1 to 3650, not 0"},
		"not in the list":  {"LOG_FORMAT", "xml", `has to be one of text, json, not "xml"`},
		"no bool":          {"WEBHOOK_ALLOW_HTTP", "perhaps", "has to be true or false"},
		"no range":         {"WEBHOOK_ALLOW_CIDRS", "10.0.0.0/8,10.0.0.1", "has to be comma separated address ranges"},
		"no address":       {"HTTP_ADDR", "8080", "has to be host:port"},
		"no port":          {"METRICS_ADDR", "localhost:http:", "has to be host:port"},
		"port too large":   {"WORKER_METRICS_ADDR", ":65536", "has to be host:port"},
		"no scheme":        {"TEMPORAL_UI_URL", "localhost:8233", "has to be an http:// or https:// URL"},
		"a path":           {"PUBLIC_URL", "https://a.example/", "has to be only scheme and host"},
		"key of few bytes": {"SECRET_KEYS", "k1:c2hvcnQ=", "is no list of keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse[config.Config](vars(test.variable, test.value))
			failed, ok := errors.AsType[*config.Error](err)
			require.True(t, ok, "got %v", err)
			require.Len(t, failed.Lines, 1)
			require.True(t, strings.HasPrefix(failed.Lines[0], "ATENDER_"+test.variable+" "+test.says), failed.Lines[0])
		})
	}
}

func TestAllProblemsAreReportedAtOnceInOrder(t *testing.T) {
	_, err := config.Parse[config.Config](map[string]string{"ATENDER_LOG_LEVEL": "loud", "ATENDER_HTTP_ADDR": "x"})
	failed, ok := errors.AsType[*config.Error](err)
	require.True(t, ok)
	require.Len(t, failed.Lines, 4)
	for i, name := range []string{"DATABASE_URL", "SECRET_KEYS", "HTTP_ADDR", "LOG_LEVEL"} {
		require.True(t, strings.HasPrefix(failed.Lines[i], "ATENDER_"+name+" "), failed.Lines[i])
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 4)
}

func TestSecretsAreNotShownInErrors(t *testing.T) {
	for variable, value := range map[string]string{
		"SECRET_KEYS": "k1:aHVudGVyMg==", "WEBHOOK_PROXY_URL": "user:hunter2@proxy",
	} {
		_, err := config.Parse[config.Config](vars(variable, value))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "aHVudGVyMg")
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	file := write("url", "postgres://from-file/x\n")

	cfg, err := config.Parse[config.Config](vars("DATABASE_URL", "", "DATABASE_URL_FILE", file))
	require.NoError(t, err)
	require.Equal(t, "postgres://from-file/x", cfg.DatabaseURL)

	_, err = config.Parse[config.Config](vars("DATABASE_URL_FILE", file))
	require.ErrorContains(t, err, "only one of them")
	_, err = config.Parse[config.Config](vars("DATABASE_URL", "", "DATABASE_URL_FILE", filepath.Join(dir, "none")))
	require.ErrorContains(t, err, "ATENDER_DATABASE_URL cannot be read from its file")
	_, err = config.Parse[config.Config](vars("DATABASE_URL", "", "DATABASE_URL_FILE", write("empty", "\n")))
	require.ErrorContains(t, err, "is empty in its file")

	cfg, err = config.Parse[config.Config](vars("LOG_LEVEL_FILE", file))
	require.NoError(t, err, "only secrets have files")
	require.Equal(t, "info", cfg.LogLevel)
}

func TestTheDatabaseAloneNeedsNoKeys(t *testing.T) {
	cfg, err := config.Parse[config.Database](map[string]string{"ATENDER_DATABASE_URL": "postgres://x"})
	require.NoError(t, err)
	require.Equal(t, "postgres://x", cfg.DatabaseURL)
	require.Equal(t, 20, cfg.DatabaseMaxConns)
}

func TestADatabaseOfOnesOwnNeedNotBeGiven(t *testing.T) {
	cfg, err := config.Parse[config.OwnDatabase](nil)
	require.NoError(t, err)
	require.Empty(t, cfg.DatabaseURL)

	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte("postgres://from-file/x\n"), 0o600))
	cfg, err = config.Parse[config.OwnDatabase](map[string]string{"ATENDER_DATABASE_URL_FILE": file})
	require.NoError(t, err)
	require.Equal(t, "postgres://from-file/x", cfg.DatabaseURL)
}

func TestLoadReadsTheProcessEnvironment(t *testing.T) {
	for name, value := range vars("HTTP_ADDR", ":1234") {
		t.Setenv(name, value)
	}
	cfg, err := config.Load()
	require.NoError(t, err)
	require.Equal(t, ":1234", cfg.HTTPAddr)
}

func TestDescribeNamesEveryVariableWithWhatMatters(t *testing.T) {
	var b strings.Builder
	require.NoError(t, config.Describe(&b))
	text := b.String()
	for _, want := range []string{
		"ATENDER_DATABASE_URL\n", "required; or ATENDER_DATABASE_URL_FILE", "whole number from 1 to 1000; default 20",
		"one of debug, info, warn, error; default info", "ATENDER_WEBHOOK_ALLOW_CIDRS", "TEMPORAL_ADDRESS",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "\n      \n", "a variable without a description")
}
