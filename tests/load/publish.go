package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// request is one call of the API: a POST, or a GET if it has no body.
type request struct {
	key, path string
	body      []byte
}

// publisher sends requests to the API.
type publisher struct {
	url, apiKey string
	client      *http.Client
}

func newPublisher(url, apiKey string) *publisher {
	// Enough idle connections that none is closed and made again, whatever the concurrency.
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute}
	return &publisher{url, apiKey, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// send makes one request and returns what came of it; the answer's body is kept for the caller when it wants it.
func (p *publisher) send(ctx context.Context, r request, keep *[]byte) (o operation) {
	o.key, o.intended = r.key, time.Now().UnixNano()
	defer func() { o.answered = time.Now().UnixNano() }()
	method := http.MethodPost
	if r.body == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, p.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		o.err = err
		return o
	}
	req.Header.Set("Authorization", "Bearer "+p.apiKey)
	req.Header.Set("Content-Type", "application/json")
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
	each(len(requests), concurrency, func(i int) {
		if ctx.Err() == nil {
			ops[i] = p.send(ctx, requests[i], nil)
		}
	})
	return ops
}

// each calls f for 0 to n-1, concurrency at a time.
func each(n, concurrency int, f func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(concurrency, n) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	group.Wait()
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
