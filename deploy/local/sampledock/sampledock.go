// Package sampledock is the tool dock of the local stack: a small refund desk that uses all five actions, to try docks
// with and to begin one's own from. It has an origin of its own, as a dock must: another port.
package sampledock

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

//go:embed page.html
var source string

//go:embed page.js
var script []byte

var page = template.Must(template.New("page").Parse(source))

// Handler serves the dock at /, its script beside it. apiURL is where the scripts for docks come from. The page works for
// hosts on that port of this machine, by whichever name people call it.
func Handler(apiURL string) (http.Handler, error) {
	api, err := url.Parse(apiURL)
	if err != nil {
		return nil, fmt.Errorf("URL of the API: %w", err)
	}
	var hosts []string
	for _, name := range []string{"localhost", "127.0.0.1"} {
		hosts = append(hosts, api.Scheme+"://"+net.JoinHostPort(name, api.Port()))
	}
	var body bytes.Buffer
	err = page.Execute(&body, struct{ Atender, Hosts string }{apiURL, strings.Join(hosts, " ")})
	if err != nil {
		return nil, err
	}
	policy := fmt.Sprintf("default-src 'none'; script-src 'self' %[1]s; style-src 'unsafe-inline' %[1]s; "+
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors %[2]s", apiURL, strings.Join(hosts, " "))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body.Bytes()) // the reader may be gone
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(script) // the reader may be gone
	})
	return mux, nil
}

// Serve listens on addr and serves until stop is called.
func Serve(addr, apiURL string) (stop func(), err error) {
	handler, err := Handler(apiURL)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	return func() {
		_ = server.Close() // requests here take no time worth waiting for
		<-ended
	}, nil
}
