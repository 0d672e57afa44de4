package intake

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// MinPace is how fast a body has to come, in bytes per second, once Grace is over.
	MinPace = 16 << 10
	// Grace is the time that a body has before that.
	Grace = 2 * time.Second
	// afterBody is how long the connection may be idle towards the handler once a body has come: longer than any request
	// takes, as the connection that is read on tells of clients that hang up.
	afterBody = 60 * time.Second
	// maxRead is how much one read waits for, in bytes: that of a chunk goes on until all of it is there.
	maxRead = 8 << 10
)

// paced reads a body that has to keep pace: after n bytes, the next one must be there within Grace and the time that n bytes
// take at MinPace. The connection's own deadline ends a read that waits for longer, so that no goroutine is left behind.
type paced struct {
	body    io.Reader
	control *http.ResponseController
	began   time.Time
	n       int64
}

func newPaced(w http.ResponseWriter, body io.Reader) *paced {
	return &paced{body: body, control: http.NewResponseController(w), began: time.Now()}
}

// Read implements io.Reader. Errors: io.EOF, ErrSlow, ErrCutOff.
func (p *paced) Read(to []byte) (int, error) {
	_ = p.control.SetReadDeadline(p.due()) // where there is no connection, nothing is slow
	n, err := p.body.Read(to[:min(len(to), maxRead)])
	p.n += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		p.done()
		return n, io.EOF
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return n, ErrSlow
	}
	return n, ErrCutOff
}

func (p *paced) due() time.Time {
	return p.began.Add(Grace + time.Duration(p.n)*time.Second/MinPace)
}

// done gives the connection the time that the rest of the request may take.
func (p *paced) done() {
	_ = p.control.SetReadDeadline(time.Now().Add(afterBody))
	if time.Since(p.began) > Grace { // the server's own began with the headers
		_ = p.control.SetWriteDeadline(time.Now().Add(afterBody))
	}
}

// Await gives the body of a request that nothing has read yet Grace to begin: the server reads what handlers leave unread
// of short bodies, and would wait for it.
func Await(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(Grace))
	}
}
