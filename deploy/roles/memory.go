package roles

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/atender/atender/deploy/config"
)

// containerShare is how many hundredths of a container's memory are for Go: the rest is for stacks of the system, the
// pages of the binary, and what is garbage when the limit is reached.
const containerShare = 90

// MemoryLimit is what the garbage collector keeps a process to, and who says so.
type MemoryLimit struct {
	Bytes int64  // 0 for none
	From  string // GOMEMLIMIT, ATENDER_MEMORY_LIMIT or container; none when there is no limit
}

// LimitMemory sets the limit of this process's memory: GOMEMLIMIT if it is set, which Go has read by itself, or else what the
// configuration says, or else nine tenths of what the container has. Errors: a container's limit that cannot be read; the
// process can go on without.
func LimitMemory(cfg config.Config) (MemoryLimit, error) {
	limit, err := memoryLimit(cfg, os.Getenv("GOMEMLIMIT"), memlimit.FromCgroup)
	if limit.Bytes > 0 && limit.From != fromGo {
		debug.SetMemoryLimit(limit.Bytes)
	}
	return limit, err
}

// fromGo is Go's own variable for the limit.
const fromGo = "GOMEMLIMIT"

func memoryLimit(cfg config.Config, own string, container func() (uint64, error)) (MemoryLimit, error) {
	switch {
	case own != "":
		return MemoryLimit{Bytes: debug.SetMemoryLimit(-1), From: fromGo}, nil
	case cfg.MemoryLimit > 0:
		return MemoryLimit{Bytes: int64(cfg.MemoryLimit) << 20, From: config.Prefix + "MEMORY_LIMIT"}, nil
	}
	limit, err := container()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup),
		errors.Is(err, memlimit.ErrCgroupsNotSupported):
		return MemoryLimit{From: "none"}, nil
	case err != nil:
		return MemoryLimit{From: "none"}, fmt.Errorf("reading the container's limit of memory: %w", err)
	}
	return MemoryLimit{Bytes: int64(limit / 100 * containerShare), From: "container"}, nil //nolint:gosec // far below 2^63
}
