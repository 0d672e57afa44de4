package account

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

const (
	// topicKeys is marked when a key or session changed: every process asks the database again about all of them.
	topicKeys = "keys"
	// topicNewKey is marked when there is a new key: every process forgets which ones it has refused.
	topicNewKey = "keys/new"
	// authTTL is how long a process believes what it knows of a key or session, should the wake-up be lost.
	authTTL = 5 * time.Second
	// knownGood bounds how many keys and sessions that are valid, or were when they came last, a process remembers: some
	// 10 MB. Where there are more, tenants with many make room for those with few.
	knownGood = 10_000
	// knownBad bounds how many refused ones it remembers: some 3 MB. New ones take the place of the oldest.
	knownBad = 20_000
	// TokenBytes is how many random bytes a key, or a token of a session, has.
	TokenBytes = 32
)

// IsToken tells whether text is the prefix and tokenBytes in lower-case hexadecimal: what is not, was never made here, and
// need not be looked up. Keys have no checksum; it would save nothing that an attacker could not compute.
func IsToken(text, prefix string) bool {
	digits, ok := strings.CutPrefix(text, prefix)
	return ok && len(digits) == hex.EncodedLen(TokenBytes) && strings.Trim(digits, "0123456789abcdef") == ""
}

// TokenHash is the SHA-256 of a key or of a session's token: what is stored, and looked up by.
type TokenHash = [sha256.Size]byte

// authCache remembers keys and sessions by their hash, so that a request costs no query, and which of them were used.
// What was refused is remembered apart, so that guesses take no good one's place.
type authCache struct {
	mu         sync.Mutex
	generation int64 // rises whenever all has to be looked up again: what was looked up before that is not believed after it
	good       map[TokenHash]*list.Element
	tenants    map[uuid.UUID]*list.List // of *goodEntry, the latest used first
	bad        map[TokenHash]time.Time  // until when
	badOrder   []TokenHash              // oldest first
	used       used
}

// used are the ids of keys and of sessions that were used since that was last written.
type used struct{ keys, sessions map[uuid.UUID]struct{} }

// goodEntry is a key or session that was valid when it was looked up. It outlives its time: its client may look it up
// again, whatever else comes from the same address.
type goodEntry struct {
	hash       TokenHash
	principal  Principal
	until      time.Time
	generation int64
}

// verdict is what a process knows of a key or session.
type verdict int

const (
	unheardOf verdict = iota
	wasGood           // valid some time ago: look it up
	isGood
	isBad
)

func (c *authCache) get(hash TokenHash, now time.Time) (Principal, verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.good[hash]; element != nil {
		e := element.Value.(*goodEntry)
		c.tenants[e.principal.TenantID].MoveToFront(element)
		if e.generation != c.generation || now.After(e.until) {
			return Principal{}, wasGood
		}
		c.markUsed(e.principal)
		return e.principal, isGood
	}
	if until, known := c.bad[hash]; known && now.Before(until) {
		return Principal{}, isBad
	}
	return Principal{}, unheardOf
}

// now is the generation that a look-up which begins now belongs to.
func (c *authCache) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// put remembers what a look-up found; nil if that was nothing.
func (c *authCache) put(hash TokenHash, p *Principal, until time.Time, generation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p != nil {
		c.markUsed(*p)
	}
	c.remove(hash)
	switch {
	case p != nil:
		c.putGood(&goodEntry{hash, *p, until, generation})
	case generation == c.generation:
		c.putBad(hash, until)
	}
}

func (c *authCache) putGood(e *goodEntry) {
	if c.good == nil {
		c.good, c.tenants = map[TokenHash]*list.Element{}, map[uuid.UUID]*list.List{}
	}
	id := e.principal.TenantID
	if len(c.good) >= knownGood {
		c.makeRoom(id)
	}
	if c.tenants[id] == nil {
		c.tenants[id] = list.New()
	}
	c.good[e.hash] = c.tenants[id].PushFront(e)
}

// makeRoom forgets what was not used for the longest: the tenant's own, if it has at least its share, or else one of the
// tenant that has most.
func (c *authCache) makeRoom(id uuid.UUID) {
	of := c.tenants[id]
	if of == nil || of.Len() < knownGood/len(c.tenants) {
		for _, other := range c.tenants {
			if of == nil || other.Len() > of.Len() {
				of = other
			}
		}
	}
	c.remove(of.Back().Value.(*goodEntry).hash)
}

func (c *authCache) putBad(hash TokenHash, until time.Time) {
	if c.bad == nil {
		c.bad = map[TokenHash]time.Time{}
	}
	if _, known := c.bad[hash]; !known {
		if len(c.badOrder) == knownBad {
			delete(c.bad, c.badOrder[0])
			c.badOrder = c.badOrder[1:]
		}
		c.badOrder = append(c.badOrder, hash)
	}
	c.bad[hash] = until
}

func (c *authCache) remove(hash TokenHash) {
	element := c.good[hash]
	if element == nil {
		return
	}
	delete(c.good, hash)
	id := element.Value.(*goodEntry).principal.TenantID
	c.tenants[id].Remove(element)
	if c.tenants[id].Len() == 0 {
		delete(c.tenants, id)
	}
}

func (c *authCache) markUsed(p Principal) {
	switch {
	case p.DockSessionID != uuid.Nil:
	case p.Agent != nil:
		mark(&c.used.sessions, p.SessionID)
	default:
		mark(&c.used.keys, p.KeyID)
	}
}

func mark(set *map[uuid.UUID]struct{}, id uuid.UUID) {
	if *set == nil {
		*set = map[uuid.UUID]struct{}{}
	}
	(*set)[id] = struct{}{}
}

// forget makes every key and session be looked up again.
func (c *authCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.bad, c.badOrder = nil, nil
}

// forgetRefused makes those be looked up again that were refused.
func (c *authCache) forgetRefused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad, c.badOrder = nil, nil
}

func (c *authCache) takeUsed() used {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.used
	c.used = used{}
	return taken
}

// Resolve looks up who a key or a session's token belongs to, in memory or with find, and whose call ctx is therefore
// (SetTenant). What is not well-formed is refused without asking.
func (s *Keys) Resolve(
	ctx context.Context, plain string, wellFormed bool, find func(context.Context, TokenHash) (*Principal, error), refused error,
) (_ Principal, err error) {
	defer postgres.During(&err, "authenticate a credential")
	if plain == "" {
		return Principal{}, refused
	}
	c, known, hash := postgres.CallerOf(ctx), isBad, TokenHash{}
	if wellFormed {
		var p Principal
		hash = sha256.Sum256([]byte(plain))
		if p, known = s.auth.get(hash, time.Now()); known == isGood {
			postgres.SetTenant(ctx, p.TenantID)
			return p, nil
		}
	}
	if known != wasGood { // a client that shares an address with a guesser may go on to use its own
		if err := s.guesses.allow(c); err != nil {
			return Principal{}, err
		}
	}
	if known != isBad {
		generation := s.auth.now()
		p, err := find(postgres.AsStranger(ctx), hash)
		if err != nil {
			return Principal{}, err
		}
		s.auth.put(hash, p, time.Now().Add(authTTL), generation)
		if p != nil {
			postgres.SetTenant(ctx, p.TenantID)
			return *p, nil
		}
	}
	s.guesses.count(c)
	return Principal{}, refused
}

// runCache forgets keys and sessions when one changed, and writes every few seconds when they were last used, for all
// at once.
func (s *Keys) runCache(ctx context.Context) {
	changed, stop := s.db.Wakeups.Listen(topicKeys)
	defer stop()
	added, end := s.db.Wakeups.Listen(topicNewKey)
	defer end()
	write := time.NewTicker(authTTL)
	defer write.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			s.auth.forget()
		case <-added:
			s.auth.forgetRefused()
		case <-write.C:
			s.writeUsed(ctx)
		}
	}
}

func (s *Keys) writeUsed(ctx context.Context) {
	taken := s.auth.takeUsed()
	for _, one := range []struct {
		ids   map[uuid.UUID]struct{}
		query string
	}{
		{taken.keys, `UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY($1)`},
		{taken.sessions, `UPDATE sessions SET last_seen_at = clock_timestamp() WHERE id = ANY($1)`},
	} {
		if len(one.ids) == 0 {
			continue
		}
		_, err := s.db.SQL.ExecContext(ctx, one.query, slices.Collect(maps.Keys(one.ids)))
		if err != nil && ctx.Err() == nil {
			s.db.Log.Warn("last use of API keys and sessions not recorded", "error", err)
		}
	}
}
