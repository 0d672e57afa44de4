package scope

import (
	"slices"
	"strings"
)

// The scopes that guard what events and docks show.
const (
	conversationsRead  = "conversations:read"
	conversationsWrite = "conversations:write"
	contactsRead       = "contacts:read"
)

// everyEvent is what a webhook names for all types of events.
const everyEvent = "*"

// testEvent is the type of a webhook's test, which says nothing of the tenant's conversations.
const testEvent = "webhook.test"

// DockHost is what an API key needs that opens docks for agents: the token of the session acts on conversations in the
// name of the agent, and the context shows the conversation with its contact.
var DockHost = []string{"docks:write", conversationsWrite, contactsRead}

// ForEvents are the scopes that whoever is sent events of these types, or shown their payloads, must have. "*" stands for
// all types. Events of a contact alone need contacts:read; all others conversations:read, which covers the contact inside
// a conversation; a test needs nothing. A type that does not exist counts as a conversation's.
func ForEvents(types ...string) []string {
	var needed []string
	add := func(scope string) {
		if !slices.Contains(needed, scope) {
			needed = append(needed, scope)
		}
	}
	for _, t := range types {
		switch {
		case t == testEvent:
		case t == everyEvent:
			add(conversationsRead)
			add(contactsRead)
		case strings.HasPrefix(t, "contact."):
			add(contactsRead)
		default:
			add(conversationsRead)
		}
	}
	slices.SortFunc(needed, func(a, b string) int { return strings.Compare(b, a) }) // conversations before contacts
	return needed
}

// ForDock are the scopes that a change of a dock needs beyond docks:write. Its page is shown the conversations, with
// their contacts, that agents open, and acts on them in the agents' names if it may ask for any action.
func ForDock(actions []string) []string {
	if len(actions) > 0 {
		return []string{conversationsWrite, contactsRead}
	}
	return []string{conversationsRead, contactsRead}
}

// Missing are those of the needed scopes that the scopes do not grant, in the order in which they are needed.
func Missing(scopes []string, needed ...string) []string {
	var missing []string
	for _, need := range needed {
		if !Grants(scopes, need) {
			missing = append(missing, need)
		}
	}
	return missing
}
