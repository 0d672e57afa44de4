package receiver

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

//go:embed page.html
var page []byte

//go:embed page.js
var script []byte

// events is what GET /events.json answers.
type events struct {
	Total      int64      `json:"total"`            // since the start or the latest DELETE /events
	Cleared    int64      `json:"clearedUpTo"`      // the number of the latest delivery that DELETE /events forgot
	Refused    int64      `json:"refusedWhileDown"` // since the start
	DownFor    float64    `json:"downForSeconds"`   // 0 while up
	Deliveries []Delivery `json:"deliveries"`       // newest first, at most 500
}

// Handler serves
//
//	POST   /hooks             a delivery: 204, or 503 with Retry-After while down
//	GET    /                  the page, and /page.js its script
//	GET    /events.json       what arrived, newest first; ?after=N only what came after number N
//	DELETE /events            forgets what arrived
//	POST   /down?seconds=N    makes /hooks answer 503 for N seconds (0 to 86400), to try retries; 0 ends it
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks", r.accept)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// Bodies come from elsewhere: nothing in them may run or be fetched, should the page ever show them wrongly.
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src data:")
		_, _ = w.Write(page) // the reader may be gone
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(script) // the reader may be gone
	})
	mux.HandleFunc("GET /events.json", r.list)
	mux.HandleFunc("DELETE /events", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deliveries, r.cleared = nil, r.total
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /down", r.setDown)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (r *Receiver) list(w http.ResponseWriter, req *http.Request) {
	after, err := strconv.ParseInt(req.URL.Query().Get("after"), 10, 64)
	if err != nil && req.URL.Query().Has("after") {
		http.Error(w, "after has to be the number of a delivery", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	answer := events{Total: r.total - r.cleared, Cleared: r.cleared, Refused: r.refused, Deliveries: []Delivery{}}
	if left := r.downUntil.Sub(r.now()); left > 0 {
		answer.DownFor = left.Seconds()
	}
	for _, d := range slices.Backward(r.deliveries) {
		if d.Number <= after {
			break
		}
		answer.Deliveries = append(answer.Deliveries, d)
	}
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the reader may be gone
}

func (r *Receiver) setDown(w http.ResponseWriter, req *http.Request) {
	seconds, err := strconv.Atoi(req.URL.Query().Get("seconds"))
	if err != nil || seconds < 0 || seconds > maxDown {
		http.Error(w, fmt.Sprintf("seconds has to be a whole number from 0 to %d", maxDown), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.downUntil = r.now().Add(time.Duration(seconds) * time.Second)
	w.WriteHeader(http.StatusNoContent)
}
