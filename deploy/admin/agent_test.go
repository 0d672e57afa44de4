package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/account"
)

// The command takes the roles that there are: its help lists them by hand.
func TestAnAgentCanHaveEveryRole(t *testing.T) {
	_, err := run(t, "agent", "create", "--role", "none", "--name", "Ada", "--email", "ada@example.com",
		"--tenant", "019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10")
	require.Error(t, err)
	want := "--role must be one of "
	for i, role := range account.Roles {
		if i > 0 {
			want += ","
		}
		want += `"` + string(role) + `"`
	}
	require.ErrorContains(t, err, want+` but got "none"`)
}
