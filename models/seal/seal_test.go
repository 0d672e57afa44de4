package seal_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/seal"
)

// material returns the base64 of 32 equal bytes.
func material(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), 32)))
}

func ring(t testing.TB, text string) *seal.Keyring {
	t.Helper()
	k, err := seal.ParseKeyring(text)
	require.NoError(t, err)
	return k
}

func TestWhatIsSealedOpensOnlyInItsPlaceAndUnchanged(t *testing.T) {
	k := ring(t, "k1:"+material('a'))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")
		aad := rapid.String().Draw(t, "aad")
		sealed, err := k.Seal(plain, aad)
		require.NoError(t, err)

		opened, err := k.Open(sealed, aad)
		require.NoError(t, err)
		require.Equal(t, string(plain), string(opened))

		_, err = k.Open(sealed, aad+"x")
		require.ErrorIs(t, err, seal.ErrDamaged)

		tampered := append([]byte(nil), sealed...)
		tampered[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err = k.Open(tampered, aad)
		require.Error(t, err)

		_, err = k.Open(sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")], aad)
		require.ErrorIs(t, err, seal.ErrDamaged)
	})
}

func TestTheSameValueIsNeverSealedTheSameWay(t *testing.T) {
	k := ring(t, seal.GenerateKeyring())
	a, err := k.Seal([]byte("secret"), "row/1")
	require.NoError(t, err)
	b, err := k.Seal([]byte("secret"), "row/1")
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	require.NotContains(t, string(a), "secret")
}

func TestRotation(t *testing.T) {
	old := ring(t, "k1:"+material('a'))
	both := ring(t, "k2:"+material('b')+", k1:"+material('a')+"\n")
	fresh := ring(t, "k2:"+material('b'))

	sealed, err := old.Seal([]byte("secret"), "row/1")
	require.NoError(t, err)
	require.False(t, old.NeedsReseal(sealed))
	require.True(t, both.NeedsReseal(sealed))

	plain, err := both.Open(sealed, "row/1")
	require.NoError(t, err)
	require.Equal(t, "secret", string(plain))

	_, err = fresh.Open(sealed, "row/1")
	var missing *seal.UnknownKeyError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "k1", missing.KeyID)
	require.Contains(t, err.Error(), `"k1"`)

	again, err := both.Seal(plain, "row/1")
	require.NoError(t, err)
	require.False(t, both.NeedsReseal(again))
	id, err := seal.KeyID(again)
	require.NoError(t, err)
	require.Equal(t, "k2", id)
	_, err = fresh.Open(again, "row/1")
	require.NoError(t, err)
	require.Equal(t, "k2", both.ActiveID())
	require.Equal(t, []string{"k1", "k2"}, both.IDs())
}

func TestAKeyOfTheSameNameButOtherBytesDoesNotOpen(t *testing.T) {
	sealed, err := ring(t, "k1:"+material('a')).Seal([]byte("secret"), "row/1")
	require.NoError(t, err)
	_, err = ring(t, "k1:"+material('b')).Open(sealed, "row/1")
	require.ErrorIs(t, err, seal.ErrDamaged)
}

func TestParseKeyringSaysWhatIsWrongWithoutShowingIt(t *testing.T) {
	good := material('a')
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {" \n", "is empty"},
		"no id":             {good, "key 1: has no id"},
		"empty id":          {":" + good, "key 1: its id must be"},
		"swapped":           {good + ":k1", "key 1: its id must be"},
		"upper case id":     {"K1:" + good, "key 1: its id must be"},
		"long id":           {strings.Repeat("k", 33) + ":" + good, "key 1: its id must be"},
		"not base64":        {"k1:" + good[:20] + "!" + good[21:], `(id "k1") is not standard base64`},
		"no padding":        {"k1:" + strings.TrimRight(good, "="), `(id "k1") is not standard base64`},
		"short":             {"k1:" + base64.StdEncoding.EncodeToString(make([]byte, 16)), "is 16 bytes long, want 32"},
		"twice":             {"k1:" + good + ",k1:" + material('b'), `key 2: the id "k1" is used twice`},
		"trailing comma":    {"k1:" + good + ",", "key 2: is empty"},
		"second key broken": {"k1:" + good + ",k2:" + good[:12], `key 2: (id "k2")`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seal.ParseKeyring(c.text)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), good[:12])
			require.NotContains(t, err.Error(), "YWFhYWFh")
		})
	}
	_, err := seal.ParseKeyring(strings.Repeat("k", 32) + ":" + good)
	require.NoError(t, err)
}

func TestAKeyringDoesNotPrintItsKeys(t *testing.T) {
	k := ring(t, "k1:"+material('a'))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "seal.Keyring(active k1 of [k1])", fmt.Sprintf(verb, k))
	}
}

func TestOpenRefusesWhatSealDidNotMake(t *testing.T) {
	k := ring(t, "k1:"+material('a'))
	sealed, err := k.Seal([]byte("secret"), "row/1")
	require.NoError(t, err)
	future := append([]byte{2}, sealed[1:]...)
	for name, value := range map[string][]byte{
		"nil": nil, "text": []byte("whsec_plain"), "later format": future, "length beyond the end": {1, 200, 'k'},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Open(value, "row/1")
			require.ErrorIs(t, err, seal.ErrDamaged)
			require.False(t, k.NeedsReseal(value))
		})
	}
	var none *seal.Keyring
	_, err = none.Seal(nil, "")
	require.ErrorContains(t, err, "no keyring")
	_, err = none.Open(sealed, "row/1")
	require.ErrorContains(t, err, "no keyring")
}

func TestGeneratedKeyringsDiffer(t *testing.T) {
	require.NotEqual(t, seal.GenerateKeyring(), seal.GenerateKeyring())
	ring(t, seal.GenerateKeyring())
}
