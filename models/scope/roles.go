package scope

import "slices"

// working is what every agent who works on conversations may look at.
var working = []string{
	ConversationsRead, ContactsRead, TagsRead, ChannelsRead, TeamsRead, UsersRead, SLARead,
	OpeningHoursRead, DocksRead,
}

// roles are the scopes of the standard roles. An agent neither renames tags nor erases contacts; applying a tag to a
// conversation is a change of the conversation.
var roles = map[string][]string{
	"owner": Bundles["full_access"],
	"lead": append([]string{
		ConversationsWrite, ContactsWrite, TagsWrite, AnalyticsRead, WebhooksRead, WebhooksRedeliver,
	}, working...),
	"agent":     append([]string{ConversationsWrite}, working...),
	"reader":    working,
	"analytics": {AnalyticsRead},
}

// OfRole is what an agent of the role may do: owner everything; lead all of conversations, contacts and tags, the
// report and redelivery; agent all of conversations; reader reading them; analytics the report only. Nothing for a role
// that does not exist. The result is the caller's.
func OfRole(role string) []string { return slices.Clone(roles[role]) }
