// Package dockaction has what a dock may ask for: five actions, always about the conversation that it is embedded in. It
// reads their parameters and says what is wrong with them. It is pure.
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

// The five actions.
const (
	AddTag      = "addTag"
	Assign      = "assign"
	Resolve     = "resolve"
	Snooze      = "snooze"
	SendMessage = "sendMessage"
)

// Kinds are the five actions.
var Kinds = []string{AddTag, Assign, Resolve, SendMessage, Snooze}

// Codes of what becomes of an action that is not carried out. They are part of the protocol between frame and host.
const (
	NotAllowed        = "NOT_ALLOWED"        // the dock may not, or the agent may not
	InvalidParams     = "INVALID_PARAMS"     // the message says what would be right
	InvalidTransition = "INVALID_TRANSITION" // not in the status the conversation is in
	UnknownAction     = "UNKNOWN_ACTION"
	Expired           = "EXPIRED" // it could not be carried out within a quarter of an hour
)

// Limits of parameters.
const (
	maxTag  = 100       // characters, as everywhere
	maxText = 256 << 10 // bytes
)

// Request is an action with its parameters: exactly one of the pointers is set, or none for resolve.
type Request struct {
	Kind    string
	Tag     *string
	Until   *time.Time
	Message *Message
	To      *Assignment
}

// Message is what sendMessage sends.
type Message struct {
	Text string
	HTML *string
}

// Assignment is whom assign assigns to: a person, a team, or both; each in one way at most.
type Assignment struct {
	AgentID    *uuid.UUID
	AgentEmail *string
	TeamID     *uuid.UUID
	TeamName   *string
}

// Error is a refusal, which says what would be right.
type Error struct{ Code, Message string }

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{InvalidParams, fmt.Sprintf(format, args...)}
}

// Parse reads an action and its parameters, which came as JSON. Errors: *Error with UNKNOWN_ACTION or INVALID_PARAMS.
func Parse(kind string, params map[string]any) (Request, error) {
	r := Request{Kind: kind}
	takes := map[string][]string{
		AddTag: {"tag"}, Assign: {"agentId", "agentEmail", "teamId", "teamName"}, Resolve: {}, Snooze: {"until"},
		SendMessage: {"text", "html"},
	}
	known, ok := takes[kind]
	if !ok {
		return r, &Error{UnknownAction, "there is no such action; there are " + strings.Join(Kinds, ", ")}
	}
	for name := range params {
		switch {
		case slices.Contains(known, name):
		case len(known) == 0:
			return r, invalid("%s takes no params", kind)
		default:
			return r, invalid("%s has no such param; it takes %s", kind, strings.Join(known, ", "))
		}
	}
	var err error
	switch kind {
	case AddTag:
		r.Tag, err = parseTag(params)
	case Assign:
		r.To, err = parseAssign(params)
	case Snooze:
		r.Until, err = parseUntil(params)
	case SendMessage:
		r.Message, err = parseMessage(params)
	}
	return r, err
}

func parseTag(params map[string]any) (*string, error) {
	tag, ok := params["tag"].(string)
	if n := utf8.RuneCountInString(tag); !ok || n == 0 || n > maxTag {
		return nil, invalid("addTag needs tag: the tag's name, 1 to %d characters", maxTag)
	}
	return &tag, nil
}

func parseUntil(params map[string]any) (*time.Time, error) {
	text, _ := params["until"].(string)
	until, err := time.Parse(time.RFC3339, text)
	if err != nil || !calendar.InYears(until) {
		return nil, invalid("snooze needs until: an RFC 3339 time such as 2026-11-21T09:30:00Z, in the future")
	}
	return &until, nil
}

func parseMessage(params map[string]any) (*Message, error) {
	text, ok := params["text"].(string)
	if !ok || text == "" {
		return nil, invalid("sendMessage needs text: what to send to the customer")
	}
	m := Message{Text: text}
	if html, given := params["html"]; given && html != nil {
		s, ok := html.(string)
		if !ok {
			return nil, invalid("sendMessage takes html as a string")
		}
		if s != "" {
			m.HTML = &s
		}
	}
	if len(text) > maxText || m.HTML != nil && len(*m.HTML) > maxText {
		return nil, invalid("text and html must have at most 256 KiB each, as UTF-8")
	}
	return &m, nil
}

func parseAssign(params map[string]any) (*Assignment, error) {
	var a Assignment
	given := 0
	for name, v := range params {
		s, ok := v.(string)
		if !ok || s == "" {
			return nil, invalid("assign needs %s as a string that is not empty", name)
		}
		given++
		switch name {
		case "agentEmail":
			a.AgentEmail = &s
		case "teamName":
			a.TeamName = &s
		default:
			id, err := uuid.Parse(s)
			if err != nil {
				return nil, invalid("assign needs %s as an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10", name)
			}
			if name == "agentId" {
				a.AgentID = &id
			} else {
				a.TeamID = &id
			}
		}
	}
	switch {
	case given == 0:
		return nil, invalid("assign needs whom to assign to: agentId or agentEmail, teamId or teamName, or one of each")
	case a.AgentID != nil && a.AgentEmail != nil:
		return nil, invalid("assign takes agentId or agentEmail, not both")
	case a.TeamID != nil && a.TeamName != nil:
		return nil, invalid("assign takes teamId or teamName, not both")
	}
	return &a, nil
}
