package webhook

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/target"
	"github.com/atender/atender/models/wire"
)

// Class is the kind of what came of an attempt: the few values a metric or a filter may have.
type Class string

// The classes.
const (
	ClassOK       Class = "ok"        // 2xx
	ClassHTTP3xx  Class = "http_3xx"  // a redirect, which is not followed
	ClassHTTP4xx  Class = "http_4xx"  // a refusal
	ClassHTTP5xx  Class = "http_5xx"  // a failure of the endpoint's own
	ClassTimeout  Class = "timeout"   // connecting or the whole exchange took too long
	ClassConnect  Class = "connect"   // refused, unreachable
	ClassDNS      Class = "dns"       // the host has no address that may be dialled, or none at all
	ClassTLS      Class = "tls"       // handshake or certificate
	ClassBlocked  Class = "blocked"   // the URL's text is not allowed
	ClassReset    Class = "reset"     // the connection broke before there was an answer
	ClassProtocol Class = "protocol"  // the answer is not HTTP as it should be
	ClassOwnFault Class = "own_fault" // on our side: proxy, resolver, shutdown, no sockets left
)

// Attempt is one attempt to deliver an event: what the sender reports of it, and the row of table attempts. All of it but
// Cause may be shown to the tenant: it does not tell one unreachable inner address from another, nor anything of how we
// send. What it means for its delivery Decide says.
type Attempt struct {
	ID             uuid.UUID // from the first try to record it on
	TenantID       uuid.UUID
	DeliveryID     uuid.UUID
	SubscriptionID uuid.UUID
	Number         int // from 1
	StartedAt      time.Time
	Status         int           `gorm:"default:null"` // HTTP status, 0 if there was no answer
	Class          Class         // the kind of what came of it
	Error          string        `gorm:"default:null"`                     // one sentence for people, "" when delivered
	Duration       time.Duration `gorm:"column:duration_ms;serializer:ms"` // from the first step to the last byte read
	Excerpt        string        `gorm:"default:null"`                     // start of the answer's body: at most 1 KiB of clean UTF-8
	RetryAfter     time.Duration `gorm:"-"`                                // what the answer's Retry-After asks for, at most 24 h; 0 for nothing
	Cause          error         `gorm:"-"`                                // the error underneath, for our log only
}

// IsDelivered tells whether the endpoint took the event. Nothing else does: no redirect, and no 2xx that came to no end.
func (a Attempt) IsDelivered() bool { return a.Class == ClassOK }

// IsGone tells whether the endpoint wants nothing any more.
func (a Attempt) IsGone() bool { return a.Class == ClassHTTP4xx && a.Status == http.StatusGone }

// IsOwnFault tells whether the attempt failed on our side: it is charged neither to the delivery's retries nor to the
// endpoint's circuit (P5.6).
func (a Attempt) IsOwnFault() bool { return a.Class == ClassOwnFault }

// EndedAt is when the attempt was over.
func (a Attempt) EndedAt() time.Time { return a.StartedAt.Add(a.Duration) }

// alike makes an attempt without an address look as it does since unknown names and addresses inside are one outcome:
// attempts stored before that told them apart, by class, text and duration.
func (a Attempt) alike() Attempt {
	blocked := a.Class == ClassBlocked && a.Error != "" && !strings.HasPrefix(a.Error, "the URL")
	if a.Class == ClassDNS || blocked {
		a.Class, a.Error = ClassDNS, target.NoAddress
		a.Duration = (a.Duration + time.Second - time.Millisecond).Truncate(time.Second)
	}
	return a
}

// Wire is the attempt's JSON shape, without the headers.
func (a Attempt) Wire() wire.Attempt {
	a = a.alike()
	out := wire.Attempt{
		Number: a.Number, StartedAt: wire.At(a.StartedAt), DurationMs: int(a.Duration.Milliseconds()), Class: string(a.Class),
		Error: postgres.OrNull(a.Error), Excerpt: postgres.OrNull(a.Excerpt),
	}
	if a.Status != 0 {
		out.Status = &a.Status
	}
	return out
}
