package local

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// osAccount is the user that PostgreSQL runs as, which refuses to run as root. nil is the user who runs this.
type osAccount struct {
	name     string
	uid, gid int
}

func (a *osAccount) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// give makes the account the owner of a file or directory.
func (a *osAccount) give(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// unprivileged returns whom to run PostgreSQL as: nil for an ordinary user; for root the postgres user that a package
// of PostgreSQL has made, or nobody.
func unprivileged() (*osAccount, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &osAccount{name, uid, gid}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as: " +
		"make one of them, or run this as an ordinary user")
}

// owner returns the account that a cluster belongs to, when this process may act for it.
func owner(cluster string) (*osAccount, error) {
	info, err := os.Stat(cluster)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil, fmt.Errorf("cannot tell whom %s belongs to", cluster)
	case int(stat.Uid) == os.Geteuid() && stat.Uid != 0:
		return nil, nil
	case os.Geteuid() == 0 && stat.Uid != 0:
		return &osAccount{strconv.Itoa(int(stat.Uid)), int(stat.Uid), int(stat.Gid)}, nil
	default:
		return nil, fmt.Errorf("%s belongs to another user (%d): run this as that user or as root, or remove it, and "+
			"all its data", cluster, stat.Uid)
	}
}

// reachable tells whether the account may pass through all directories down to dir, which has no symbolic links.
func (a *osAccount) reachable(dir string) bool {
	if a == nil {
		return true
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		var bit fs.FileMode = 0o001
		switch {
		case int(stat.Uid) == a.uid:
			bit = 0o100
		case int(stat.Gid) == a.gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// letThrough lets the account, and no other user, get through a directory to what is its own there; not even the account
// may list it.
func (a *osAccount) letThrough(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if a == nil || ok && int(stat.Uid) == a.uid {
		return os.Chmod(dir, dirMode)
	}
	if err := os.Chown(dir, -1, a.gid); err != nil {
		return fmt.Errorf("let the user %s, whom PostgreSQL runs as, get through %s: %w", a.name, dir, err)
	}
	return os.Chmod(dir, dirModeRoot)
}

// clusterHome is the directory that holds the cluster: the stack's own, or, when the account cannot get there (a home
// directory of root, say), one under /var/tmp, which is kept over a restart of the machine, named after the stack's.
func clusterHome(dir string, as *osAccount) (string, error) {
	base := "/var/tmp"
	if !as.reachable(base) {
		base = os.TempDir()
	}
	name := fmt.Sprintf("atender-dev-%.8x", sha256.Sum256([]byte(dir)))
	home := filepath.Join(base, name)
	// A cluster that was made there while the directory was closed to the account stays there.
	if exists(filepath.Join(dir, clusterDir)) || !exists(filepath.Join(home, clusterDir)) {
		if err := as.letThrough(dir); err != nil {
			return "", err
		}
		if as.reachable(dir) {
			return dir, nil
		}
	}
	err := ownDir(home, dirMode)
	if err == nil {
		err = as.letThrough(home)
	}
	if err != nil {
		return "", fmt.Errorf("the user %s, whom PostgreSQL runs as, cannot reach %s, and there is no other place: %w",
			as.name, dir, err)
	}
	return home, nil
}
