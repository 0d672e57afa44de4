package tools_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeNpm is an npm that notes how it was called and "installs" a compiler.
const fakeNpm = `echo "$*" >>"$NOTES"
[ ! -e "$NOTES.offline" ] || { echo "npm error network" >&2; exit 1; }
mkdir -p node_modules/.bin`

func TestWhatChecksTheFrontEndIsInstalledOnceFromItsLock(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	program(t, filepath.Join(dir, "bin", "npm"), fakeNpm)
	env := []string{
		"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "ATENDER_TOOLS_DIR=" + filepath.Join(dir, "tools"),
		"NOTES=" + notes,
	}
	_, said, err := install(t, env, "--find", "frontend")
	require.Error(t, err)
	require.Contains(t, said, "frontend is not installed")
	require.NoFileExists(t, notes)

	require.NoError(t, os.WriteFile(notes+".offline", nil, 0o600))
	_, said, err = install(t, env, "frontend")
	require.Error(t, err)
	require.Contains(t, said, "npm could not install frontend")
	left, err := filepath.Glob(filepath.Join(dir, "tools", "*"))
	require.NoError(t, err)
	require.Empty(t, left, "no lock and nothing half installed")

	require.NoError(t, os.Remove(notes+".offline"))
	require.NoError(t, os.Remove(notes))
	first := make(chan string)
	for range 2 {
		go func() {
			out, _, _ := install(t, env, "frontend")
			first <- out
		}()
	}
	path := <-first
	require.Equal(t, path, <-first)
	require.DirExists(t, filepath.Join(path, ".bin"))
	again, said, err := install(t, env, "frontend")
	require.NoError(t, err)
	require.Equal(t, path, again)
	require.Empty(t, said, "nothing to say when nothing is done")
	content, err := os.ReadFile(notes)
	require.NoError(t, err)
	require.Regexp(t, `^ci --ignore-scripts [^\n]*\n$`, string(content), "once, and nothing of the packages was run")
}

// The locks pin versions by their content, and leave the choice of the registry to the installation.
func TestLocksOfPackagesNameExactVersionsAndNoRegistry(t *testing.T) {
	for _, of := range []string{"frontend", "clients"} {
		var wanted struct{ DevDependencies map[string]string }
		source, err := os.ReadFile(filepath.Join(of, "package.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(source, &wanted))
		require.NotEmpty(t, wanted.DevDependencies)
		var lock struct {
			Packages map[string]struct{ Version, Resolved, Integrity string }
		}
		source, err = os.ReadFile(filepath.Join(of, "package-lock.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(source, &lock))
		for name, version := range wanted.DevDependencies {
			require.Regexp(t, `^\d+\.\d+\.\d+$`, version, name)
			require.Equal(t, version, lock.Packages["node_modules/"+name].Version, "the lock is of another package.json")
		}
		for name, p := range lock.Packages {
			require.Empty(t, p.Resolved, name)
			if name != "" {
				require.Regexp(t, `^sha512-`, p.Integrity, name)
			}
		}
	}
}

// checkFrontEnd runs frontend.sh with nothing on PATH but what a shell script needs, and the given programs.
func checkFrontEnd(t *testing.T, programs map[string]string) (said string, err error) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.MkdirAll(bin, 0o700))
	for _, name := range []string{
		"bash", "sh", "dirname", "sed", "grep", "env", "cksum", "cut", "mkdir", "mktemp", "cp", "mv",
		"rm", "id", "cat", "sleep", "find", "chmod",
	} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
	}
	for name, body := range programs {
		program(t, filepath.Join(bin, name), body)
	}
	cmd := exec.Command("./frontend.sh")
	cmd.Env = []string{"PATH=" + bin, "ATENDER_TOOLS_DIR=" + filepath.Join(dir, "tools")}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestWithoutNodeTheFrontEndIsNotCheckedAndThatIsSaid(t *testing.T) {
	said, err := checkFrontEnd(t, nil)
	require.NoError(t, err, said)
	require.Equal(t, "Node is missing: the front end was not checked", said)

	said, err = checkFrontEnd(t, map[string]string{"node": "echo v18.20.4"})
	require.NoError(t, err, said)
	require.Equal(t, "Node 20 or newer is missing: the front end was not checked", said)
}

func TestWithoutARegistryTheUnitTestsOfTheFrontEndRunAlone(t *testing.T) {
	const node = `[ "$1" != --version ] || { echo v20.1.0; exit; }
echo "$*" >"$ATENDER_TOOLS_DIR/ran"`
	const offline = "echo 'npm error network' >&2; exit 1"
	said, err := checkFrontEnd(t, map[string]string{"node": node, "npm": offline})
	require.NoError(t, err, said)
	require.Contains(t, said, "its types, style and format were not checked")

	said, err = checkFrontEnd(t, map[string]string{"node": node + "; echo 'not ok 1 - a test'; exit 1", "npm": offline})
	require.Error(t, err)
	require.Contains(t, said, "not ok 1 - a test")
	require.Contains(t, said, "front end: unit tests failed")
}

func TestAFindingOfTheFrontEndsCheckersFails(t *testing.T) {
	const npm = `mkdir -p node_modules/.bin
echo '#!/bin/sh
[ "$1" != lint ] || echo "Found 1 info."' >node_modules/.bin/biome
echo '#!/bin/sh' >node_modules/.bin/tsc
chmod +x node_modules/.bin/biome node_modules/.bin/tsc`
	said, err := checkFrontEnd(t, map[string]string{"node": `[ "$1" != --version ] || echo v20.1.0`, "npm": npm})
	require.Error(t, err, "a finding fails whatever its severity")
	require.Contains(t, said, "front end: the linter has findings")
	require.NotContains(t, said, "tsc has findings")
}
