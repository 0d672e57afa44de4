package scope

import (
	"slices"
	"strings"
)

// everyEvent is what a webhook names for all types of events.
const everyEvent = "*"

// testEvent is the type of a webhook's test, which says nothing of the tenant's conversations.
const testEvent = "webhook.test"

// DockHost is what an API key needs that opens docks for agents: the token of the session acts on conversations in the
// name of the agent, and the context shows the conversation with its contact.
var DockHost = []string{DocksWrite, ConversationsWrite, ContactsRead}

// ForEvents are the scopes that a principal who is sent events of these types, or shown their payloads, must have.
// "*" stands for all types. What each type needs is in the contract: conversations:read covers the contact inside a
// conversation. A test needs nothing. A type that does not exist counts as a conversation's.
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
			add(ConversationsRead)
			add(ContactsRead)
		case eventScopes[t] != "":
			add(eventScopes[t])
		default:
			add(ConversationsRead)
		}
	}
	slices.SortFunc(needed, func(a, b string) int { return strings.Compare(b, a) }) // conversations before contacts
	return needed
}

// ForDock are the scopes that a change of a dock needs beyond docks:write. Its page is shown the conversations, with
// their contacts, that agents open, and acts on them in the agents' names if it may ask for any action.
func ForDock(actions []string) []string {
	if len(actions) > 0 {
		return []string{ConversationsWrite, ContactsRead}
	}
	return []string{ConversationsRead, ContactsRead}
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
