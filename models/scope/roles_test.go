package scope_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/scope"
)

func TestRolesMayDoWhatTheyAreFor(t *testing.T) {
	may := func(role, need string) bool { return scope.Grants(scope.OfRole(role), need) }
	for _, c := range []struct {
		need  string
		roles []string
	}{
		{"settings:write", []string{"owner"}},
		{"docks:write", []string{"owner"}},
		{"webhooks:write", []string{"owner"}},
		{scope.TeamsManage, []string{"owner"}},
		{scope.WebhooksRedeliver, []string{"owner", "lead"}},
		{"tags:write", []string{"owner", "lead"}},
		{"contacts:write", []string{"owner", "lead"}},
		{"analytics:read", []string{"owner", "lead", "analytics"}},
		{"conversations:write", []string{"owner", "lead", "agent"}},
		{"conversations:read", []string{"owner", "lead", "agent", "reader"}},
		{"docks:read", []string{"owner", "lead", "agent", "reader"}},
	} {
		for _, role := range []string{"owner", "lead", "agent", "reader", "analytics", "admin", ""} {
			wanted := false
			for _, r := range c.roles {
				wanted = wanted || r == role
			}
			require.Equal(t, wanted, may(role, c.need), "%s of %q", c.need, role)
		}
	}
}

func TestScopesOfARoleAreTheCallers(t *testing.T) {
	mine := scope.OfRole("reader")
	mine[0] = "settings:write"
	require.NotContains(t, scope.OfRole("reader"), "settings:write")
}
