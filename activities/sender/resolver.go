package sender

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	resolverPatience = 2 * time.Second // for one check; it comes on top of an attempt's own limit
	resolverMemory   = 2 * time.Second // for how long the result of a check stands for others
)

// resolverCheck finds out whether our resolver answers anything at all.
type resolverCheck struct {
	resolver *net.Resolver
	patience time.Duration

	mu    sync.Mutex // held during a check, so that many failures at once make one
	at    time.Time
	alive bool
}

func newResolverCheck(c Config) *resolverCheck {
	return &resolverCheck{resolver: c.Resolver, patience: min(resolverPatience, c.ConnectTimeout)}
}

// works asks for the name servers of the root, which every resolver that resolves for the internet has at hand
// (RFC 9609). That there are none is an answer, too: resolvers of closed networks give it.
func (r *resolverCheck) works(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < resolverMemory {
		return r.alive
	}
	limited, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	_, err := r.resolver.LookupNS(limited, ".")
	if ctx.Err() != nil {
		return false // nothing was found out
	}
	var unresolved *net.DNSError
	r.alive = err == nil || errors.As(err, &unresolved) && unresolved.IsNotFound
	r.at = time.Now()
	return r.alive
}
