package password_test

import (
	"strings"
	"testing"
	"time"

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
	require.Empty(t, password.Check("äöüäåøœßñçéè"), "characters, not bytes")
	require.Contains(t, password.Check("short"), "at least 12")
	require.Contains(t, password.Check(strings.Repeat("x", 513)), "at most 512")
	require.Contains(t, password.Check("\xff"+strings.Repeat("x", 20)), "UTF-8")
}

func TestPasswordsThatGuessersTryFirstAreRefused(t *testing.T) {
	t.Parallel()
	for _, common := range []string{
		"password1234", "Password123!", "P@ssw0rd2024!!", "passwordpassword", "123456789012", "1234567890123456", "qwertyuiop123",
		"qwertyuiopas", "1q2w3e4r5t6y", "zaq12wsxcde3", "aaaaaaaaaaaa", "abcabcabcabc", "abcdefghijkl", "098765432109",
		"Dragon-Monkey!", "iloveyou123456", "letmeinletmein", "Welcome2024!!", "Summer2025!!!!", "administrator1",
		"correct horse battery staple", "!!!!!!!!!!!!!!", "12 34 56 78 90 12", "qwerty-123456",
	} {
		require.Contains(t, password.Check(common), "is a common password", common)
	}
	own := []string{"ada.lovelace@example.com", "ada.lovelace", "Ada Lovelace", "Babbage & Sons Ltd", "Atender"}
	for _, guess := range []string{
		"ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM", "ada.lovelace1", "AdaLovelace2024",
		"lovelace-1815", "Babbage&Sons1!",
		"babbage123456", "atenderatender", "Atender-2024!!", "B@bbage2024!", "adalovelace!!!!",
	} {
		require.Contains(t, password.Check(guess, own...), "consists of", guess)
	}
	for _, good := range []string{
		"correct horse battery", "a new long password", "another long password",
		"known to the attacker", "lovelace likes analytical tea",
		"kx7#pQ2m!vRt9", "7394 spoons under", "blå himmel over Aarhus", "482910573829x", "正しい馬の電池のホチキス留め",
	} {
		require.Empty(t, password.Check(good, own...), good)
	}
}

// The longest password takes no longer than a hash does.
func TestTheLongestPasswordIsLookedAtInBoundedTime(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for _, long := range []string{strings.Repeat("1", 511) + "x", strings.Repeat("pass", 127) + "x", strings.Repeat("äb", 170)} {
		password.Check(long, strings.Repeat("ada ", 64), long)
	}
	require.Less(t, time.Since(began), 5*time.Second)
}
