//go:build !linux

package models

import "syscall"

// limitSilence does nothing: only Linux can be told how long to wait for an acknowledgement.
func limitSilence(_, _ string, _ syscall.RawConn) error { return nil }
