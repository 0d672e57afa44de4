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

// CheckHeaders returns what is wrong with the custom headers of a subscription, in the order of their names: at most
// 20, names that are tokens (RFC 9110, section 5.6.2) and in none of headerFamilies, values of 1 to 4096 visible ASCII
// characters, with spaces and tabs only inside. Values are secrets, so the messages never show them.
func CheckHeaders(headers map[string]string) []problem.Field {
	var wrong []problem.Field
	if n := len(headers); n > MaxHeaders {
		wrong = append(wrong, problem.Field{Field: "headers", Code: "too_many",
			Message: fmt.Sprintf("may have at most %d entries, has %d", MaxHeaders, n)})
	}
	seen := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		code, message := checkHeader(name, headers[name])
		if same := sameHeader(name); code == "" && seen[same] {
			code, message = "duplicate", "is there twice in different spelling: case, - and _ make no difference to servers"
		} else {
			seen[same] = true
		}
		if code != "" {
			wrong = append(wrong, problem.Field{Field: "headers." + shown(name), Code: code, Message: message})
		}
	}
	return wrong
}

// Sendable returns those of a subscription's stored headers that may be sent, at most MaxHeaders. The sender asks again
// what CheckHeaders has checked, because a header may have been stored before a rule was made. Of names that are the
// same to servers the first in the order of bytes is taken.
func Sendable(headers map[string]string) map[string]string {
	sendable := make(map[string]string, min(len(headers), MaxHeaders))
	seen := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		same := sameHeader(name)
		if code, _ := checkHeader(name, headers[name]); code != "" || seen[same] || len(sendable) == MaxHeaders {
			continue
		}
		seen[same] = true
		sendable[name] = headers[name]
	}
	return sendable
}

func checkHeader(name, value string) (code, message string) {
	family := familyOf(name)
	switch {
	case !validToken(name) || len(name) > MaxHeaderName:
		return "invalid_name", fmt.Sprintf("must be a header name of 1 to %d letters, digits and -", MaxHeaderName)
	case family != nil:
		return "reserved", fmt.Sprintf("is one of the headers %s, and %s: choose a name of your own, such as X-Shop-Token",
			family.what, family.why)
	case value == "":
		return "required", "must have a value"
	case len(value) > MaxHeaderValue:
		return "too_long", fmt.Sprintf("may have a value of at most %d characters, has %d", MaxHeaderValue, len(value))
	case strings.Trim(value, " \t") != value || strings.ContainsFunc(value, notInValue):
		return "invalid_value", "must have a value of visible ASCII characters, without line breaks or spaces at its ends"
	}
	return "", ""
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
