// Package dockaction has what a dock may ask for, always about the conversation that it is embedded in. It reads the
// parameters of an action by the schemas of the contract and says what is wrong with them. It is pure.
package dockaction

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/atender/atender/models/calendar"
)

// schema is what the contract says of an action's parameters.
type schema struct {
	needs     string      // what the action needs, where it is not one parameter
	atLeast   int         // that many parameters
	exclusive [][2]string // not both of a pair
	params    []param
}

// param is what the contract says of a parameter, which is always a string.
type param struct {
	name      string
	says      string // what is right
	required  bool
	nullable  bool
	format    string // formatTime, formatID or none
	minLength int    // in Unicode code points
	maxLength int    // in Unicode code points; 0: no limit
	maxBytes  int    // of UTF-8; 0: no limit
}

// The formats of parameters.
const (
	formatTime = "date-time"
	formatID   = "uuid"
)

// Request is an action whose parameters are as the contract has them.
type Request struct {
	Kind   string
	params map[string]string
}

// Text is a parameter; empty where it was not given.
func (r Request) Text(name string) string { return r.params[name] }

// Time is a parameter of the format date-time that the action needs.
func (r Request) Time(name string) time.Time {
	t, _ := time.Parse(time.RFC3339, r.params[name]) // Parse has seen that it is one
	return t
}

// ID is a parameter of the format uuid; nil where it was not given.
func (r Request) ID(name string) *uuid.UUID {
	if r.params[name] == "" {
		return nil
	}
	id := uuid.MustParse(r.params[name]) // Parse has seen that it is one
	return &id
}

// Error is a refusal, which says what would be right.
type Error struct{ Code, Message string }

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{InvalidParams, fmt.Sprintf(format, args...)}
}

// Parse reads an action and its parameters, which came as JSON. Errors: *Error with UNKNOWN_ACTION or INVALID_PARAMS.
// wrongParams in api/sdk/dock-params.js says the same in the same words, before agents are asked and in the playground.
func Parse(kind string, params map[string]any) (Request, error) {
	r := Request{Kind: kind, params: map[string]string{}}
	s, ok := schemas[kind]
	if !ok {
		return r, &Error{UnknownAction, "there is no such action; there are " + strings.Join(Kinds, ", ")}
	}
	if err := s.known(kind, params); err != nil {
		return r, err
	}
	given := 0
	for _, p := range s.params {
		v, has := params[p.name]
		if !has && !p.required {
			continue
		}
		text, ok := p.read(v)
		if !ok {
			return r, invalid("%s %s", kind, p.expected())
		}
		r.params[p.name] = text
		given++
	}
	if given < s.atLeast {
		return r, invalid("%s needs %s", kind, s.needs)
	}
	for _, pair := range s.exclusive {
		if r.params[pair[0]] != "" && r.params[pair[1]] != "" {
			return r, invalid("%s takes %s or %s, not both", kind, pair[0], pair[1])
		}
	}
	return r, nil
}

// known refuses parameters that the action does not have.
func (s schema) known(kind string, params map[string]any) error {
	names := make([]string, len(s.params))
	for i, p := range s.params {
		names[i] = p.name
	}
	for name := range params {
		switch {
		case slices.Contains(names, name):
		case len(names) == 0:
			return invalid("%s takes no params", kind)
		default:
			return invalid("%s has no such param; it takes %s", kind, strings.Join(names, ", "))
		}
	}
	return nil
}

// read is the parameter's text, if that is right.
func (p param) read(v any) (text string, ok bool) {
	if v == nil && p.nullable {
		return "", true
	}
	if text, ok = v.(string); !ok {
		return "", false
	}
	length := utf8.RuneCountInString(text)
	if length < p.minLength || p.maxLength > 0 && length > p.maxLength || p.maxBytes > 0 && len(text) > p.maxBytes {
		return "", false
	}
	switch p.format {
	case formatTime:
		t, err := time.Parse(time.RFC3339, text)
		ok = err == nil && calendar.InYears(t)
	case formatID:
		_, err := uuid.Parse(text)
		ok = err == nil && len(text) == len(uuid.Nil.String())
	}
	return text, ok
}

// expected says what the parameter has to be.
func (p param) expected() string {
	if p.required {
		return "needs " + p.name + ": " + p.says
	}
	return "takes " + p.name + " as " + p.says
}
