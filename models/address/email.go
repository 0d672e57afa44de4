// Package address reads e-mail addresses and phone numbers as they are written, and says which of them are the same: pure
// rules, the one place that has them.
package address

import (
	"net/mail"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// Limits of an e-mail address, in bytes (RFC 5321, section 4.5.3.1, with erratum 1690).
const (
	MaxEmail = 254
	maxLocal = 64
)

// HintEmail says what an e-mail address looks like.
const HintEmail = "must be an e-mail address such as ada@example.com"

// Error is what is wrong with an address, said so that it can be put right.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// domainName is a host name (RFC 1123, section 2.1) whose labels may be in any script.
var domainName = func() *regexp.Regexp {
	const label = `[\pL\pN]([\pL\pN\pM-]{0,61}[\pL\pN\pM])?`
	return regexp.MustCompile(`^` + label + `(\.` + label + `)*$`)
}()

// domains maps a domain as it is written to the one that is looked up (UTS 46, non-transitional): upper case, full-width
// letters and punycode are spellings of the same name. Hyphens in third and fourth place are in use and let through.
var domains = idna.New(
	idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.CheckHyphens(false), idna.VerifyDNSLength(true),
)

// CheckEmail takes a bare address (RFC 5322, addr-spec) of at most MaxEmail bytes whose domain can be looked up: no display
// name, no quoting, no comment, no address literal. Errors: Error.
func CheckEmail(s string) error {
	if len(s) > MaxEmail {
		return Error(HintEmail)
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return Error(HintEmail)
	}
	local, domain := split(s)
	if len(local) > maxLocal || strings.ContainsAny(local, "\"() <>\t\r\n") || !domainName.MatchString(domain) {
		return Error(HintEmail)
	}
	if _, err := domains.ToASCII(domain); err != nil {
		return Error(HintEmail + ": there can be no domain " + domain)
	}
	return nil
}

// EmailKey is what two spellings of one mailbox have in common: the local part with A to Z in lower case, the domain as it
// is looked up. Other letters of the local part stay as they are: to a mail server U+212A (the Kelvin sign) is no k. What
// is no address has a key too, which is that of no address that CheckEmail takes.
func EmailKey(s string) string {
	local, domain := split(s)
	if domain == "" {
		return lowerASCII(s)
	}
	return lowerASCII(local) + "@" + domainKey(domain)
}

func domainKey(domain string) string {
	lower := lowerASCII(domain)
	if len(domain) > MaxEmail || isASCII(lower) && !strings.Contains(lower, "xn--") {
		return lower // the mapping would come to the same
	}
	if ascii, err := domains.ToASCII(domain); err == nil {
		return ascii
	}
	return lower
}

func split(s string) (local, domain string) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s, ""
	}
	return s[:at], s[at+1:]
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
