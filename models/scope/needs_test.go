package scope_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/lifecycle"
	"github.com/atender/atender/models/scope"
)

func TestEventsNeedTheScopesThatGuardWhatTheyShow(t *testing.T) {
	const conversations, contacts = "conversations:read", "contacts:read"
	for _, c := range []struct {
		types  []string
		needed []string
	}{
		{nil, nil},
		{[]string{"webhook.test"}, nil},
		{[]string{"message.received"}, []string{conversations}},
		{[]string{"contact.created"}, []string{contacts}},
		{[]string{"contact.created", "contact.updated"}, []string{contacts}},
		{[]string{"contact.created", "tag.added", "sla.breached"}, []string{conversations, contacts}},
		{[]string{"*"}, []string{conversations, contacts}},
		{[]string{"webhook.test", "contact.updated"}, []string{contacts}},
		{[]string{"no.such.type"}, []string{conversations}},
	} {
		require.Equal(t, c.needed, scope.ForEvents(c.types...), "%v", c.types)
	}
	for _, kind := range lifecycle.EventTypes { // none is free
		want := conversations
		if strings.HasPrefix(string(kind), "contact.") {
			want = contacts
		}
		require.Equal(t, []string{want}, scope.ForEvents(string(kind)))
	}
}

func TestWhatIsMissingIsNamedInTheOrderInWhichItIsNeeded(t *testing.T) {
	require.Empty(t, scope.Missing([]string{"conversations:write", "contacts:read"}, scope.ForEvents("*")...))
	require.Empty(t, scope.Missing(nil))
	require.Equal(t, []string{"conversations:read", "contacts:read"},
		scope.Missing([]string{"webhooks:write"}, scope.ForEvents("*")...))
	require.Equal(t, []string{"contacts:read"}, scope.Missing([]string{"conversations:write"}, scope.ForEvents("*")...))
	require.Equal(t, []string{"conversations:write", "contacts:read"},
		scope.Missing([]string{"docks:write"}, scope.DockHost...))
}

func TestADockThatMayAskForActionsNeedsMoreThanOneThatIsOnlyShown(t *testing.T) {
	require.Equal(t, []string{"conversations:write", "contacts:read"}, scope.ForDock([]string{"resolve"}))
	require.Equal(t, []string{"conversations:read", "contacts:read"}, scope.ForDock(nil))
}
