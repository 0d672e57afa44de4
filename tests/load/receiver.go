package main

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver takes webhooks in a process of its own. It keeps what arrives as it is; reading and verifying wait until the
// ledger is asked for, so that they take nothing from what is measured.
//
// A webhook's URL is /<scope>/<name>: the ledger is by scope, the secret by path.
type receiver struct {
	delay time.Duration

	mu      sync.Mutex
	secrets map[string]string // by path
	scopes  map[string]*scope
}

type scope struct {
	raw      []raw
	distinct map[string]struct{} // webhook-ids, each endpoint's by themselves
}

// raw is one request as it came.
type raw struct {
	at                      int64
	path, id, stamp, signed string
	body                    []byte
}

// tolerance is how far a signature's time may be from the arrival's (Standard Webhooks: as the official libraries).
const tolerance = 5 * time.Minute

// serveReceiver is the sub-command. It prints its address and serves until SIGTERM.
func serveReceiver(args []string) error {
	f := flag.NewFlagSet("receiver", flag.ContinueOnError)
	r := &receiver{secrets: map[string]string{}, scopes: map[string]*scope{}}
	f.DurationVar(&r.delay, "delay", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Println(listener.Addr()); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /-/secrets", r.addSecrets)
	mux.HandleFunc("GET /-/count/{scope}", r.count)
	mux.HandleFunc("GET /-/ledger/{scope}", r.ledger)
	mux.HandleFunc("POST /{scope}/{name}", r.take)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: nil}
	end := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer end()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	at := time.Now().UnixNano()
	var content []byte
	var err error
	if req.ContentLength >= 0 && req.ContentLength < 2<<20 {
		content = make([]byte, req.ContentLength)
		_, err = io.ReadFull(req.Body, content)
	} else {
		content, err = io.ReadAll(io.LimitReader(req.Body, 2<<20))
	}
	if err != nil {
		return // the sender went away: nothing was delivered
	}
	got := raw{
		at: at, path: req.URL.Path, body: content, id: req.Header.Get("webhook-id"),
		stamp: req.Header.Get("webhook-timestamp"), signed: req.Header.Get("webhook-signature"),
	}
	name := req.PathValue("scope")
	r.mu.Lock()
	s := r.scope(name)
	s.raw = append(s.raw, got)
	s.distinct[endpointKey(got.id, got.path)] = struct{}{}
	r.mu.Unlock()
	if r.delay > 0 {
		<-time.After(r.delay)
	}
	w.WriteHeader(http.StatusNoContent)
}

// scope must be called with the lock held.
func (r *receiver) scope(name string) *scope {
	s := r.scopes[name]
	if s == nil {
		s = &scope{distinct: map[string]struct{}{}}
		r.scopes[name] = s
	}
	return s
}

func (r *receiver) addSecrets(w http.ResponseWriter, req *http.Request) {
	var secrets map[string]string
	if err := json.NewDecoder(req.Body).Decode(&secrets); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for path, secret := range secrets {
		r.secrets[path] = secret
	}
}

// counted is how much has arrived in a scope.
type counted struct{ Requests, Distinct int }

func (r *receiver) count(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	s := r.scope(req.PathValue("scope"))
	c := counted{Requests: len(s.raw), Distinct: len(s.distinct)}
	r.mu.Unlock()
	_ = json.NewEncoder(w).Encode(c) // an error has no other reader
}

// ledger reads and verifies what arrived in a scope, every n-th signature, and gives it away.
func (r *receiver) ledger(w http.ResponseWriter, req *http.Request) {
	every, err := strconv.Atoi(req.URL.Query().Get("verifyEvery"))
	if err != nil || every < 1 {
		http.Error(w, "verifyEvery must be at least 1", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	all := r.scope(req.PathValue("scope")).raw
	verify := newVerifier(r.secrets)
	r.mu.Unlock()
	arrivals := make([]arrival, len(all))
	for i, got := range all {
		arrivals[i] = arrival{WebhookID: got.id, At: got.at, Path: got.path}
		arrivals[i].read(got.body)
		if i%every == 0 && arrivals[i].BadSignature == "" {
			arrivals[i].BadSignature = verify.check(got)
		}
	}
	_ = gob.NewEncoder(w).Encode(arrivals) // the other side notices
}

// verifier checks signatures with the official Standard Webhooks library, as an integration developer would.
type verifier struct {
	secrets map[string]string
	hooks   map[string]*standardwebhooks.Webhook
}

func newVerifier(secrets map[string]string) *verifier {
	v := &verifier{secrets: map[string]string{}, hooks: map[string]*standardwebhooks.Webhook{}}
	for path, secret := range secrets {
		v.secrets[path] = secret
	}
	return v
}

// check says what is wrong with a request's signature; nothing if it is right. The library's own check of the time goes
// by its clock, and this may be long after the arrival, so that is done here.
func (v *verifier) check(got raw) string {
	hook := v.hooks[got.path]
	if hook == nil {
		secret, known := v.secrets[got.path]
		if !known {
			return "no secret is known for " + got.path
		}
		var err error
		if hook, err = standardwebhooks.NewWebhook(secret); err != nil {
			return err.Error()
		}
		v.hooks[got.path] = hook
	}
	header := http.Header{}
	header.Set("webhook-id", got.id)
	header.Set("webhook-timestamp", got.stamp)
	header.Set("webhook-signature", got.signed)
	if err := hook.VerifyIgnoringTimestamp(got.body, header); err != nil {
		return err.Error()
	}
	seconds, err := strconv.ParseInt(got.stamp, 10, 64)
	if err != nil {
		return "webhook-timestamp is not a number: " + got.stamp
	}
	if off := time.Unix(0, got.at).Sub(time.Unix(seconds, 0)); off.Abs() > tolerance {
		return "webhook-timestamp is off by " + off.String()
	}
	return ""
}

// receiverProcess is the receiver as its parent sees it.
type receiverProcess struct {
	*child
	url string
}

// startReceiver starts this program again as the receiver.
func startReceiver(ctx context.Context, delay time.Duration) (*receiverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	said := &firstLine{line: make(chan string, 1)}
	c, err := start(receiverCommand, said, os.Environ(), self, receiverCommand, "-delay", delay.String())
	if err != nil {
		return nil, err
	}
	r := &receiverProcess{child: c}
	select {
	case line := <-said.line:
		r.url = "http://" + line
		return r, nil
	case <-c.ended:
		return nil, c.failed()
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.stop())
	}
}

// firstLine gives away the first line that is written to it, and passes on to stderr what follows.
type firstLine struct {
	text strings.Builder
	line chan string
	done bool
}

// Write implements io.Writer.
func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return os.Stderr.Write(p)
	}
	f.text.Write(p)
	if line, _, ok := strings.Cut(f.text.String(), "\n"); ok {
		f.done = true
		f.line <- line
	}
	return len(p), nil
}

func (r *receiverProcess) addSecrets(ctx context.Context, secrets map[string]string) error {
	content, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/-/secrets", strings.NewReader(string(content)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the receiver does not take the secrets: %s", res.Status)
	}
	return nil
}

func (r *receiverProcess) count(ctx context.Context, scope string) (c counted, err error) {
	content, err := get(ctx, r.url+"/-/count/"+scope)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(content, &c)
}

func (r *receiverProcess) ledger(ctx context.Context, scope string, verifyEvery int) ([]arrival, error) {
	content, err := get(ctx, fmt.Sprintf("%s/-/ledger/%s?verifyEvery=%d", r.url, scope, verifyEvery))
	if err != nil {
		return nil, err
	}
	var arrivals []arrival
	err = gob.NewDecoder(strings.NewReader(string(content))).Decode(&arrivals)
	return arrivals, err
}

// awaitDistinct waits until so many different events have arrived, or nothing has for the given time. It returns
// whether they have.
func (r *receiverProcess) awaitDistinct(ctx context.Context, scope string, want int, patience time.Duration) (bool, error) {
	last, since := -1, time.Now()
	for {
		c, err := r.count(ctx, scope)
		if err != nil {
			return false, err
		}
		if c.Distinct >= want {
			return true, nil
		}
		if c.Requests != last {
			last, since = c.Requests, time.Now()
		}
		if time.Since(since) > patience {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
