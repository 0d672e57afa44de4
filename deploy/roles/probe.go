package roles

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// probeTime bounds a probe: more than the 2 s that readiness takes at most, less than health checks wait.
	probeTime = 4 * time.Second
	// probeSays bounds, in bytes, what of an answer an error shows: readiness answers are shorter.
	probeSays = 1 << 10
)

// Probe asks a process of this machine for a path, at the address that it listens on: a container without a shell has
// nothing else to ask with. Errors: the process does not answer, or not 200.
func Probe(ctx context.Context, addr, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return fmt.Errorf("probe %s: %w", path, err)
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// An address to listen on may have no host, or one that stands for all: dialled, that is this machine.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("probe %s of %s: %w", path, addr, err)
	}
	defer func() { _ = answer.Body.Close() }() // what it says has been read, or does not matter
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, probeSays)) // as much as there is
	return fmt.Errorf("probe %s of %s: answered %d: %s", path, addr, answer.StatusCode, strings.TrimSpace(string(said)))
}
