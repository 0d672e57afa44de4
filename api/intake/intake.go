// Package intake receives the bodies of requests: within a budget of bytes, no slower than a pace, and, of the large ones,
// few at a time where they are made into values. So what callers send cannot take the memory or the processors that other
// callers need. It knows nothing of what the bodies mean.
package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
)

// Intake is what the bodies of one process pass.
type Intake struct {
	budget *budget
	gate   *gate
}

// New makes an intake for this process.
func New() *Intake {
	return &Intake{budget: newBudget(), gate: newGate(max(1, runtime.GOMAXPROCS(0)-1), maxWaiting)}
}

// Large is the length, in bytes, beyond which a body waits at the gate. Up to it, decoding takes well under a millisecond;
// nearly all bodies of the API are shorter.
const Large = 64 << 10

// Errors of Receive, besides the budget's.
var (
	ErrTooLong = errors.New("the body is longer than it may be")
	ErrSlow    = errors.New("the body comes too slowly")
	ErrCutOff  = errors.New("the body could not be read to its end")
)

// Body is a body that was received whole. It is used by one goroutine. Its zero value is an empty one.
type Body struct {
	Bytes   []byte
	other   []byte // what is to be read instead, nil for Bytes
	intake  *Intake
	holding holding
	large   bool
	inside  bool // it has a place at the gate
}

// Owner is whose share of the budget a body takes.
type Owner struct {
	Name  string
	Share int64 // bytes
}

// Receive reads the body of a request, of at most limit bytes. Its bytes are held once, in a piece of their exact size if
// the sender has told it. The body has to be released when the request is done with.
// Errors: ErrTooLong, ErrSlow, ErrCutOff, ErrShare, ErrFull.
func (i *Intake) Receive(w http.ResponseWriter, r *http.Request, owner Owner, limit int64) (*Body, error) {
	if r.ContentLength > limit {
		return nil, ErrTooLong
	}
	b := &Body{intake: i, holding: holding{budget: i.budget, owner: owner}}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return b, nil
	}
	err := b.read(newPaced(w, r.Body), r.ContentLength, limit)
	if err != nil {
		b.Release()
		return nil, err
	}
	b.large = len(b.Bytes) > Large
	return b, nil
}

// firstPiece is what is made room for, in bytes, when the sender has not told the length.
const firstPiece = 4 << 10

func (b *Body) read(from *paced, told, limit int64) error {
	room := told
	if told < 0 {
		room = min(firstPiece, limit+1)
	}
	if err := b.holding.take(room); err != nil {
		return err
	}
	b.Bytes = make([]byte, 0, room)
	for {
		if len(b.Bytes) == cap(b.Bytes) && told < 0 {
			if err := b.grow(limit); err != nil {
				return err
			}
		}
		n, err := from.Read(b.Bytes[len(b.Bytes):cap(b.Bytes)])
		b.Bytes = b.Bytes[:len(b.Bytes)+n]
		if err == nil && int64(len(b.Bytes)) == told {
			from.done() // the server has seen the end already
			return nil
		}
		switch {
		case int64(len(b.Bytes)) > limit:
			return ErrTooLong
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// grow makes twice the room, one byte more than the limit at most. While the bytes are copied both pieces count.
func (b *Body) grow(limit int64) error {
	old := int64(cap(b.Bytes))
	room := max(firstPiece, min(2*old, limit+1))
	if err := b.holding.take(room); err != nil {
		return err
	}
	b.Bytes = append(make([]byte, 0, room), b.Bytes...)
	b.holding.giveBack(old)
	return nil
}

// Enter waits until the body may be made into values; at once unless it is large. A body that is made into values once more
// while a transaction is open is urgent, and goes before those that are not. Entering twice is entering once.
// Errors: ErrBusy, and the context's.
func (b *Body) Enter(ctx context.Context, urgent bool) error {
	if !b.large || b.inside {
		return nil
	}
	if err := b.intake.gate.enter(ctx, urgent); err != nil {
		return err
	}
	b.inside = true
	return nil
}

// Leave lets the next large body in. It must be called before anything that waits: for the database, or for the client.
func (b *Body) Leave() {
	if b.inside {
		b.inside = false
		b.intake.gate.leave()
	}
}

// Drop lets go of the bytes. They stay counted until Release, as what they were made into is about as large.
func (b *Body) Drop() { b.Bytes, b.other = nil, nil }

// Rewrite has text read instead of what was received, which it must not be much longer than: it is not counted.
func (b *Body) Rewrite(text []byte) { b.other = text }

// Text is what is to be read of the body: what was received, or what that was rewritten to.
func (b *Body) Text() []byte {
	if b.other != nil {
		return b.other
	}
	return b.Bytes
}

// Release gives back what the body holds. It may be called again.
func (b *Body) Release() {
	b.Leave()
	b.Drop()
	b.holding.release()
}

// Reader reads the body from its beginning.
func (b *Body) Reader() io.ReadCloser { return io.NopCloser(bytes.NewReader(b.Text())) }

// Held is how many bytes of bodies are held now.
func (i *Intake) Held() int64 { return i.budget.total() }
