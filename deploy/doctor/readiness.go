package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/atender/atender/deploy/config"
)

// readyBody is how much of what a process says of its readiness is read, in bytes; readyShown how much is shown.
const (
	readyBody  = 64 << 10
	readyShown = 300
)

// api is whether an API process is ready, as it says itself.
func (p *patient) api(ctx context.Context) Finding {
	if p.APIURL == "" {
		return skipped("was not asked for: --api-url says where an API process is")
	}
	return ready(ctx, p.APIURL)
}

// worker is whether a worker process is ready, as it says itself.
func (p *patient) worker(ctx context.Context) Finding {
	if p.WorkerURL == "" {
		return skipped("was not asked for: --worker-url says where a worker serves its metrics")
	}
	return ready(ctx, p.WorkerURL)
}

// ready asks a process for its readiness.
func ready(ctx context.Context, base string) Finding {
	request, err := http.NewRequestWithContext(
		ctx,
		http.MethodGet,
		strings.TrimSuffix(base, "/")+"/readyz",
		nil,
	)
	if err != nil {
		return failedWith("the URL is not right", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return failedWith(
			"it does not answer",
			err,
			"see that the process runs and that this machine reaches its address",
		)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, readyBody))
	if err != nil {
		return failedWith("its answer breaks off", err)
	}
	if answer.StatusCode == http.StatusOK {
		return ok("ready")
	}
	if answer.StatusCode == http.StatusNotFound {
		return failed(
			"what answers there has no /readyz",
			"give the address of an API's "+config.Prefix+"HTTP_ADDR, or of a worker's "+config.Prefix+"WORKER_METRICS_ADDR",
		)
	}
	said := strings.Join(strings.Fields(string(body)), " ")
	if len(said) > readyShown {
		said = strings.ToValidUTF8(said[:readyShown], "") + "…"
	}
	return failed(
		fmt.Sprintf("not ready: %s: %s", answer.Status, said),
		"see the other checks, and the log of the process",
	)
}
