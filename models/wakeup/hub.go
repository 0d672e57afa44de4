// Package wakeup tells other processes, and other parts of this one, that there is something to do (P9). A wake-up is a
// hint: its listeners also poll, so a lost one costs a little time and breaks nothing.
package wakeup

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The PostgreSQL channel that carries all wake-ups; the payload is "<process>:<topic>".
const pgChannel = "atender"

// Flush is the shortest time between two notifications. NOTIFY inside a writing transaction would serialise commits
// (8,500 → 3,400 a second, measured), so topics are marked dirty after the commit and notified together.
const flush = 5 * time.Millisecond

// lastFlush bounds what an ending process spends on its last notification.
const lastFlush = 2 * time.Second

// Hub marks topics and passes wake-ups on to listeners.
type Hub struct {
	cfg     *pgx.ConnConfig
	log     *slog.Logger
	process string
	kick    chan struct{}

	mu        sync.Mutex
	dirty     map[string]struct{}
	listeners map[string]map[chan struct{}]struct{}
	watchers  map[chan string]string // by prefix
}

// watchBuffer is how many topics a watcher may have unread; more are lost to it, as any wake-up may be.
const watchBuffer = 1_024

// New returns a hub for the database of cfg. It works within the process at once, and across processes while Run runs.
func New(cfg *pgx.ConnConfig, log *slog.Logger) *Hub {
	return &Hub{
		cfg: cfg, log: log, process: uuid.NewString(), kick: make(chan struct{}, 1),
		dirty: map[string]struct{}{}, listeners: map[string]map[chan struct{}]struct{}{}, watchers: map[chan string]string{},
	}
}

// Mark says that there is something to do about the topics: to listeners here at once, to those in other processes
// within a few milliseconds. It never blocks.
func (h *Hub) Mark(topics ...string) {
	h.mu.Lock()
	for _, t := range topics {
		h.dirty[t] = struct{}{}
		h.wake(t)
	}
	h.mu.Unlock()
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

func (h *Hub) wake(topic string) {
	for ch := range h.listeners[topic] {
		select {
		case ch <- struct{}{}:
		default: // it has one waiting already
		}
	}
	for ch, prefix := range h.watchers {
		if !strings.HasPrefix(topic, prefix) {
			continue
		}
		select {
		case ch <- topic:
		default:
		}
	}
}

// Watch returns a channel of the topics with the prefix that are marked, for topics that say what they are about, and a
// function that ends and closes it. Unlike Listen it cannot make up for topics marked while the connection was lost.
func (h *Hub) Watch(prefix string) (<-chan string, func()) {
	ch := make(chan string, watchBuffer)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[ch] = prefix
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if _, ok := h.watchers[ch]; ok {
			delete(h.watchers, ch)
			close(ch)
		}
	}
}

// Listen returns a channel that receives when one of the topics was marked, and a function that ends it. Several marks
// may come as one.
func (h *Hub) Listen(topics ...string) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range topics {
		if h.listeners[t] == nil {
			h.listeners[t] = map[chan struct{}]struct{}{}
		}
		h.listeners[t][ch] = struct{}{}
	}
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, t := range topics {
			delete(h.listeners[t], ch)
			if len(h.listeners[t]) == 0 {
				delete(h.listeners, t) // a topic can be as short-lived as its one listener
			}
		}
	}
}

// Run keeps two connections, one that notifies and one that listens, until ctx ends. What was marked last still goes out:
// a command that changes something and ends has listeners, too.
func (h *Hub) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { h.keep(ctx, h.notify) })
	wg.Go(func() { h.keep(ctx, h.listen) })
	wg.Wait()
	h.mu.Lock()
	left := len(h.dirty)
	h.mu.Unlock()
	if left == 0 {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	conn, err := pgx.ConnectConfig(last, h.cfg)
	if err != nil {
		return // listeners poll
	}
	_ = h.send(last, conn)
	_ = conn.Close(last)
}

// keep runs f on a connection of its own and connects again a second after it was lost.
func (h *Hub) keep(ctx context.Context, f func(context.Context, *pgx.Conn) error) {
	for ctx.Err() == nil {
		conn, err := pgx.ConnectConfig(ctx, h.cfg)
		if err == nil {
			err = f(ctx, conn)
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		if ctx.Err() != nil {
			return
		}
		h.log.Warn("wake-up connection lost; polling carries on until it is back", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (h *Hub) notify(ctx context.Context, conn *pgx.Conn) error {
	if err := h.send(ctx, conn); err != nil { // what a lost connection left
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.kick:
		}
		if err := h.send(ctx, conn); err != nil {
			return err
		}
		select { // at most one notification in each flush interval
		case <-time.After(flush):
		case <-ctx.Done():
			return nil
		}
	}
}

// send notifies the dirty topics. Those it could not send stay dirty.
func (h *Hub) send(ctx context.Context, conn *pgx.Conn) error {
	topics := h.takeDirty()
	if len(topics) == 0 {
		return nil
	}
	_, err := conn.Exec(ctx, `SELECT pg_notify($1, $2 || ':' || t) FROM unnest($3::text[]) t`, pgChannel, h.process, topics)
	if err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, t := range topics {
			h.dirty[t] = struct{}{}
		}
	}
	return err
}

func (h *Hub) takeDirty() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	topics := make([]string, 0, len(h.dirty))
	for t := range h.dirty {
		topics = append(topics, t)
	}
	clear(h.dirty)
	return topics
}

func (h *Hub) listen(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "LISTEN "+pgChannel); err != nil {
		return err
	}
	h.mu.Lock()
	for topic := range h.listeners { // what was sent before did not reach this process
		h.wake(topic)
	}
	h.mu.Unlock()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		process, topic, _ := strings.Cut(n.Payload, ":")
		if process == h.process {
			continue // its listeners were woken by Mark itself
		}
		h.mu.Lock()
		h.wake(topic)
		h.mu.Unlock()
	}
}
