// Package problem is the one error type that users of Atender see: a stable code, a sentence that says what was
// wrong and what would be right, and details a program can act on. Everything that is not a *problem.Error is
// internal: its text goes to the log and never to a client.
package problem

import (
	"errors"
	"fmt"
	"maps"
)

// Kind says what sort of trouble an Error is. It decides the HTTP status (in one place, package api) and whether a
// workflow may try again (in one place, package activities).
type Kind int

// The kinds, with the HTTP status that package api gives them.
const (
	Internal     Kind = iota // 500: our fault; the text is not shown
	Invalid                  // 400: the request cannot be right as it is
	Unauthorized             // 401: no valid key
	Forbidden                // 403: a valid key that may not do this
	NotFound                 // 404: no such thing, or another tenant's
	Conflict                 // 409: right in itself, but not in this state
	Precondition             // 412: If-Match does not match
	Gone                     // 410: it was there, and is not any more
	TooLarge                 // 413: the body is over the limit
	Limited                  // 429: too many
	Unavailable              // 503: something we need is away; trying again later is right
)

// Error is a failure that the caller can understand and act on.
type Error struct {
	Kind    Kind
	Code    string         // upper snake, listed in the OpenAPI document, e.g. EXTERNAL_REFERENCE_EXISTS
	Message string         // one sentence for people
	Details map[string]any // for programs; nil when there is nothing to add
	Cause   error          // for the log only
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes two problems equal for errors.Is when their codes are.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy of e that carries one more detail.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	return &c
}

// New makes a problem. The message may have fmt verbs.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// As returns the problem in err's chain, if there is one.
func As(err error) (*Error, bool) {
	return errors.AsType[*Error](err)
}

// Field is one thing wrong with one field of a request. Field is its path in the body ("contact.email") or the name of
// the parameter; Code is lower snake ("required", "too_long", "unknown_field").
type Field struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Fields makes the 400 VALIDATION_FAILED answer from what is wrong, and nil from nothing.
func Fields(fields ...Field) error {
	if len(fields) == 0 {
		return nil
	}
	msg := fields[0].Field + ": " + fields[0].Message
	if n := len(fields) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	return &Error{Kind: Invalid, Code: CodeValidation, Message: msg, Details: map[string]any{"fields": fields}}
}
