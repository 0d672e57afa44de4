package dockurl_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/dockurl"
)

// FuzzExpand fills templates that are taken with whatever a customer is called: the page stays at its origin.
func FuzzExpand(f *testing.F) {
	f.Add("https://tools.example.com/orders?email={{contact.email}}", "ada@example.com")
	f.Add("https://tools.example.com/{{contact.name}}/x", "..")
	f.Add("https://tools.example.com/a#{{contact.name}}", "\x00//evil.example\\@")
	f.Fuzz(func(t *testing.T, template, value string) {
		if len(dockurl.Policy{}.CheckURL("url", template)) > 0 {
			return
		}
		values := map[string]string{"contact.email": value, "contact.name": value, "conversation.id": value}
		filled := dockurl.Expand(template, values)
		u, err := url.Parse(filled)
		require.NoError(t, err, "%s", filled)
		require.Equal(t, dockurl.Origin(template), dockurl.Origin(filled))
		require.Nil(t, u.User)
	})
}
