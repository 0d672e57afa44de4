package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is USER_HZ, the unit of CPU times in /proc: 100 on every Linux that Go runs on (getconf CLK_TCK).
const ticks = 100

// stat is what /proc/<pid>/stat says of a process (man 5 proc).
type stat struct {
	pid, parent int
	cpu         int64 // ticks: its own and those of children that have ended
}

func parseStat(pid int, text string) (stat, error) {
	// The name, in parentheses, may have spaces and parentheses in it.
	_, rest, ok := cutLast(text, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %q is not as expected", pid, text)
	}
	s := stat{pid: pid}
	var err error
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return s, err
	}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += n
	}
	return s, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// processes reads all processes there are. Those that end meanwhile are left out. The error is for want of /proc.
func processes() (map[int]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]stat{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		if s, err := parseStat(pid, string(content)); err == nil {
			all[pid] = s
		}
	}
	return all, nil
}

// treeTicks adds up a process and all below it.
func treeTicks(all map[int]stat, root int) int64 {
	below := map[int][]int{}
	for pid, s := range all {
		below[s.parent] = append(below[s.parent], pid)
	}
	var sum int64
	for todo := []int{root}; len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], below[pid]...)
		sum += all[pid].cpu
	}
	return sum
}

// usage is the CPU time so far, in ticks, by role.
type usage map[string]int64

// readUsage reads the process trees of the roots. The load tool itself counts without its children.
func readUsage(roots map[string]int) usage {
	all, err := processes()
	if err != nil {
		return nil
	}
	u := usage{}
	for role, pid := range roots {
		if _, there := all[pid]; there {
			u[role] = treeTicks(all, pid)
		}
	}
	if self, there := all[os.Getpid()]; there {
		u["load"] = self.cpu
	}
	return u
}

// since is the CPU time used since an earlier reading, in seconds. A role that was not there then used all of its own.
func (u usage) since(earlier usage) map[string]float64 {
	if u == nil {
		return nil
	}
	seconds := map[string]float64{}
	for role, now := range u {
		seconds[role] = round(float64(now-earlier[role]) / ticks)
	}
	return seconds
}

// together adds up what the product's own processes used, and PostgreSQL for them.
func together(seconds map[string]float64) (sum float64) {
	for role, s := range seconds {
		if ofProduct(role) {
			sum += s
		}
	}
	return sum
}

// ofProduct tells whether a role is of the product or its database: with several instances, they are numbered.
func ofProduct(role string) bool {
	return role == "postgres" || strings.HasPrefix(role, "api") || strings.HasPrefix(role, "worker")
}

// perOperation is the CPU time of each operation in ms: of the product's processes, and together.
func perOperation(seconds map[string]float64, operations int) map[string]float64 {
	if operations == 0 || len(seconds) == 0 {
		return nil
	}
	each := map[string]float64{"together": round(together(seconds) * 1000 / float64(operations))}
	for role, s := range seconds {
		if ofProduct(role) {
			each[role] = round(s * 1000 / float64(operations))
		}
	}
	return each
}

// missing are the processes that CPU figures leave out.
func missing(seconds map[string]float64) (roles []string) {
	for _, role := range []string{"api", "postgres", "receiver", "temporal", "worker"} {
		if _, there := seconds[role]; !there {
			roles = append(roles, role)
		}
	}
	return roles
}

// highWater is the largest resident memory a process has had, in MB of 2^20 bytes; 0 where the system does not say.
func highWater(pid int) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kB, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return round(kB / 1024)
		}
	}
	return 0
}
