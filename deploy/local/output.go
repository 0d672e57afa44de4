package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/atender/atender/deploy/config"
)

// terminal writes lines of several sources to one output, each behind the name of its source.
type terminal struct {
	mu      sync.Mutex
	out     io.Writer
	colours bool
}

// newTerminal writes to out, in colours where people watch it.
func newTerminal(out io.Writer) *terminal {
	return &terminal{out: out, colours: config.InColours(out)}
}

// ANSI colours of the sources' names.
const (
	dim     = "2"
	cyan    = "36"
	magenta = "35"
)

// source gives a writer for one source. Lines come out whole; what has no line end yet waits for it.
func (t *terminal) source(name, colour string) io.Writer {
	prefix := fmt.Sprintf("%-6s │ ", name)
	if t.colours {
		prefix = "\x1b[" + colour + "m" + prefix + "\x1b[0m"
	}
	return &source{terminal: t, prefix: prefix}
}

type source struct {
	*terminal
	prefix string
	rest   []byte
}

// longestLine bounds what waits for a line end.
const longestLine = 64 << 10

// Write implements io.Writer.
func (s *source) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, found := bytes.Cut(s.rest, []byte("\n"))
		if !found && len(s.rest) < longestLine {
			return len(p), nil
		}
		s.rest = rest
		if _, err := fmt.Fprintf(s.out, "%s%s\n", s.prefix, line); err != nil {
			return 0, err
		}
	}
}

// plain is a slog handler for people who watch: the message, then its attributes; a level only where something is wrong.
type plain struct {
	out   io.Writer
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (plain) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h plain) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if r.Level >= slog.LevelWarn {
		b.WriteString(r.Level.String() + " ")
	}
	b.WriteString(r.Message)
	write := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "  %s=%s", a.Key, a.Value.Resolve())
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	b.WriteByte('\n')
	_, err := io.WriteString(h.out, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h plain) WithAttrs(attrs []slog.Attr) slog.Handler {
	return plain{h.out, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup implements slog.Handler; groups are not shown.
func (h plain) WithGroup(string) slog.Handler { return h }
