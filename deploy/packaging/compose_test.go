package packaging

import (
	"encoding/base64"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const composeDir = "../compose"

// project is the Compose file as Docker Compose reads it, with the variables of an .env.
func project(t *testing.T, env map[string]string) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(composeDir)
	require.NoError(t, err)
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
	}, func(o *loader.Options) { o.SetProjectName("atender", false) })
	require.NoError(t, err)
	return p
}

// jobs run to their end; the other services stay.
var jobs = map[string]bool{"migrate": true, "temporal-schema": true, "temporal-namespace": true}

// roles are the services of Atender, with what each runs.
var roles = []string{"api", "worker", "migrate"}

func TestEveryContainerOfComposeIsBoundedAndHardened(t *testing.T) {
	t.Parallel()
	p := project(t, nil)
	require.Empty(t, p.DisabledServices)
	for name, s := range p.Services {
		require.Regexp(t, `^[a-z./-]+:[a-z0-9.-]*\d[a-z0-9.-]*$|^atender:local$`, s.Image, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.False(t, s.Privileged, name)
		require.NotEmpty(t, s.Logging.Options["max-size"], name)
		limits := s.Deploy.Resources.Limits
		require.NotNil(t, limits, name)
		require.Positive(t, limits.NanoCPUs, name)
		require.Positive(t, limits.MemoryBytes, name)
		require.Positive(t, limits.Pids, name)
		if jobs[name] {
			require.Regexp(t, `^on-failure:\d+$`, s.Restart, name)
		} else {
			require.Equal(t, "unless-stopped", s.Restart, name)
			require.NotNil(t, s.HealthCheck, name)
		}
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s is reached from other machines", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				require.True(t, v.ReadOnly, "%s may write %s", name, v.Source)
				_, err := os.Stat(v.Source)
				require.NoError(t, err, name)
			}
		}
	}
	require.True(t, p.Networks["data"].Internal, "what only containers need is on a network with a way out")
	for name, s := range p.Services {
		_, out := s.Networks["outside"]
		require.Equal(t, name == "api" || name == "worker", out, "%s, and the way out", name)
		_, inside := s.Networks["data"]
		require.Equal(t, name != "grafana", inside, "%s, and the data", name)
	}
}

func TestComposeRunsEachRoleOfTheOneImage(t *testing.T) {
	t.Parallel()
	p := project(t, map[string]string{"ATENDER_PUBLIC_URL": "https://support.example.com"})
	for _, role := range roles {
		s := p.Services[role]
		require.Equal(t, types.ShellCommand{role}, s.Command)
		require.Empty(t, s.Entrypoint, "the image's is atender")
		require.True(t, s.ReadOnly, role)
		require.Equal(t, "65532:65532", s.User)
		require.GreaterOrEqual(t, time.Duration(*s.StopGracePeriod), 25*time.Second, "%s is killed before it is done", role)
		require.Equal(t, p.Services["api"].Build, s.Build)
		require.FileExists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		requireEnvironment(t, role, environmentOf(s))
		for _, secret := range s.Secrets {
			require.Contains(t, p.Secrets, secret.Source)
		}
	}
	require.Equal(t, "https://support.example.com", environmentOf(p.Services["api"])["ATENDER_PUBLIC_URL"])
	for _, role := range []string{"api", "worker"} {
		s := p.Services[role]
		require.Equal(t, types.HealthCheckTest{"CMD", "/usr/bin/atender", "probe", role}, s.HealthCheck.Test)
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, s.DependsOn["migrate"].Condition)
		require.Contains(t, s.Networks, "outside", "webhooks and their tests go out")
	}
	env := environmentOf(p.Services["worker"])
	require.Equal(t, environmentOf(p.Services["temporal-namespace"])["TEMPORAL_NAMESPACE"], env["TEMPORAL_NAMESPACE"])
	require.Equal(t, "temporal:7233", env["TEMPORAL_ADDRESS"])
}

func environmentOf(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

// .env.example names what the Compose file reads, with what holds without it.
func TestTheExampleOfEnvSaysWhatComposeReads(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(filepath.Join(composeDir, "compose.yaml"))
	require.NoError(t, err)
	read := map[string]string{}
	for _, found := range regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*))?\}`).FindAllStringSubmatch(string(file), -1) {
		read[found[1]] = found[2]
	}
	example, err := os.ReadFile(filepath.Join(composeDir, ".env.example"))
	require.NoError(t, err)
	said := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=(.*)$`).FindAllStringSubmatch(string(example), -1) {
		said[found[1]] = found[2]
	}
	require.Equal(t, read, said)
}

// secrets.sh makes each secret that the Compose file mounts, once, so that containers of any user can read it and no other
// user of the machine can.
func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join(composeDir, "secrets.sh"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.sh"), script, 0o600))
	content := map[string]string{}
	for range 2 {
		out, err := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "secrets.sh")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		for name, secret := range project(t, nil).Secrets {
			path := filepath.Join(dir, "secrets", filepath.Base(secret.File))
			text, err := os.ReadFile(path)
			require.NoError(t, err, name)
			require.NotEmpty(t, text, name)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o444), info.Mode().Perm(), name)
			if before, ok := content[name]; ok {
				require.Equal(t, before, string(text), "%s was made anew", name)
			}
			content[name] = string(text)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	database, err := url.Parse(content["atender_database_url"])
	require.NoError(t, err)
	password, _ := database.User.Password()
	require.Equal(t, content["atender_password"], password)
	require.Contains(t, project(t, nil).Services, database.Hostname())
	id, key, ok := strings.Cut(content["atender_secret_keys"], ":")
	require.True(t, ok && id != "", "keys are id:base64")
	bytes, err := base64.StdEncoding.DecodeString(key)
	require.NoError(t, err)
	require.Len(t, bytes, 32)
}
