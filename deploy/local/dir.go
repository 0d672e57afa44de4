package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// What lies in a stack's directory, beside the data of PostgreSQL and Temporal.
const (
	lockFile     = "lock"          // locked by the running stack; holds its process id
	stateFile    = "state.json"    // secrets made once, so that the next start goes on with the same data
	childrenFile = "children.json" // processes started, for the next start to end what was left of them
	envFile      = "env"           // for a shell to source
	readyFile    = "ready.json"    // there while the stack is ready
	postgresLog  = "postgres.log"
	temporalLog  = "temporal.log"
	temporalDB   = "temporal.db"
	clusterDir   = "postgres"
)

// private is the mode of files that hold secrets.
const private = 0o600

// Modes of the stack's directory. It has the keys of a whole installation in it, so others may not even list it. Only
// where root runs the stack another account has to get through: that of PostgreSQL, which refuses to run as root,
// whose cluster lies in it. Then the group of the directory is that account's, and may pass, but not list
// (osAccount.letThrough).
const (
	dirMode     fs.FileMode = 0o700
	dirModeRoot fs.FileMode = 0o710
)

// makeDir makes the stack's directory and returns its absolute path without symbolic links. One that is there and open to
// others is tightened, if it is a stack's or empty. What the group may, as long as root runs this, stays until PostgreSQL
// is started: another stack may be running in the directory.
func makeDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("directory of the local stack: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("directory of the local stack: %w", err)
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("directory of the local stack: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	return dir, tighten(dir)
}

// tighten takes from a stack's directory what others may do in it.
func tighten(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	mode := dirMode
	if os.Geteuid() == 0 {
		mode = dirModeRoot
	}
	if info.IsDir() && info.Mode().Perm()&^mode == 0 && info.Mode()&fs.ModeSticky == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("directory of the local stack: %w", err)
	}
	if info.Mode()&fs.ModeSticky != 0 || len(entries) > 0 && !exists(filepath.Join(dir, lockFile)) {
		return fmt.Errorf("%s is open to other users (mode %s) and has other things in it than a local stack: give the stack "+
			"a directory of its own with --dir, or close this one with chmod 700", dir, info.Mode())
	}
	if err := os.Chmod(dir, info.Mode().Perm()&mode); err != nil {
		return fmt.Errorf("close the directory of the local stack to other users: %w", err)
	}
	return nil
}

// lockDir makes sure that one stack at a time works in a directory. The system unlocks when the process ends, however.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, fmt.Errorf("lock the directory of the local stack (was it made by another user?): %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		owner, _ := os.ReadFile(path) // only for the message
		return nil, fmt.Errorf("a local stack is already running in %s (process %s): stop it first, or give this one "+
			"another directory with --dir", dir, strings.TrimSpace(string(owner)))
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return f, nil
}

// writeFile puts a private file in place by one rename, so that no reader sees half of it.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return err
}

func writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(content, '\n'))
}

func removeIfExists(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// maxLog is the size from which a log is set aside at the next start.
const maxLog = 10 << 20

// openLog opens a log for appending. One that has grown large becomes <name>.1, instead of an earlier one.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, private)
}

// logTail returns the last lines of a log written since offset, for an error that says why something did not start.
func logTail(path string, offset int64) string {
	const most = 2000
	content, err := os.ReadFile(path)
	if err != nil || int64(len(content)) <= offset {
		return ""
	}
	tail := content[offset:]
	if len(tail) > most {
		tail = tail[len(tail)-most:]
	}
	return "\n" + strings.TrimSpace(string(tail))
}
