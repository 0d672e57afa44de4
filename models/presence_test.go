package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/dockcontext"
	"github.com/atender/atender/models/wire"
)

// A dock is told whether the assignee is there: has a console open, in whatever process, now or a moment ago.
func TestAnAgentWithAnOpenConsoleIsOnline(t *testing.T) {
	b := setup(t)
	e := b.embed(account.RoleAgent)
	ben := b.person(b.tenant, "ben@example.com", account.RoleLead, secret)
	b.change(e.conversation.ID, conversation.Assign{AssigneeID: wire.Some(ben.ID)})
	availability := func() string {
		session, err := b.Docks.Context(t.Context(), e.who, e.session.ID)
		require.NoError(t, err)
		return session.AppContext.(dockcontext.AppContext).Conversation.Meta.Assignee.AvailabilityStatus
	}
	require.Equal(t, "offline", availability())

	in, err := b.signIn("ben@example.com", secret)
	require.NoError(t, err)
	p, err := b.SignIns.Authenticate(t.Context(), in.Token)
	require.NoError(t, err)
	require.Equal(t, "offline", availability(), "signed in, and looking at nothing")

	watch := func(want bool) {
		lives, err := b.open().SignIns.Watch(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, want, lives)
	}
	watch(true)
	require.Equal(t, "online", availability())
	b.exec(`UPDATE sessions SET watching_at = now() - interval '91 seconds'`)
	require.Equal(t, "offline", availability())

	watch(true)
	b.exec(`UPDATE sessions SET last_seen_at = now() - interval '12 hours 1 second'`)
	require.Equal(t, "offline", availability(), "an open page does not keep a session")
	watch(false)
	b.change(e.conversation.ID, conversation.Assign{AssigneeID: wire.Some(e.agent.ID)})
	require.Equal(t, "online", availability(), "who has the dock open")
}
