package postgres

import (
	"context"
	"net/netip"
	"sync"

	"github.com/google/uuid"
)

// strangers stands for all calls that no tenant is known of: together they get the share of one tenant.
var strangers = uuid.Nil

// Caller is the call of the API that a context belongs to. Work without one (a worker's, and that of the store itself) is
// let through every gate.
type Caller struct {
	Address netip.Prefix // the zero value is no address, and not limited

	mu     sync.Mutex
	tenant uuid.UUID
	slots  map[*gate]slot
}

// slot is a call's place behind a gate. A call counts once, however deep it is in reads within reads: were it to wait for
// a second place with the first in hand, a few calls of one tenant could wait for each other for ever.
type slot struct {
	tenant uuid.UUID
	depth  int
}

type callerKey struct{}

// WithCaller returns a context for one call of the API that comes from the address, of a tenant that is not known yet
// (SetTenant). What is done with it takes its turn with the other calls of its tenant. An address that cannot be parsed is
// none: then refused keys are not counted.
func WithCaller(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, callerKey{}, &Caller{Address: Network(address), tenant: strangers})
}

// SetTenant says whose call ctx belongs to, once that is known. Without WithCaller it does nothing.
func SetTenant(ctx context.Context, tenantID uuid.UUID) {
	if c := CallerOf(ctx); c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tenant = tenantID
	}
}

// CallerOf is the call of the API that ctx belongs to; nil for work of our own.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// AsStranger is ctx for the look-up that tells who calls: it takes its turn with those of all others.
func AsStranger(ctx context.Context) context.Context {
	c := CallerOf(ctx)
	if c == nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, &Caller{Address: c.Address, tenant: strangers})
}

// Network is what counts as one address: of IPv6 the /64, since a subscriber gets that many to choose from (RFC 6177).
func Network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits fit
	return p
}
