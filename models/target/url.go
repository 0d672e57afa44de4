package target

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/atender/atender/models/problem"
)

// MaxURL is the greatest length of a webhook URL, in bytes.
const MaxURL = 2048

const (
	maxHost  = 253 // RFC 1035, section 2.3.4, as text
	maxLabel = 63
)

// Error says what is wrong with a webhook URL. Code is lower snake, for programs; Message is for people.
type Error struct {
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return "URL " + e.Message }

// Field returns the error as a detail of a 400 answer about the named field.
func (e *Error) Field(field string) problem.Field {
	return problem.Field{Field: field, Code: e.Code, Message: e.Message}
}

func refuse(code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CheckURL reports whether a webhook may be sent to raw; its errors are *Error. It looks at the text only and resolves
// no name: an address that turns out to be inside is refused by DialControl. What it does refuse is what could never
// work, what hides its destination from a reader, and what one library reads in another way than the next: "127.1" or
// "0x7f000001" is 127.0.0.1 to the C library's resolver and no address at all to Go's.
func (p Policy) CheckURL(raw string) error {
	switch {
	case raw == "":
		return refuse("required", "is required")
	case len(raw) > MaxURL:
		return refuse("too_long", "may have at most %d characters, has %d", MaxURL, len(raw))
	case strings.ContainsFunc(raw, notVisible):
		// Full-width digits and the like are turned into plain ones on the way to the socket.
		return refuse("not_ascii", "must consist of visible ASCII characters: write an international host name in "+
			"its xn-- form and percent-encode everything else")
	case strings.Contains(raw, "#"):
		return refuse("fragment", "must not have a fragment (#…): it would not be sent")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return refuse("malformed", "is not a valid URL")
	}
	switch {
	case !u.IsAbs() || u.Opaque != "":
		return refuse("not_absolute", "must be absolute, like https://example.com/hook")
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("scheme", "must start with https://")
	case u.Scheme == "http" && !p.AllowHTTP:
		return refuse("scheme", "must start with https://: this installation does not send over plain http")
	case u.User != nil:
		return refuse("user_info", "must not have a user name or password: use a custom header such as Authorization")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return refuse("port", "has a port that is not between 1 and 65535")
		}
	}
	return p.checkHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

func (p Policy) checkHost(host string, brackets bool) error {
	switch {
	case host == "":
		return refuse("no_host", "must name a host, like https://example.com/hook")
	case brackets:
		return p.checkIPv6(host)
	case len(host) > maxHost:
		return refuse("host", "has a host name of more than %d characters", maxHost)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || strings.ContainsFunc(label, notInLabel) {
			return refuse("host", "has a host that is not a valid host name")
		}
	}
	if numeric(labels[len(labels)-1]) {
		return p.checkIPv4(host)
	}
	if localName(name) && !p.allowsLoopback() {
		return refuse("address", "must not point to this machine: %s", notPublic)
	}
	return nil
}

const notPublic = "webhooks go to public addresses only"

// localName reports whether a name means the machine itself wherever it is resolved: RFC 6761, section 6.3, and the
// names that Linux distributions put into /etc/hosts.
func localName(name string) bool {
	switch name {
	case "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6",
		"localhost6.localdomain6", "ip6-localhost", "ip6-loopback":
		return true
	}
	return strings.HasSuffix(name, ".localhost")
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// numeric reports whether the last label of a host makes browsers and C libraries read the host as an IPv4 address:
// digits, or 0x and hexadecimal digits (URL Standard, "ends in a number checker"). No top-level domain is like that.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func (p Policy) checkIPv4(host string) error {
	addr, err := netip.ParseAddr(host) // four decimal numbers, no leading zeros, no dot at the end
	if err != nil {
		return refuse("numeric_host", "has a numeric host: write the address as four decimal numbers, like 192.0.2.1, "+
			"or use a name")
	}
	return p.checkAddr(addr)
}

func (p Policy) checkIPv6(host string) error {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil || !addr.Is6():
		return refuse("host", "has a host in brackets that is not an IPv6 address")
	case addr.Zone() != "":
		return refuse("zone", "must not have an IPv6 zone (%%…)")
	case addr.Is4In6():
		return refuse("numeric_host", "has an IPv4 address in IPv6 form: write it as four decimal numbers")
	}
	return p.checkAddr(addr)
}

func (p Policy) checkAddr(addr netip.Addr) error {
	if !p.checker()(addr) {
		return refuse("address", "points to an address that is not allowed: %s", notPublic)
	}
	return nil
}
