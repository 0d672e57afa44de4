package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormats(t *testing.T) {
	for format, values := range map[string]map[string]bool{
		"email": {
			"ada@example.com": true, "a+b@example.co.uk": true, "ada.o'neil@example.com": true, "jürgen@münchen.example": true,
			"a@b": true,
			"":    false, "ada": false, "@example.com": false, "ada@": false, "a b@example.com": false,
			"Ada <ada@example.com>": false,
			"<ada@example.com>":     false, `"a b"@example.com`: false, "ada@example..com": false, "ada@-example.com": false,
			"a@b@c":           false,
			"ada@[127.0.0.1]": false, "ada@example.com ": false, "ada@example.com\n": false, "(c)ada@example.com": false,
			strings.Repeat("a", 64) + "@example.com": true, strings.Repeat("a", 65) + "@example.com": false,
			"ada@exa_mple.com": false,
		},
		"phone": {
			"+442079460958": true, "+44 (20) 7946-0958": true, "+49.30/1234-567": true, "+1 415 555 0100": true,
			"+1 555 0100": false,
			"":            false, "+": false, "020 7946 0958": false, "0044 20 7946 0958": false, "+0123456789": false,
			"+44 20 7946 0958 ext 3": false,
			"+1234567890123456":      false, "+44207946095８": false, "++442079460958": false, "+12345": false,
		},
		"uuid": {
			"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10": true, "019A9F0E-6C1E-7A3B-9C54-3F0F5B1F2A10": true,
			"019a9f0e6c1e7a3b9c543f0f5b1f2a10": false, "{019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10}": false, "": false,
			"019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a1g": false,
		},
		"date-time": {
			"2026-11-21T09:30:00Z": true, "2026-11-21T09:30:00.123456+05:30": true, "2028-02-29T00:00:00Z": true,
			"2026-02-29T00:00:00Z": false, "2026-11-21": false, "2026-11-21T09:30:00": false, "2026-11-21 09:30:00Z": false,
			"1969-12-31T23:59:59Z": false, "9999-12-31T23:59:59Z": false, "2026-11-21T24:00:00Z": false, "": false,
		},
	} {
		for value, good := range values {
			require.Equal(t, good, formats[format].Validate(value) == nil, "%s %q", format, value)
		}
	}
}
