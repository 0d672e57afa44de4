package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlugsFromNames(t *testing.T) {
	t.Parallel()
	for name, slug := range map[string]string{
		"Acme":                              "acme",
		"  Åcme Øutdoor GmbH & Co. ":        "acme-outdoor-gmbh-co",
		"Straße 7":                          "strasse-7",
		"Æbler/Łódź":                        "aebler-lodz",
		"ﬁne ½":                             "fine-1-2",
		"-- a --":                           "a",
		"東京":                                "",
		"🦄":                                 "",
		strings.Repeat("a", 40):             strings.Repeat("a", 32),
		strings.Repeat("a", 31) + " b":      strings.Repeat("a", 31),
		strings.Repeat("ab ", 20):           "ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab",
		"x\x00y\nz":                         "x-y-z",
		"kim.hansen@example.com (the shop)": "kim-hansen-example-com-the-shop",
	} {
		made := slugFrom(name)
		require.Equal(t, slug, made, name)
		if made != "" {
			require.NoError(t, checkSlug(made), name)
		}
	}
	for _, wrong := range []string{"", "-a", "a-", "A", "a b", "a/b", "ä", "a\n", strings.Repeat("a", 33)} {
		require.Error(t, checkSlug(wrong), "%q", wrong)
	}
}
