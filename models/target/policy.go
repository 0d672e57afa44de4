// Package target says where webhooks may go: which URLs and custom headers a subscription may have, checked when it is
// registered and again when it is used, and which addresses may be dialled, checked on the socket. The check on the
// socket is the one that counts, because a name may resolve to something else a moment later.
package target

import (
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// wireServer is Azure's platform address: it hands out credentials, and it is public, so no registry of special
// addresses has it (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
var wireServer = netip.MustParsePrefix("168.63.129.16/32")

// Policy is what the operator permits. The zero value is the strict one for production: https to public addresses.
type Policy struct {
	AllowHTTP bool           // accept http:// as well as https://
	Allow     []netip.Prefix // networks let through although they are not public, for example 127.0.0.0/8 in dev
}

// BlockedError is the refusal to dial. It says nothing about the address or the reason: its text is shown to tenants,
// who must not learn from it what there is inside.
type BlockedError struct{}

// Error implements error.
func (*BlockedError) Error() string { return "address not allowed" }

// NoAddress is what a tenant is told of an endpoint whose host has no address to send to. Why not, it does not say: a
// name that exists only inside must not be told from one that does not exist.
const NoAddress = "the endpoint's host has no address that webhooks may be sent to: check its name, " +
	"and that it is public"

// DialControl returns the check to hang into net.Dialer.Control, where the address is the one really dialled: after
// name resolution, whatever the spelling. Any port is allowed. Its only error is *BlockedError.
//
// Beyond the rules of code.dny.dev/ssrf (the IANA registries of special addresses; of IPv6, only what is in 2000::/3
// and not special there) it refuses 168.63.129.16, addresses with a zone, and IPv4-mapped ones, which Allow cannot let
// through: they would escape a rule written for IPv4. A NAT64 prefix of the operator's own inside 2000::/3 cannot be
// told from public addresses; the NAT64 gateway must refuse private ones.
func (p Policy) DialControl() func(network, address string, c syscall.RawConn) error {
	safe := p.checker()
	return func(network, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || (network != "tcp4" && network != "tcp6") || !safe(at.Addr()) {
			return &BlockedError{}
		}
		return nil
	}
}

// checker returns the test of one address.
func (p Policy) checker() func(netip.Addr) bool {
	var v4, v6 []netip.Prefix
	for _, prefix := range p.Allow {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix.Masked())
		} else {
			v6 = append(v6, prefix.Masked())
		}
	}
	inside := ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(wireServer),
		ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return func(addr netip.Addr) bool {
		// netip.Prefix.Contains is false for every address with a zone, so deny lists would not see it.
		if !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() {
			return false
		}
		return inside.SafeAddr(addr) == nil
	}
}

// allowsLoopback reports whether the machine itself may be dialled, and names for it registered.
func (p Policy) allowsLoopback() bool {
	safe := p.checker()
	return slices.ContainsFunc([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}, safe)
}
