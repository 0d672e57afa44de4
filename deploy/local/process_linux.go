package local

import "syscall"

// childAttributes gives a child a process group of its own, so that Ctrl-C in a terminal reaches only this process,
// which stops its children in order; and has the system send it its stop signal should this process be killed.
func childAttributes(stop syscall.Signal, as *osAccount) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: stop, Credential: as.credential()}
}
