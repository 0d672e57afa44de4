package password_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/password"
)

func TestAHashMatchesItsPasswordAndNoOther(t *testing.T) {
	t.Parallel()
	hash := password.Hash("correct horse battery")
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
	require.True(t, password.Matches(hash, "correct horse battery"))
	for _, other := range []string{"", "correct horse batterx", "correct horse battery ", "Correct horse battery"} {
		require.False(t, password.Matches(hash, other), other)
	}
	require.NotEqual(t, hash, password.Hash("correct horse battery"), "salted")
}

// The test vector's cost is not ours: an old hash goes on working when ours rises.
func TestAHashOfAnotherCostMatches(t *testing.T) {
	t.Parallel()
	// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
	hash := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	require.True(t, password.Matches(hash, "password"))
}

func TestWhatIsNoHashMatchesNothing(t *testing.T) {
	t.Parallel()
	good := password.Hash("correct horse battery")
	for _, bad := range []string{
		"", "$", "plain", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=999999999", 1), strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "t=2", "t=99999", 1), strings.Replace(good, "p=1", "p=0", 1), good[:len(good)-30], good + "$x",
	} {
		require.False(t, password.Matches(bad, "correct horse battery"), bad)
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	require.Empty(t, password.Check("correct horse battery"))
	require.Empty(t, password.Check("ääääääääääää"), "characters, not bytes")
	require.Contains(t, password.Check("short"), "at least 12")
	require.Contains(t, password.Check(strings.Repeat("x", 513)), "at most 512")
	require.Contains(t, password.Check("\xff"+strings.Repeat("x", 20)), "UTF-8")
}
