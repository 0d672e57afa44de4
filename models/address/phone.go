package address

import (
	"errors"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// MaxPhone is how long a phone number may be as it is written, in bytes: 15 digits, each with punctuation.
const MaxPhone = 64

// HintPhone says what a phone number looks like.
const HintPhone = "must be a phone number with its country code such as +44 20 7946 0958"

// writtenPhone is a phone number as people write it: +, digits, and what they put between them.
var writtenPhone = regexp.MustCompile(`^\s*\+[0-9 \x{a0}\x{202f}().\-/]+$`)

// plainSpaces puts a space for those that the library does not know.
var plainSpaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ")

// Phone reads a phone number as it is written, +44 (0)20 7946 0958 say, and returns it as it is stored and dialled from
// abroad: E.164, +442079460958. The trunk prefix that the country does not use behind its code is taken out. Errors: Error
// for what is no number, and for one that cannot exist: its country code is none, or none of its numbers has this length.
func Phone(s string) (string, error) {
	if len(s) > MaxPhone || !writtenPhone.MatchString(s) {
		return "", Error(HintPhone)
	}
	n, err := phonenumbers.Parse(plainSpaces.Replace(strings.TrimSpace(s)), "")
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "", Error("begins with no country code: " + HintPhone)
	case err != nil:
		return "", Error(HintPhone)
	}
	switch phonenumbers.IsPossibleNumberWithReason(n) {
	case phonenumbers.IS_POSSIBLE:
		return stablePhone(phonenumbers.Format(n, phonenumbers.E164))
	case phonenumbers.TOO_SHORT, phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return "", Error("has too few digits for a number of its country: " + HintPhone)
	case phonenumbers.TOO_LONG:
		return "", Error("has too many digits for a number of its country: " + HintPhone)
	case phonenumbers.INVALID_COUNTRY_CODE:
		return "", Error("begins with no country code: " + HintPhone)
	default: // INVALID_LENGTH
		return "", Error("has as many digits as no number of its country: " + HintPhone)
	}
}

// stablePhone returns an E.164 number that is read as itself. +44 00 0000 0000 0 is not: of its zeros each reading takes one
// for the trunk prefix, so that the number would be another whenever it is read again, and no telephone has it.
func stablePhone(e164 string) (string, error) {
	n, err := phonenumbers.Parse(e164, "")
	if err != nil || phonenumbers.Format(n, phonenumbers.E164) != e164 {
		return "", Error("has a trunk prefix more than its country uses: " + HintPhone)
	}
	return e164, nil
}
