package roles

import (
	"errors"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/deploy/config"
)

func TestWhoseLimitOfMemoryHolds(t *testing.T) {
	container := func() (uint64, error) { return 1000 << 20, nil }
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	broken := func() (uint64, error) { return 0, errors.New("not readable") }
	set := config.Config{MemoryLimit: 512}

	limit, err := memoryLimit(set, "300MiB", container)
	require.NoError(t, err)
	require.Equal(t, MemoryLimit{Bytes: debug.SetMemoryLimit(-1), From: "GOMEMLIMIT"}, limit, "Go has read it itself")
	limit, err = memoryLimit(set, "", container)
	require.NoError(t, err)
	require.Equal(t, MemoryLimit{Bytes: 512 << 20, From: "ATENDER_MEMORY_LIMIT"}, limit)
	limit, err = memoryLimit(config.Config{}, "", container)
	require.NoError(t, err)
	require.Equal(t, MemoryLimit{Bytes: 1000 << 20 / 100 * 90, From: "container"}, limit)
	limit, err = memoryLimit(config.Config{}, "", none)
	require.NoError(t, err)
	require.Equal(t, MemoryLimit{From: "none"}, limit)
	_, err = memoryLimit(config.Config{}, "", broken)
	require.ErrorContains(t, err, "not readable")
}

func TestALimitOfMemoryIsSet(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	t.Setenv("GOMEMLIMIT", "")
	limit, err := LimitMemory(config.Config{MemoryLimit: 4096})
	require.NoError(t, err)
	require.Equal(t, int64(4096<<20), limit.Bytes)
	require.Equal(t, int64(4096<<20), debug.SetMemoryLimit(-1))
}
