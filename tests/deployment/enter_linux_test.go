package deployment

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// cannotEnter is the exit status of a program of the image that could not be executed; those of atender are 0, 1 and 2.
const cannotEnter = 125

// enterContainer makes this process a program of the image, and returns an exit status if it cannot.
func enterContainer(args []string) int {
	fmt.Fprintln(os.Stderr, "enter the container:", enter(args))
	return cannotEnter
}

// enter does in a process with a mount namespace of its own what engines do with a read-only root file system: /proc is
// there, all else is the image's and cannot be written, and the program is a user without any rights. args are the root
// directory, the user's and the group's number, and the program with its arguments. It returns only with an error.
func enter(args []string) error {
	root, program := args[0], args[3:]
	uid, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	gid, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("group: %w", err)
	}
	if err := mount(root); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if os.Getuid() != uid { // root; in a user namespace it is that user already
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("setgroups: %w", err)
		}
		if err := syscall.Setgid(gid); err != nil {
			return fmt.Errorf("setgid: %w", err)
		}
		if err := syscall.Setuid(uid); err != nil {
			return fmt.Errorf("setuid: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	return fmt.Errorf("exec %s: %w", program[0], syscall.Exec(program[0], program, os.Environ()))
}

// mount makes the root directory a read-only file system with the machine's /proc in it.
func mount(root string) error {
	for _, m := range []struct {
		what, source, target string
		flags                uintptr
	}{
		{"keep mounts to this process", "", "/", unix.MS_REC | unix.MS_PRIVATE},
		{"mount the root", root, root, unix.MS_BIND},
		{"mount /proc", "/proc", root + "/proc", unix.MS_BIND | unix.MS_REC},
	} {
		if err := unix.Mount(m.source, m.target, "", m.flags, ""); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	var is unix.Statfs_t
	if err := unix.Statfs(root, &is); err != nil {
		return fmt.Errorf("statfs %s: %w", root, err)
	}
	// In a user namespace, what the file system below forbids stays forbidden: those flags have to be named again. They have
	// the same values in both calls.
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME
	flags := unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | uintptr(is.Flags)&kept //nolint:gosec // bits
	if is.Flags&unix.ST_RELATIME != 0 {
		flags |= unix.MS_RELATIME
	}
	if err := unix.Mount("", root, "", flags, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	return nil
}
