package local

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Ports are the ports of a stack, all on 127.0.0.1. With a base they follow it in this order.
type Ports struct {
	API             int
	Metrics         int // of the api process
	WorkerMetrics   int
	Receiver        int // of webhooks
	Postgres        int
	Temporal        int
	TemporalUI      int
	TemporalHTTP    int
	TemporalMetrics int
	SampleDock      int
}

// wanted are the ports in the order of Ports, with what is usual for each.
func (p *Ports) wanted() []wantedPort {
	return []wantedPort{
		{"API", 8080, &p.API},
		{"API metrics", 9090, &p.Metrics},
		{"worker metrics", 9091, &p.WorkerMetrics},
		{"webhook receiver", 8090, &p.Receiver},
		{"PostgreSQL", 15432, &p.Postgres}, // not 5432: a PostgreSQL may start there at any time
		{"Temporal", 7233, &p.Temporal},
		{"Temporal UI", 8233, &p.TemporalUI},
		{"Temporal HTTP", 7333, &p.TemporalHTTP},
		{"Temporal metrics", 9233, &p.TemporalMetrics},
		{"sample dock", 8070, &p.SampleDock},
	}
}

type wantedPort struct {
	what   string
	usual  int
	chosen *int
}

// tries is how far a usual port is moved aside.
const tries = 100

// reservePorts chooses the ports and keeps other stacks of this user from choosing the same until release is called.
// That needs more than looking whether they are free: a service starts to listen seconds later.
func reservePorts(base int) (ports Ports, release func(), err error) {
	if base != 0 && (base < 1024 || base > 65000) {
		return Ports{}, nil, fmt.Errorf("port base %d: it has to be from 1024 to 65000", base)
	}
	dir, err := reservationDir()
	if err != nil {
		return Ports{}, nil, err
	}
	var held []*os.File
	release = func() {
		for _, f := range held {
			_ = f.Close() // which unlocks
		}
	}
	for i, want := range ports.wanted() {
		first, last := want.usual, want.usual+tries
		if base != 0 {
			first, last = base+i, base+i
		}
		f, err := reserveOne(dir, first, last, want.chosen)
		if err != nil {
			release()
			return Ports{}, nil, fmt.Errorf("port for %s: %w", want.what, err)
		}
		held = append(held, f)
	}
	return ports, release, nil
}

func reserveOne(dir string, first, last int, chosen *int) (*os.File, error) {
	for port := first; port <= last; port++ {
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_RDWR|os.O_CREATE, private)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && portFree(port) {
			*chosen = port
			return f, nil
		}
		_ = f.Close() // nothing was written
	}
	if first == last {
		return nil, fmt.Errorf("%d is taken: choose another --port-base", first)
	}
	return nil, fmt.Errorf("%d to %d are all taken: choose other ports with --port-base", first, last)
}

// portFree tells whether the port can be listened on, on loopback and on all addresses: some systems let one process
// listen on the one while another process has the other, and connections then go astray.
func portFree(port int) bool {
	for _, host := range []string{"127.0.0.1", ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		if l.Close() != nil {
			return false
		}
	}
	return true
}

// reservationDir is where this user's stacks lock the ports they have.
func reservationDir() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("atender-ports-%d", os.Geteuid()))
	return dir, ownDir(dir, 0o700)
}

// ownDir makes a directory in a place where every account may make some, and refuses one that another account has
// made.
func ownDir(dir string, mode os.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s does not belong to this user alone: remove it", dir)
	}
	return os.Chmod(dir, mode) // whatever the umask has taken away
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
