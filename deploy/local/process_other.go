//go:build unix && !linux

package local

import "syscall"

// childAttributes gives a child a process group of its own, so that Ctrl-C in a terminal reaches only this process,
// which stops its children in order. Should this process be killed, the next stack in the directory ends the children.
func childAttributes(_ syscall.Signal, as *osAccount) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as.credential()}
}
