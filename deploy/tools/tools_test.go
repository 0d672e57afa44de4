package tools_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/tools"
)

// program writes a shell script that others find as a program.
func program(t *testing.T, path, body string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
}

// install runs install.sh in an environment of nothing but the system's programs and what is given.
func install(t *testing.T, env []string, args ...string) (out, said string, err error) {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"install.sh"}, args...)...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return strings.TrimSpace(stdout.String()), stderr.String(), err
}

// fakeGo is a go command that notes how it was called and "builds" a program.
const fakeGo = `echo "$* GOFLAGS=$GOFLAGS GOWORK=$GOWORK GOOS=${GOOS-unset}" >>"$NOTES"
printf '#!/bin/sh\n' >"$GOBIN/gotestsum"; chmod +x "$GOBIN/gotestsum"`

func TestAMissingToolIsBuiltOnceAtItsPinnedVersionWhateverTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	program(t, filepath.Join(dir, "bin", "go"), fakeGo)
	env := []string{
		"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
		"NOTES=" + notes, "GOFLAGS=-mod=vendor", "GOOS=plan9", "GOWORK=/nowhere",
	}
	_, said, err := install(t, env, "--find", "gotestsum")
	require.Error(t, err)
	require.Contains(t, said, "is not installed")
	require.NoFileExists(t, notes)

	// Two at once, and once more: one build.
	first := make(chan string)
	for range 2 {
		go func() {
			out, _, _ := install(t, env, "gotestsum")
			first <- out
		}()
	}
	path := <-first
	require.Equal(t, path, <-first)
	again, said, err := install(t, env, "gotestsum")
	require.NoError(t, err)
	require.Equal(t, path, again)
	require.Empty(t, said, "nothing to say when nothing is done")
	require.True(t, strings.HasPrefix(path, filepath.Join(dir, "cache", "atender", "tools", "gotestsum-v")), path)

	content, err := os.ReadFile(notes)
	require.NoError(t, err)
	require.Regexp(t, `^install gotest\.tools/gotestsum@v\d+\.\d+\.\d+ GOFLAGS=-trimpath GOWORK=off GOOS=unset\n$`,
		string(content))
	left, err := filepath.Glob(filepath.Join(dir, "cache", "atender", "tools", "*.*"))
	require.NoError(t, err)
	require.Len(t, left, 1, "no lock and nothing half built is left: %v", left)
}

func TestALockWhoseOwnerIsGoneIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	program(t, filepath.Join(dir, "bin", "go"), fakeGo)
	env := []string{
		"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + dir,
		"NOTES=" + filepath.Join(dir, "notes"),
	}
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	versions, err := os.ReadFile("versions.mk")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(versions), "GOTESTSUM_VERSION=")
	version, _, _ := strings.Cut(rest, "\n")
	lock := filepath.Join(dir, "gotestsum-"+version+".lock")
	require.NoError(t, os.Mkdir(lock, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(lock, "pid"), []byte(strconv.Itoa(gone.ProcessState.Pid())), 0o600))
	_, said, err := install(t, env, "gotestsum")
	require.NoError(t, err, said)
	require.NoDirExists(t, lock)
}

func TestPostgresOnPathIsTakenOnlyWhenItIsAServerAndNewEnough(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "pg", "bin")
	for name, version := range map[string]string{"initdb": "99.1", "pg_ctl": "99.1", "postgres": "99.1"} {
		program(t, filepath.Join(bin, name), "echo '"+name+" (PostgreSQL) "+version+"'")
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + dir}
	out, said, err := install(t, env, "--find", "postgres")
	require.NoError(t, err, said)
	resolved, err := filepath.EvalSymlinks(bin)
	require.NoError(t, err)
	require.Equal(t, resolved, out)

	program(t, filepath.Join(bin, "postgres"), "echo 'postgres (PostgreSQL) 9.6'")
	out, _, _ = install(t, env, "--find", "postgres")
	require.NotEqual(t, resolved, out, "too old")
}

func TestTemporalOnPathIsTakenOnlyAtThePinnedVersion(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + filepath.Join(dir, "tools")}
	program(t, filepath.Join(bin, "temporal"), "echo 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'")
	out, said, err := install(t, env, "--find", "temporal")
	require.NoError(t, err, said)
	require.Equal(t, filepath.Join(bin, "temporal"), out)
	program(t, filepath.Join(bin, "temporal"), "echo 'temporal version 1.6.0 (Server 1.30.0, UI 2.43.0)'")
	_, said, err = install(t, env, "--find", "temporal")
	require.Error(t, err)
	require.Contains(t, said, "temporal v1.5.1 is not installed")
}

func TestAChromiumThatDoesNotStartIsPassedOver(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bin")
	for _, broken := range []string{"chrome-headless-shell", "chromium"} {
		program(t, filepath.Join(bin, broken), "exit 1")
	}
	program(t, filepath.Join(bin, "google-chrome"), "echo 'Google Chrome 99'")
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + t.TempDir()}
	out, said, err := install(t, env, "--find", "chromium")
	require.NoError(t, err, said)
	require.NotContains(t, []string{filepath.Join(bin, "chrome-headless-shell"), filepath.Join(bin, "chromium")}, out)
	// What this machine has itself may come first.
	require.Contains(t, []string{filepath.Join(bin, "google-chrome"), "/usr/bin/chromium-browser", debiansShell}, out)
}

func TestAHeadlessShellComesBeforeAWholeChromium(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bin")
	for _, name := range []string{"chromium", "chrome-headless-shell"} {
		program(t, filepath.Join(bin, name), "echo 'Chromium 156'")
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + t.TempDir()}
	out, said, err := install(t, env, "--find", "chromium")
	require.NoError(t, err, said)
	require.Contains(t, []string{filepath.Join(bin, "chrome-headless-shell"), debiansShell}, out)
}

// debiansShell is where Debian has its headless shell, if the machine has that.
const debiansShell = "/usr/lib/chromium/chromium-headless-shell"

func TestPrometheusIsTakenOnlyWithItsPromtoolAndNewEnough(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + filepath.Join(dir, "tools")}
	find := func() string {
		out, _, _ := install(t, env, "--find", "prometheus")
		return out
	}
	for version, taken := range map[string]bool{
		"2.42.0+ds": true, "2.9.9": false, "2.41.0": false, "2.53.1": true, "3.1.0": true,
	} {
		program(t, filepath.Join(bin, "prometheus"), "echo 'prometheus, version "+version+" (branch: HEAD)'")
		require.NoError(t, os.RemoveAll(filepath.Join(bin, "promtool")))
		require.NotEqual(t, bin, find(), "%s without promtool", version)
		program(t, filepath.Join(bin, "promtool"), "true")
		require.Equal(t, taken, find() == bin, version)
	}
}

// apt is a system whose lists of packages are empty until they are fetched, and whose package has a Prometheus; it notes
// what it is asked for.
const apt = `case $* in
*update*) echo update >>"$NOTES"; touch "$NOTES.lists" ;;
*download*) [ -e "$NOTES.lists" ] || exit 100; echo download >>"$NOTES"; touch prometheus_1_all.deb ;;
*) exit 2 ;;
esac`

const dpkg = `mkdir -p "$3/usr/bin" "$3/lib/systemd"
for name in prometheus promtool; do
    printf '#!/bin/sh\necho "prometheus, version 2.42.0+ds"\n' >"$3/usr/bin/$name"
    chmod +x "$3/usr/bin/$name"
done`

func TestPrometheusIsUnpackedOnceAndNotInstalled(t *testing.T) {
	if found, err := exec.LookPath("prometheus"); err == nil {
		t.Skip("this machine has one on PATH: " + found)
	}
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	program(t, filepath.Join(dir, "bin", "apt-get"), apt)
	program(t, filepath.Join(dir, "bin", "dpkg-deb"), dpkg)
	env := []string{
		"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin",
		"ATENDER_TOOLS_DIR=" + filepath.Join(dir, "tools"), "NOTES=" + notes,
	}
	_, said, err := install(t, env, "--find", "prometheus")
	require.Error(t, err)
	require.Contains(t, said, "run deploy/tools/install.sh prometheus, or put the programs prometheus and promtool on PATH")
	require.NoFileExists(t, notes)
	for range 2 {
		out, said, err := install(t, env, "prometheus")
		require.NoError(t, err, said)
		require.Equal(t, filepath.Join(dir, "tools", "prometheus", "bin"), out)
	}
	content, err := os.ReadFile(notes)
	require.NoError(t, err)
	require.Equal(t, "update\ndownload\n", string(content), "no other command of apt-get, and only once")
	left, err := filepath.Glob(filepath.Join(dir, "tools", "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "tools", "prometheus")}, left)
}

func TestWithoutAPackageManagerPrometheusIsAskedFor(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"cat", "dirname", "id", "mkdir", "sed"} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
	}
	_, said, err := install(t, []string{"PATH=" + bin, "ATENDER_TOOLS_DIR=" + t.TempDir()}, "prometheus")
	require.Error(t, err)
	require.Contains(t, said, "prometheus.io/download")
	require.NotContains(t, said, "not found\n", "no program of the system is missed")
}

func TestAnUnknownToolIsNamed(t *testing.T) {
	_, said, err := install(t, []string{"PATH=/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + t.TempDir()}, "hammer")
	require.Error(t, err)
	require.Contains(t, said, "error: unknown tool hammer")
}

func TestTheEmbeddedScriptFindsPostgres(t *testing.T) {
	dir, err := tools.Postgres(t.Context())
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "initdb"))
}
