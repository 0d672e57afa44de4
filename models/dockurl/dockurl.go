// Package dockurl has the rules for what a dock's frame may show and be: its URL with placeholders, the further origins
// it may go to, the permissions it may have. It is pure.
//
// A placeholder, {{contact.email}}, stands for something of the conversation that the agent has open. Its value is
// percent-encoded as encodeURIComponent does. Placeholders stand behind the host only, so that no value decides where
// the frame goes.
package dockurl

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/atender/atender/models/problem"
)

// MaxURL is the greatest length of a dock's URL, in bytes, placeholders as they are written.
const MaxURL = 2048

// Names are the placeholders that there are, but for the custom fields: contact.customFields.<key> and
// conversation.customFields.<key>. What changes often, such as the status, is not among them: a new value means a new
// page.
var Names = []string{
	"agent.email", "agent.id", "agent.name", "agent.number",
	"contact.email", "contact.id", "contact.name", "contact.number", "contact.phone",
	"conversation.channel", "conversation.externalReference", "conversation.id", "conversation.number",
	"dock.id", "tenant.id",
}

var (
	placeholder     = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	customFieldName = regexp.MustCompile(`^(contact|conversation)\.customFields\.[a-z0-9_]{1,64}$`)
)

// Policy says what an installation allows.
type Policy struct {
	// AllowLoopbackHTTP lets docks be at http:// addresses of the machine itself, for development.
	AllowLoopbackHTTP bool
	// Host is the installation's own URL, at whose origin no dock may be: a frame of the same origin could reach into
	// the console. Empty when it is not known.
	Host string
}

// Origin is the origin (RFC 6454) of a URL or of a template that CheckURL accepts, in lower case, without a default port.
func Origin(raw string) string {
	u, err := url.Parse(placeholder.ReplaceAllString(raw, ""))
	if err != nil {
		return ""
	}
	return originOf(u)
}

func originOf(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// CheckURL says what is wrong with a dock's URL as the named field; nothing if it is right.
func (p Policy) CheckURL(field, raw string) []problem.Field {
	refuse := refuser(field)
	bare := placeholder.ReplaceAllString(raw, "")
	switch {
	case raw == "":
		return refuse("required", "is required")
	case len(raw) > MaxURL:
		return refuse("too_long", "must have at most 2048 characters")
	case strings.ContainsFunc(bare, notVisible):
		return refuse("not_ascii", "must consist of visible ASCII characters: write an international host name in its "+
			"xn-- form and percent-encode everything else")
	}
	for _, found := range placeholder.FindAllStringSubmatch(raw, -1) {
		if name := found[1]; !slices.Contains(Names, name) && !customFieldName.MatchString(name) {
			return refuse("unknown_placeholder", "has a placeholder that there is not; there are "+strings.Join(Names, ", ")+
				", and contact.customFields.<key>, conversation.customFields.<key>")
		}
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if strings.ContainsAny(scheme+authority, "{}") {
		return refuse("placeholder", "must not have a placeholder before the path: no value decides where the frame goes")
	}
	if strings.ContainsAny(bare, "{}") {
		return refuse("placeholder", "has a brace that belongs to no placeholder such as {{contact.email}}: write it as "+
			"%7B or %7D")
	}
	u, err := url.Parse(bare)
	if err != nil {
		return refuse("malformed", "is not a valid URL")
	}
	return p.checkOrigin(field, u)
}

// CheckOrigin says what is wrong with a further origin that a dock's frame may go to; nothing if it is right.
func (p Policy) CheckOrigin(field, raw string) []problem.Field {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 300 || strings.ContainsFunc(raw, notVisible) || u.Path != "" || strings.ContainsAny(raw, "?#") {
		return refuser(field)("invalid", "must be an origin such as https://login.example.com, without a path")
	}
	return p.checkOrigin(field, u)
}

var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// checkOrigin looks at scheme, host and port. A host consists of plain labels or is an IP address: it becomes part of a
// Content-Security-Policy, where a stray character would mean something.
func (p Policy) checkOrigin(field string, u *url.URL) []problem.Field {
	refuse := refuser(field)
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	isAddr := err == nil && addr.Zone() == ""
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || host == "":
		return refuse("not_absolute", "must be absolute, like https://tools.example.com/dock")
	case u.User != nil:
		return refuse("user_info", "must not have a user name or password")
	case !isAddr && slices.ContainsFunc(strings.Split(host, "."), func(l string) bool { return !hostLabel.MatchString(l) }),
		!isAddr && len(host) > 253:
		return refuse("host", "has a host that is not a valid host name")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return refuse("port", "has a port that is not between 1 and 65535")
		}
	}
	if loopback := p.AllowLoopbackHTTP && isLoopback(host); u.Scheme == "http" && !loopback {
		return refuse("scheme", "must start with https://")
	}
	if p.Host != "" && originOf(u) == Origin(p.Host) {
		return refuse("own_origin", "must not be where Atender itself is: a frame of the same origin could reach into "+
			"the console")
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`|", r) }

func refuser(field string) func(code, message string) []problem.Field {
	return func(code, message string) []problem.Field {
		return []problem.Field{{Field: field, Code: code, Message: message}}
	}
}

// Expand fills in a URL's placeholders with values by name; one without a value becomes nothing. The URL is one that
// CheckURL accepts, and its origin stays what it was.
func Expand(template string, values map[string]string) string {
	scheme, rest, _ := strings.Cut(template, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return template
	}
	head, tail := scheme+"://"+rest[:end], rest[end:]
	path, further := tail, ""
	if i := strings.IndexAny(tail, "?#"); i >= 0 {
		path, further = tail[:i], tail[i:]
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		filled := fill(segment, values)
		// A browser would take such a segment, that a value has made, for a step up (URL Standard, "double-dot").
		if filled != segment && (filled == "." || filled == "..") {
			filled = ""
		}
		segments[i] = filled
	}
	return head + strings.Join(segments, "/") + fill(further, values)
}

func fill(part string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(part, func(found string) string {
		return escape(values[placeholder.FindStringSubmatch(found)[1]])
	})
}

// escape percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
func escape(s string) string {
	return strings.NewReplacer("+", "%20").Replace(url.QueryEscape(s))
}
