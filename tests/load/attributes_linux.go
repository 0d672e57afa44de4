package main

import "syscall"

// childAttributes gives a child a process group of its own, so that Ctrl-C in a terminal reaches only this process,
// which stops its children in order; and has the system stop it should this process be killed.
func childAttributes(stop syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: stop}
}
