package sender

import "time"

// Class is the kind of an attempt's outcome: the few values a metric or a filter may have.
type Class string

// The classes.
const (
	OK       Class = "ok"        // 2xx
	HTTP3xx  Class = "http_3xx"  // a redirect, which is not followed
	HTTP4xx  Class = "http_4xx"  // a refusal
	HTTP5xx  Class = "http_5xx"  // a failure of the endpoint's own
	Timeout  Class = "timeout"   // connecting or the whole exchange took too long
	Connect  Class = "connect"   // refused, unreachable
	DNS      Class = "dns"       // the host has no address that may be dialled, or none at all
	TLS      Class = "tls"       // handshake or certificate
	Blocked  Class = "blocked"   // the URL's text is not allowed
	Reset    Class = "reset"     // the connection broke before there was an answer
	Protocol Class = "protocol"  // the answer is not HTTP as it should be
	OwnFault Class = "own_fault" // on our side: proxy, resolver, shutdown, no sockets left
)

// Result is what an outcome means for the delivery.
type Result int

// The results.
const (
	Delivered Result = iota + 1 // done
	Retry                       // failed: another attempt by the schedule, or Outcome.RetryAfter
	Gone                        // 410: failed, and the subscription is to be disabled
	OurFault                    // not the endpoint's: charged neither to its retries nor to its circuit (P5.6)
)

// String returns the name of the result.
func (r Result) String() string {
	switch r {
	case Delivered:
		return "delivered"
	case Retry:
		return "retry"
	case Gone:
		return "gone"
	case OurFault:
		return "our_fault"
	}
	return "unknown"
}

// Outcome is what came of one attempt. All of it but Cause may be shown to the tenant: it does not tell one unreachable
// inner address from another, nor anything of how we send.
type Outcome struct {
	Status     int           // HTTP status, 0 if there was no answer
	Class      Class         // the kind of outcome
	Result     Result        // what it means for the delivery
	Error      string        // one sentence for people, "" when delivered
	Duration   time.Duration // from the first step to the last byte read
	Excerpt    string        // the start of the answer's body: at most 1 KiB of valid UTF-8 without control characters
	RetryAfter time.Duration // what a 429 or 503 asked for, at most 24 h; 0 for nothing
	Cause      error         `json:"-"` // the error underneath, for our log only
}
