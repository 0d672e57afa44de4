package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const unitsDir = "../systemd"

// unit is a unit's settings: section, name, values in their order.
type unit map[string]map[string][]string

// parseUnit reads a unit as systemd does, as far as these are written: no continued lines.
func parseUnit(t *testing.T, into unit, path string) unit {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			if into[section] == nil {
				into[section] = map[string][]string{}
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok && section != "" && !strings.HasSuffix(value, `\`), "%s: %s", path, line)
		into[section][name] = append(into[section][name], value)
	}
	return into
}

// units are the services with what they have in common, by role.
func units(t *testing.T) map[string]unit {
	t.Helper()
	all := map[string]unit{}
	for _, role := range roles {
		u := parseUnit(t, unit{}, filepath.Join(unitsDir, "atender-"+role+".service"))
		all[role] = parseUnit(t, u, filepath.Join(unitsDir, "atender-.service.d", "10-common.conf"))
	}
	return all
}

// exampleOfEnv is the environment that systemd reads of the example of atender.env.
func exampleOfEnv(t *testing.T, withComments bool) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(unitsDir, "atender.env.example"))
	require.NoError(t, err)
	pattern := `(?m)^([A-Z_]+)=(.*)$`
	if withComments {
		pattern = `(?m)^#?([A-Z_]+)=(.*)$`
	}
	env := map[string]string{}
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		env[found[1]] = found[2]
	}
	return env
}

func TestTheUnitsRunTheRoles(t *testing.T) {
	t.Parallel()
	for role, u := range units(t) {
		service := u["Service"]
		require.Equal(t, []string{"/usr/local/bin/atender " + role}, service["ExecStart"])
		require.Equal(t, []string{"/etc/atender/atender.env"}, service["EnvironmentFile"])
		env := exampleOfEnv(t, false)
		credentials := map[string]bool{}
		for _, c := range service["LoadCredential"] {
			name, path, _ := strings.Cut(c, ":")
			require.Equal(t, "/etc/atender/secrets/"+name, path)
			credentials["%d/"+name] = true
		}
		for _, v := range service["Environment"] {
			name, value, _ := strings.Cut(v, "=")
			require.True(t, credentials[value], "%s: no credential is loaded for %s", role, v)
			env[name] = value
		}
		requireEnvironment(t, role, env)
		if role == "migrate" {
			require.Equal(t, []string{"oneshot"}, service["Type"])
			continue
		}
		require.Equal(t, []string{"always"}, service["Restart"])
		patience, err := time.ParseDuration(service["TimeoutStopSec"][0])
		require.NoError(t, err)
		require.GreaterOrEqual(t, patience, 25*time.Second)
		require.Contains(t, u["Unit"]["After"][0], "atender-migrate.service")
	}
	known, err := documented()
	require.NoError(t, err)
	for name := range exampleOfEnv(t, true) {
		require.Contains(t, known, name)
	}
}

// Directives that systemd does not know it leaves out, with a line in its log.
func TestSystemdKnowsEveryDirective(t *testing.T) {
	t.Parallel()
	program := ""
	for _, path := range []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		if _, err := os.Stat(path); err == nil {
			program = path
		}
	}
	if program == "" {
		t.Skip("systemd is not installed")
	}
	items, err := exec.CommandContext(t.Context(), program, "--dump-configuration-items").Output()
	require.NoError(t, err)
	known := map[string]bool{}
	section := ""
	for line := range bytes.Lines(items) {
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "[") {
			section = strings.Trim(text, "[]")
		} else if name, _, ok := strings.Cut(text, "="); ok {
			known[section+" "+name] = true
		}
	}
	require.True(t, known["Service ExecStart"])
	for role, u := range units(t) {
		for section, settings := range u {
			if section == "Install" { // systemctl reads it
				continue
			}
			for name := range settings {
				require.True(t, known[section+" "+name], "%s: %s has no %s", role, section, name)
			}
		}
	}
}

// The services may do little more than talk over the network: systemd's own measure, of 0 to 10, is at most 1.5.
func TestTheUnitsAreHardened(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not installed")
	}
	root := t.TempDir()
	installed := filepath.Join(root, "etc", "systemd", "system")
	require.NoError(t, os.MkdirAll(installed, 0o750))
	require.NoError(t, os.CopyFS(installed, os.DirFS(unitsDir)))
	for _, role := range roles {
		said, err := exec.CommandContext(t.Context(), "systemd-analyze", "--root="+root, "security", "--offline=true",
			"--threshold=15", "--no-pager", "atender-"+role+".service").CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
}
