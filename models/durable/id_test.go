package durable

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var (
	acme    = Tenant{ID: uuid.MustParse("01a22daa-cbb4-7711-8ade-a05066187948"), Slug: "acme"}
	webhook = uuid.MustParse("01a22dab-9598-7dab-9d61-23081b9d7f3a")
)

func TestIDsRead(t *testing.T) {
	t.Parallel()
	crm := Endpoint{ID: webhook, URL: "https://crm.example.com/hooks/atender"}
	require.Equal(t, "conversation/acme/4521", ConversationID(acme, webhook, 4521))
	require.Equal(t, "webhook/acme/crm.example.com-1b9d7f3a", RetryID(acme, crm))
	require.Equal(t, "webhook-replay/acme/crm.example.com-1b9d7f3a/66187948", ReplayID(acme, crm, acme.ID))
	require.Equal(t, "recompute/acme", RecomputeID(acme))
	require.Equal(t, "webhook-dispatch/3", DispatchID(3))
}

// Where a row is gone, the UUID names what it was of.
func TestIDsOfWhatIsGone(t *testing.T) {
	t.Parallel()
	gone := Tenant{ID: acme.ID}
	require.Equal(t, "conversation/"+gone.ID.String()+"/"+webhook.String(), ConversationID(gone, webhook, 0))
	require.Equal(t, "webhook/acme/1b9d7f3a", RetryID(acme, Endpoint{ID: webhook}))
}

// Of an URL an id has the host, and of that what is harmless in a list, a query and a path.
func TestIDsHaveAHostAlone(t *testing.T) {
	t.Parallel()
	for url, host := range map[string]string{
		"https://user:secret@CRM.Example.com:8443/kim.hansen?token=secret#x": "crm.example.com",
		"http://127.0.0.1:8080/in":     "127.0.0.1",
		"http://[2001:DB8::7]:8080/in": "2001-db8--7",
		"http://[fe80::1%25eth0]/":     "fe80--1-eth0",
		"https://bücher.example/":      "b-cher.example",
		"https://a_b.example.com./":    "a-b.example.com",
		"https://crm.example.com%2Fx/": "",
		"://":                          "",
		"":                             "",
		"https://" + strings.Repeat("a", 50) + ".b.example.com": strings.Repeat("a", 46) + ".b.example.com",
		"https://" + strings.Repeat("x.", 100) + "example.com/": strings.Repeat("x.", 23) + "x.example.com",
	} {
		require.Equal(t, host, Endpoint{URL: url}.Host(), url)
	}
}

func FuzzIDsAreShortAndPlain(f *testing.F) {
	f.Add("https://crm.example.com/x")
	f.Add("http://[::1]/")
	f.Fuzz(func(t *testing.T, url string) {
		longest := Tenant{Slug: strings.Repeat("s", 48)}
		id := ReplayID(longest, Endpoint{ID: webhook, URL: url}, webhook)
		require.Less(t, len(id), 200)
		require.Regexp(t, `^webhook-replay/s{48}/([a-z0-9.-]{1,60}-)?1b9d7f3a/1b9d7f3a$`, id)
	})
}
