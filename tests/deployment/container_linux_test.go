package deployment

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// container runs the image's programs in its root file system, as its user, with its environment and no other.
type container struct {
	t        *testing.T
	root     string
	of       settings
	uid, gid int
	env      []string // besides the image's
}

// newContainer makes one of an image, and skips the test where the system lets its user make none.
func newContainer(t *testing.T, layout string) *container {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc"), 0o755)) //nolint:gosec // the image's user runs in it
	c := &container{t: t, root: root, of: unpack(t, layout, root)}
	uid, gid, ok := strings.Cut(c.of.User, ":")
	require.True(t, ok, "the image's user is %q", c.of.User)
	for text, number := range map[string]*int{uid: &c.uid, gid: &c.gid} {
		var err error
		*number, err = strconv.Atoi(text)
		require.NoError(t, err, "engines that refuse root need a number")
		require.NotZero(t, *number, "the image runs as root")
	}
	said, err := c.try("version")
	status, ran := errors.AsType[*exec.ExitError](err)
	refused := errors.Is(err, syscall.EPERM) || ran && status.ExitCode() == cannotEnter
	if refused && os.Getuid() != 0 {
		t.Skipf("not root, and the system lets user %d make no namespaces: %v: %s", os.Getuid(), err, said)
	}
	require.NoError(t, err, said)
	return c
}

// command is the image's entrypoint with arguments. Root needs a mount namespace; another user a user namespace, too, in
// which that user is the image's and the only one there is.
func (c *container) command(ctx context.Context, args ...string) *exec.Cmd {
	self := append([]string{enterArg, c.root, strconv.Itoa(c.uid), strconv.Itoa(c.gid)}, c.of.Entrypoint...)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(self, args...)...)
	cmd.Env = append(append([]string{}, c.of.Env...), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: c.uid, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: c.gid, HostID: os.Getgid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT} // until the program is executed
	}
	return cmd
}

// run runs a command to its end and returns what it prints; that it fails, fails the test.
func (c *container) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	require.NoError(c.t, err, "%v: %s", args, out)
	return strings.TrimSpace(out)
}

// try runs a command to its end, and returns what it prints and how it ended.
func (c *container) try(args ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := c.command(c.t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return said.String(), err
	}
	return out.String(), nil
}

// stopWithin is what the product promises after SIGTERM.
const stopWithin = 25 * time.Second

// start starts a role, and returns what stops it in order. It is stopped with the test at the latest.
func (c *container) start(role string) (stop func()) {
	c.t.Helper()
	log, err := os.Create(filepath.Join(c.t.TempDir(), role+".log"))
	require.NoError(c.t, err)
	cmd := c.command(context.Background(), role)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(c.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // of one that has ended, the end is looked at
		select {
		case err := <-ended:
			if err != nil {
				c.t.Errorf("%s ended: %v", role, err)
			}
		case <-time.After(stopWithin):
			_ = cmd.Process.Kill() // the test has failed
			c.t.Errorf("%s does not end within %s", role, stopWithin)
		}
	})
	c.t.Cleanup(func() {
		stop()
		if c.t.Failed() {
			content, _ := os.ReadFile(log.Name()) // only for a message
			c.t.Logf("%s, the end of its log:\n%s", role, content[max(0, len(content)-4000):])
		}
		_ = log.Close()
	})
	return stop
}

// awaitReady asks with the image's own probe until a role is ready.
func (c *container) awaitReady(role string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		_, err := c.try("probe", role)
		return err == nil
	}, time.Minute, 250*time.Millisecond, "the %s does not become ready", role)
}
