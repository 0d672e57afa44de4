package validation

import (
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/atender/atender/models/calendar"
)

// formatError is what is wrong with a value, said so that it can be put right.
type formatError string

// Error implements error.
func (e formatError) Error() string { return string(e) }

// formats checks the string formats of the document. The two of them that the validator brings itself are too lax: its
// date-time lets the 31st of February through.
var formats = map[string]openapi3.StringFormatValidator{
	"date-time": openapi3.NewCallbackValidator(checkTime),
	"email":     openapi3.NewCallbackValidator(checkEmail),
	"uuid":      openapi3.NewCallbackValidator(checkUUID),
	"phone": openapi3.NewCallbackValidator(func(s string) error {
		_, err := NormalPhone(s)
		return err
	}),
}

// formatHints are said when the validator does not pass on the reason.
var formatHints = map[string]string{
	"date-time": hintTime,
	"email":     hintEmail,
	"uuid":      hintUUID,
	"phone":     hintPhone,
}

const (
	hintTime  = "must be an RFC 3339 time such as 2026-11-21T09:30:00Z, in the years 1970 to 2199"
	hintEmail = "must be an e-mail address such as ada@example.com"
	hintUUID  = "must be an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
	hintPhone = "must be an E.164 phone number such as +442079460958"
)

func checkTime(s string) error {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !calendar.InYears(t) {
		return formatError(hintTime)
	}
	return nil
}

// checkUUID takes the canonical form only (RFC 9562, section 4), not the others that package uuid reads.
func checkUUID(s string) error {
	if len(s) != 36 || uuid.Validate(s) != nil {
		return formatError(hintUUID)
	}
	return nil
}

// checkEmail takes a bare address (RFC 5322, addr-spec) of at most 254 bytes, its local part at most 64 (RFC 5321,
// section 4.5.3.1): no display name, no quoting, no comment, no address literal.
func checkEmail(s string) error {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || len(s) > 254 {
		return formatError(hintEmail)
	}
	at := strings.LastIndexByte(s, '@')
	local, domain := s[:at], s[at+1:]
	if len(local) > 64 || strings.ContainsAny(local, "\"() <>\t\r\n") || !domainName.MatchString(domain) {
		return formatError(hintEmail)
	}
	return nil
}

// domainName is a host name (RFC 1123, section 2.1) whose labels may be in any script.
var domainName = func() *regexp.Regexp {
	const label = `[\pL\pN]([\pL\pN\pM-]{0,61}[\pL\pN\pM])?`
	return regexp.MustCompile(`^` + label + `(\.` + label + `)*$`)
}()

var (
	phonePunctuation = strings.NewReplacer("(", "", ")", "", "-", "", ".", "", "/", "", " ", "", "\u00a0", "")
	// e164 is + and at most 15 digits that begin with a country code (ITU-T E.164, section 6). The shortest numbers
	// in use have 7 digits with their country code.
	e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

// NormalPhone takes spaces and punctuation out of a phone number. Errors: formatError when the rest is not E.164.
func NormalPhone(s string) (string, error) {
	p := phonePunctuation.Replace(s)
	if !e164.MatchString(p) {
		return "", formatError(hintPhone)
	}
	return p, nil
}
