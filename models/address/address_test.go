package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/address"
)

func TestSpellingsOfOneMailboxHaveOneKey(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"ada@example.com", "Ada@Example.COM", "ADA@EXAMPLE.com"},
		{"ada@bücher.example", "ada@BÜCHER.example", "ada@xn--bcher-kva.example", "Ada@XN--BCHER-KVA.Example"},
		{"k@kiosk.example", "K@\u212aios\u212a.example"}, // in a domain the Kelvin sign is a k (UTS 46)
		{"ada@example.com", "ada@ｅｘａｍｐｌｅ.com"},
	} {
		for _, spelling := range same {
			require.NoError(t, address.CheckEmail(spelling), spelling)
			require.Equal(t, address.EmailKey(same[0]), address.EmailKey(spelling), spelling)
		}
	}
}

// Regression: PostgreSQL's lower() took the Kelvin sign for k and İ for i, so that two mailboxes shared a contact.
func TestOtherMailboxesHaveOtherKeys(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, mailbox := range []string{
		"k@example.com", "\u212a@example.com", "i@example.com", "\u0130@example.com", "\u0131@example.com", "i\u0307@example.com",
		"ä@example.com", "Ä@example.com", "ß@example.com", "ss@example.com", "a\u0308@example.com",
		"a@straße.example", "a@strasse.example", "a@faß.example", "a@fass.example",
	} {
		require.NoError(t, address.CheckEmail(mailbox), mailbox)
		key := address.EmailKey(mailbox)
		require.NotContains(t, keys, key, mailbox)
		keys[key] = mailbox
	}
}

func TestWhatIsNoAddressIsRefusedAndStillHasAKey(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "@", "a", "a@", "@b", "Ada <ada@example.com>", "a b@example.com", "a@[127.0.0.1]", "a@exa_mple.com",
		"a@xn--.example", "a@xn--0.example", "a@a..b", strings.Repeat("a", 65) + "@example.com",
		"a@" + strings.Repeat("ü", 62) + ".example", // 63 characters, and more as it is looked up
		"a@" + strings.Repeat("a", 1<<20),
	} {
		require.Error(t, address.CheckEmail(s), s[:min(len(s), 80)])
		require.Equal(t, address.EmailKey(s), address.EmailKey(address.EmailKey(s)), s[:min(len(s), 80)])
	}
}

func TestPhoneNumbersAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for written, stored := range map[string]string{
		"+44 (0)20 7946 0958":            "+442079460958", // regression: was stored as +4402079460958
		"+44 20 7946 0958":               "+442079460958",
		"+44 (0) 20-7946/0958":           "+442079460958",
		" +442079460958":                 "+442079460958",
		"+4402079460958":                 "+442079460958",
		"+49 (0)30 901820":               "+4930901820",
		"+39 06 698 12345":               "+390669812345", // Italy keeps its 0
		"+1 (415) 555-2671":              "+14155552671",
		"+45\u00a020\u00a012\u202f34 56": "+4520123456",
		"+800 1234 5678":                 "+80012345678", // universal freephone, of no country
	} {
		got, err := address.Phone(written)
		require.NoError(t, err, written)
		require.Equal(t, stored, got, written)
		again, err := address.Phone(got)
		require.NoError(t, err, written)
		require.Equal(t, got, again, "what is stored is read as itself")
	}
}

func TestPhoneNumbersThatCannotExistAreRefusedAndToldWhy(t *testing.T) {
	t.Parallel()
	for written, why := range map[string]string{
		"":                            "country code such as",
		"020 7946 0958":               "country code such as",
		"00442079460958":              "country code such as",
		"+":                           "country code such as",
		"+1 800 FLOWERS":              "country code such as",
		"+44 20 7946 0958 ext. 12":    "country code such as",
		"tel:+442079460958":           "country code such as",
		"+44 20 7946 0958;ext=1":      "country code such as",
		"+4420\u00007946":             "country code such as",
		"+999 1234567":                "no country code",
		"+0 1234567":                  "no country code",
		"+45 2012":                    "too few digits",
		"+45 20 12 34 56 78":          "too many digits",
		"+44 00000 000000":            "trunk prefix more", // each reading would take out one zero
		"+351 (0)21 123 4567":         "too many digits",   // Portugal has no trunk prefix: whose number it is, is a guess
		"+" + strings.Repeat("1", 99): "country code such as",
	} {
		_, err := address.Phone(written)
		var said address.Error
		require.ErrorAs(t, err, &said, written)
		require.Contains(t, err.Error(), why, written)
	}
}

func FuzzAddressesAreBoundedAndStable(f *testing.F) {
	f.Add("+44 (0)20 7946 0958")
	f.Add("K@Bücher.example")
	f.Fuzz(func(t *testing.T, s string) {
		if phone, err := address.Phone(s); err == nil {
			again, err := address.Phone(phone)
			require.NoError(t, err)
			require.Equal(t, phone, again)
			require.LessOrEqual(t, len(phone), 1+17) // + and at most 3 digits of country code and 14 of number
		}
		key := address.EmailKey(s)
		require.Equal(t, key, address.EmailKey(key))
	})
}
