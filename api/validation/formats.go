package validation

import (
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/atender/atender/models/address"
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
	"email":     openapi3.NewCallbackValidator(address.CheckEmail),
	"uuid":      openapi3.NewCallbackValidator(checkUUID),
	"phone": openapi3.NewCallbackValidator(func(s string) error {
		_, err := address.Phone(s)
		return err
	}),
}

// formatHints are said when the validator does not pass on the reason.
var formatHints = map[string]string{
	"date-time": hintTime,
	"email":     address.HintEmail,
	"uuid":      hintUUID,
	"phone":     address.HintPhone,
}

const (
	hintTime = "must be an RFC 3339 time such as 2026-11-21T09:30:00Z, in the years 1970 to 2199"
	hintUUID = "must be an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10"
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
