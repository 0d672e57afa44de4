package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atender/atender/tests/load/limit"
)

// request is one call of the API: a POST, or a GET if it has no body.
type request struct {
	key, path string
	body      []byte
	apiKey    string // of the tenant; the publisher's without it
	once      string // its Idempotency-Key, if any
}

// publisher sends requests to the API.
type publisher struct {
	urls   []string // of the API's processes, which take turns
	turn   atomic.Uint64
	apiKey string
	client *http.Client
}

func newPublisher(apiKey string, urls ...string) *publisher {
	// Enough idle connections that none is closed and made again, whatever the concurrency.
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute}
	return &publisher{urls: urls, apiKey: apiKey, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// through has all calls go through what wrap makes of the transport.
func (p *publisher) through(wrap func(http.RoundTripper) http.RoundTripper) *publisher {
	if wrap != nil {
		p.client.Transport = wrap(p.client.Transport)
	}
	return p
}

// send makes one request and returns what came of it; the answer's body is kept for the caller when it wants it.
func (p *publisher) send(ctx context.Context, r request, keep *[]byte) (o operation) {
	o.key, o.intended = r.key, time.Now().UnixNano()
	defer func() { o.answered = time.Now().UnixNano() }()
	method := http.MethodPost
	if r.body == nil {
		method = http.MethodGet
	}
	url := p.urls[p.turn.Add(1)%uint64(len(p.urls))]
	req, err := http.NewRequestWithContext(ctx, method, url+r.path, bytes.NewReader(r.body))
	if err != nil {
		o.err = err
		return o
	}
	req.Header.Set("Authorization", "Bearer "+cmp.Or(r.apiKey, p.apiKey))
	req.Header.Set("Content-Type", "application/json")
	if r.once != "" {
		req.Header.Set("Idempotency-Key", r.once)
	}
	res, err := p.client.Do(req)
	if err != nil {
		o.err = err
		return o
	}
	defer func() { _ = res.Body.Close() }()
	o.status = res.StatusCode
	if keep == nil {
		_, err = io.Copy(io.Discard, res.Body)
	} else {
		*keep, err = io.ReadAll(res.Body)
	}
	o.err = err // an answer that broke off still was one
	return o
}

// closed sends all requests, concurrency at a time, each publisher when its last one was answered.
func (p *publisher) closed(ctx context.Context, requests []request, concurrency int) []operation {
	ops := make([]operation, len(requests))
	limit.Each(len(requests), concurrency, func(i int) {
		if ctx.Err() == nil {
			ops[i] = p.send(ctx, requests[i], nil)
		}
	})
	return ops
}

// open sends request i at start + i/rate, whatever became of those before it: nothing waits for an answer, so nothing
// is left out because the API was slow. Latencies count from the intended time.
func (p *publisher) open(ctx context.Context, requests []request, rate float64) []operation {
	ops := make([]operation, len(requests))
	var group sync.WaitGroup
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for i := range requests {
		at := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if wait := time.Until(at); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			ops[i] = p.send(ctx, requests[i], nil)
			ops[i].intended = at.UnixNano()
		})
	}
	group.Wait()
	return ops
}

// publish sends in the loop that the parameters ask for.
func (p *publisher) publish(ctx context.Context, requests []request, rate float64, concurrency int) []operation {
	if rate > 0 {
		return p.open(ctx, requests, rate)
	}
	return p.closed(ctx, requests, concurrency)
}
