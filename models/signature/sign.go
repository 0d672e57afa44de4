package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"
)

// Header names. HTTP takes them in any case.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderStandard  = "webhook-signature"
	HeaderAtender   = "X-Atender-Signature"
)

// Signer makes one entry of a webhook-signature header: a Secret makes v1, a KeyPair v1a.
type Signer interface {
	// appendEntry appends "version,base64" to dst, and nothing if there is no key.
	appendEntry(dst []byte, c *content) []byte
}

// content is what a Standard Webhooks signature covers: "id.timestamp.body".
type content struct {
	head []byte // "id.timestamp."
	body []byte
	all  []byte // head and body together, made for the first signer that needs it in one piece
}

func newContent(id, timestamp string, body []byte) *content {
	head := make([]byte, 0, len(id)+len(timestamp)+2)
	head = append(head, id...)
	head = append(head, '.')
	head = append(head, timestamp...)
	head = append(head, '.')
	return &content{head: head, body: body}
}

func (c *content) whole() []byte {
	if c.all == nil {
		c.all = make([]byte, 0, len(c.head)+len(c.body))
		c.all = append(append(c.all, c.head...), c.body...)
	}
	return c.all
}

// Standard returns the value of webhook-signature for one attempt: the entries of all keys, separated by spaces, in
// the order given (newest key first during a rotation). id is the value of webhook-id: it must not have a dot in it,
// since dots separate what is signed. ts is the time of the attempt; its whole seconds are signed and must be sent as
// webhook-timestamp. body is signed byte for byte, so it must be sent unchanged.
func Standard(id string, ts time.Time, body []byte, keys ...Signer) string {
	c := newContent(id, strconv.FormatInt(ts.Unix(), 10), body)
	out := make([]byte, 0, 96*len(keys)) // a v1a entry has 92 characters, a v1 entry 47
	for _, key := range keys {
		before := len(out)
		if before > 0 {
			out = append(out, ' ')
		}
		signed := key.appendEntry(out, c)
		if len(signed) == len(out) {
			signed = out[:before]
		}
		out = signed
	}
	return string(out)
}

func (s Secret) appendEntry(dst []byte, c *content) []byte {
	if s.IsZero() {
		return dst
	}
	return base64.StdEncoding.AppendEncode(append(dst, "v1,"...), s.mac(c.head, c.body))
}

func (k KeyPair) appendEntry(dst []byte, c *content) []byte {
	if k.IsZero() {
		return dst
	}
	return base64.StdEncoding.AppendEncode(append(dst, "v1a,"...), ed25519.Sign(k.private, c.whole()))
}

// Atender returns the value of X-Atender-Signature: "t=<unix>,v1=<hex HMAC-SHA256 of "t.body">", with one v1 for each
// secret, in the order given. It is empty when there is no secret, as with a subscription that signs by ed25519 alone.
func Atender(ts time.Time, body []byte, secrets ...Secret) string {
	head := strconv.AppendInt(make([]byte, 0, 24), ts.Unix(), 10)
	out := make([]byte, 0, 16+68*len(secrets)) // a v1 entry has 68 characters with its comma
	out = append(append(out, "t="...), head...)
	bare := len(out)
	head = append(head, '.')
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		out = hex.AppendEncode(append(out, ",v1="...), secret.mac(head, body))
	}
	if len(out) == bare {
		return ""
	}
	return string(out)
}

// mac returns the HMAC-SHA256 of head and body one after the other, without copying the body.
func (s Secret) mac(head, body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(head)
	h.Write(body)
	return h.Sum(make([]byte, 0, sha256.Size))
}
