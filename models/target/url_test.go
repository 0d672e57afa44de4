package target_test

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/target"
)

// code returns the code of CheckURL's error, "" for none.
func code(t testing.TB, p target.Policy, raw string) string {
	t.Helper()
	err := p.CheckURL(raw)
	if err == nil {
		return ""
	}
	var wrong *target.Error
	require.True(t, errors.As(err, &wrong))
	require.NotEmpty(t, wrong.Message)
	require.Equal(t, wrong.Code, wrong.Field("url").Code)
	return wrong.Code
}

func TestCheckURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.com":                       "",
		"https://example.com/hook?a=b%20c&d=%C3%A4": "",
		"HTTPS://EXAMPLE.com.:8443/hook":            "",
		"https://xn--bcher-kva.example/hook":        "",
		"https://my_host.internal-name.example/":    "",
		"https://1.example.com":                     "",
		"https://123.0x7g":                          "",
		"https://8.8.8.8/hook":                      "",
		"https://[2606:4700:4700::1111]:8443/hook":  "",
		"": "required",
		"https://example.com/" + strings.Repeat("a", 2029):  "too_long",
		"https://example.com/" + strings.Repeat("a", 2028):  "",
		"http://example.com/hook":                           "scheme",
		"ftp://example.com":                                 "scheme",
		"javascript:alert(1)":                               "not_absolute",
		"file:///etc/passwd":                                "scheme",
		"gopher://127.0.0.1:6379/_x":                        "scheme",
		"unix:///var/run/docker.sock":                       "scheme",
		"/hook":                                             "not_absolute",
		"//example.com/hook":                                "not_absolute",
		"example.com":                                       "not_absolute",
		"https:example.com":                                 "not_absolute",
		"https://":                                          "no_host",
		"https:///hook":                                     "no_host",
		"https://:443/hook":                                 "no_host",
		"https://example.com#x":                             "fragment",
		"https://example.com/#":                             "fragment",
		"https://user@example.com":                          "user_info",
		"https://user:pw@127.0.0.1":                         "user_info",
		"https://8.8.8.8@127.0.0.1":                         "user_info",
		"https://127.0.0.1#@8.8.8.8":                        "fragment",
		"https://@example.com":                              "user_info",
		"https://127.0.0.1%2f@8.8.8.8":                      "user_info",
		"https://example.com\\@127.0.0.1/":                  "malformed",
		"https://example.com:0/":                            "port",
		"https://example.com:65536/":                        "port",
		"https://example.com:80a/":                          "malformed",
		"https://example.com/a b":                           "not_ascii",
		" https://example.com":                              "not_ascii",
		"https://example.com/\r\nHost:x":                    "not_ascii",
		"https://example.com/\x00":                          "not_ascii",
		"https://bücher.example/":                           "not_ascii",
		"https://①②⑦.⓪.⓪.①/":                                "not_ascii",
		"https://127。0。0。1/":                                "not_ascii",
		"https://１２７.0.0.1/":                                "not_ascii",
		"https://%E2%91%A0.example/":                        "host",
		"https://127%2e0.0.1/":                              "malformed",
		"https://exa$mple.com/":                             "host",
		"https://example..com/":                             "host",
		"https://.example.com/":                             "host",
		"https://" + strings.Repeat("a", 64) + ".example/":  "host",
		"https://" + strings.Repeat("a.", 130) + "example/": "host",
		"https://127.1/":                                    "numeric_host",
		"https://0x7f000001/":                               "numeric_host",
		"https://0X7F.0.0.1/":                               "numeric_host",
		"https://127.0.0.0x1/":                              "numeric_host",
		"https://0x/":                                       "numeric_host",
		"https://2130706433/":                               "numeric_host",
		"https://0177.0.0.1/":                               "numeric_host",
		"https://017700000001/":                             "numeric_host",
		"https://127.0.0.1./":                               "numeric_host",
		"https://8.8.8.8./":                                 "numeric_host",
		"https://1.2.3.4.5/":                                "numeric_host",
		"https://256.1.1.1/":                                "numeric_host",
		"https://0/":                                        "numeric_host",
		"https://[::ffff:7f00:1]/":                          "numeric_host",
		"https://[::ffff:8.8.8.8]/":                         "numeric_host",
		"https://[fe80::1%25lo]/":                           "zone",
		"https://[2606:4700:4700::1111%25eth0]/":            "zone",
		"https://[::1":                                      "malformed",
		"https://[127.0.0.1]/":                              "malformed",
		"https://[v1.x]/":                                   "malformed",
		"https://localhost/":                                "address",
		"https://LOCALHOST./":                               "address",
		"https://tenant.localhost:8443/":                    "address",
		"https://ip6-loopback/":                             "address",
		"https://localhost.localdomain/":                    "address",
	} {
		t.Run(raw, func(t *testing.T) {
			require.Equal(t, want, code(t, target.Policy{}, raw))
		})
	}
}

func TestCheckURLRefusesTheLiteralAddressesThatDialControlRefuses(t *testing.T) {
	literal := func(addr string) string {
		host := addr
		if netip.MustParseAddr(addr).Is6() {
			host = "[" + strings.ReplaceAll(addr, "%", "%25") + "]"
		}
		return "https://" + host + "/hook"
	}
	for _, addr := range inside {
		require.NotEmpty(t, code(t, target.Policy{}, literal(addr)), addr)
	}
	for _, addr := range outside {
		require.Empty(t, code(t, target.Policy{}, literal(addr)), addr)
	}
}

func TestCheckURLWithAnOpenPolicy(t *testing.T) {
	dev := target.Policy{AllowHTTP: true, Allow: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}
	for _, raw := range []string{
		"http://localhost:9000/hooks", "http://127.0.0.1:9000/hooks", "https://[::1]:9000/", "http://example.com/",
	} {
		require.Empty(t, code(t, dev, raw), raw)
	}
	for raw, want := range map[string]string{
		"http://10.0.0.1/": "address", "http://127.1/": "numeric_host", "http://[::ffff:127.0.0.1]/": "numeric_host",
		"http://user@localhost/": "user_info", "ftp://localhost/": "scheme",
	} {
		require.Equal(t, want, code(t, dev, raw), raw)
	}
	onlyV6 := target.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("::1/128")}}
	require.Empty(t, code(t, onlyV6, "https://localhost/"))
}

func FuzzCheckURL(f *testing.F) {
	for _, raw := range []string{"https://example.com/", "https://127.1/", "https://[fe80::1%25lo]/", "https://a@b#c"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if (target.Policy{}).CheckURL(raw) != nil {
			return
		}
		// What passes is a URL that says where it goes.
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q passes and is %#v, %v", raw, u, err)
		}
		if ip := net.ParseIP(u.Hostname()); ip != nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()) {
			t.Fatalf("%q passes", raw)
		}
	})
}
