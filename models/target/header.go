package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/atender/atender/models/problem"
)

// Limits of the custom headers of a subscription.
const (
	MaxHeaders     = 20
	MaxHeaderName  = 128  // bytes
	MaxHeaderValue = 4096 // bytes
)

// reservedHeaders may not be custom: they would break the framing of the request, contradict what Atender says in its
// own headers, or be taken for the word of a proxy or of a cloud's own agent by whatever is at the other end.
var reservedHeaders = map[string]bool{
	// Connection management and framing (RFC 9110, section 7.6.1; RFC 9112; RFC 9113).
	"connection": true, "keep-alive": true, "te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
	"http2-settings": true, "expect": true, "host": true,
	// Ours to say. Accept-Encoding, because the answer is read as it comes, within limits that compression would defeat.
	"user-agent": true, "accept-encoding": true, "x-idempotency-key": true,
	// Claims about who is asking, and overrides of the method, that inner servers may believe.
	"forwarded": true, "via": true, "x-real-ip": true, "x-http-method": true, "x-http-method-override": true,
	"x-method-override": true, "x-original-url": true, "x-rewrite-url": true,
	// Passwords to the metadata services of clouds: Google and IBM, Azure.
	"metadata-flavor": true, "metadata": true,
}

var reservedPrefixes = []string{
	"content-", "proxy-", "webhook-", "x-atender-", "x-forwarded-", "sec-",
	"x-aws-ec2-metadata-", "x-aliyun-ecs-metadata-", "x-google-metadata-",
}

// CheckHeaders returns what is wrong with the custom headers of a subscription, in the order of their names: at most
// 20, names that are tokens (RFC 9110, section 5.6.2) and not reserved, values of 1 to 4096 visible ASCII characters
// , with spaces and tabs only inside. Values are secrets, so the messages never show them.
func CheckHeaders(headers map[string]string) []problem.Field {
	var wrong []problem.Field
	if n := len(headers); n > MaxHeaders {
		wrong = append(wrong, problem.Field{Field: "headers", Code: "too_many",
			Message: fmt.Sprintf("may have at most %d entries, has %d", MaxHeaders, n)})
	}
	seen := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		code, message := checkHeader(name, headers[name])
		if lower := strings.ToLower(name); code == "" && seen[lower] {
			code, message = "duplicate", "is there twice in different case"
		} else {
			seen[lower] = true
		}
		if code != "" {
			wrong = append(wrong, problem.Field{Field: "headers." + shown(name), Code: code, Message: message})
		}
	}
	return wrong
}

// HeaderOK reports whether one custom header may be sent. The sender asks it again, because a header may have been
// stored before a rule was made.
func HeaderOK(name, value string) bool {
	code, _ := checkHeader(name, value)
	return code == ""
}

func checkHeader(name, value string) (code, message string) {
	switch {
	case !validToken(name) || len(name) > MaxHeaderName:
		return "invalid_name", fmt.Sprintf("must be a header name of 1 to %d letters, digits and -", MaxHeaderName)
	case reserved(name):
		return "reserved", "is a header that Atender or the connection itself sets, or that other servers trust"
	case value == "":
		return "required", "must have a value"
	case len(value) > MaxHeaderValue:
		return "too_long", fmt.Sprintf("may have a value of at most %d characters, has %d", MaxHeaderValue, len(value))
	case strings.Trim(value, " \t") != value || strings.ContainsFunc(value, notInValue):
		return "invalid_value", "must have a value of visible ASCII characters, without line breaks or spaces at its ends"
	}
	return "", ""
}

// reserved reports whether a custom header may not have this name, in whatever case. Underscores count as hyphens, as
// servers that hand headers on as environment variables (RFC 3875, section 4.1.18) cannot tell them apart.
func reserved(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return reservedHeaders[name] || slices.ContainsFunc(reservedPrefixes, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// validToken reports whether name is a token of RFC 9110, section 5.6.2.
func validToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func notInValue(r rune) bool { return r != ' ' && r != '\t' && notVisible(r) }

// shown makes a name fit to stand in an answer: what is no token may be anything, also very long.
func shown(name string) string {
	if len(name) > MaxHeaderName {
		name = name[:MaxHeaderName]
	}
	if !validToken(name) {
		return fmt.Sprintf("%q", name)
	}
	return name
}
