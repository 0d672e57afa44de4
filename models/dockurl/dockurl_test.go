package dockurl_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atender/atender/models/dockurl"
	"github.com/atender/atender/models/problem"
)

var (
	production  = dockurl.Policy{Host: "https://support.example.com"}
	development = dockurl.Policy{AllowLoopbackHTTP: true, Host: "http://localhost:8080"}
)

func code(fields []problem.Field) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[0].Code
}

func TestURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"https://tools.example.com": "",
		"https://tools.example.com/refunds?mail={{contact.email}}#{{agent.id}}": "",
		"https://tools.example.com/c/{{ conversation.number }}":                 "",
		"https://tools.example.com/{{contact.customFields.shop_id}}":            "",
		"https://10.1.2.3:8443/dock":                                            "",
		"https://[2001:db8::1]/dock":                                            "",
		"":                                                                      "required",
		"https://tools.example.com/" + strings.Repeat("a", 2048):                "too_long",
		"https://tools.example.com/?a={{contact.password}}":                     "unknown_placeholder",
		"https://tools.example.com/?a={{}}":                                     "unknown_placeholder",
		"https://{{contact.name}}.example.com/":                                 "placeholder",
		"https://example.com{{contact.name}}":                                   "placeholder",
		"{{contact.name}}":                                                      "placeholder",
		"https://tools.example.com/{contact.email}":                             "placeholder",
		"https://tools.example.com/{{contact.email}":                            "placeholder",
		"http://tools.example.com/":                                             "scheme",
		"http://127.0.0.1:9000/":                                                "scheme",
		"javascript:alert(1)":                                                   "not_absolute",
		"data:text/html,x":                                                      "not_absolute",
		"/dock":                                                                 "not_absolute",
		"https:///dock":                                                         "not_absolute",
		"https://ada:secret@tools.example.com/":                                 "user_info",
		"https://tools.example.com:0/":                                          "port",
		"https://tools.example.com:99999/":                                      "port",
		"https://tools.example.com;script-src/":                                 "host",
		"https://*.example.com/":                                                "host",
		"https://tools..example.com/":                                           "host",
		"https://tools.example.com/a b":                                         "not_ascii",
		"https://tools.example.com/\"onload":                                    "not_ascii",
		"https://støtte.example.com/":                                           "not_ascii",
		"https://support.example.com/dock":                                      "own_origin",
		"https://SUPPORT.example.com:443/dock":                                  "own_origin",
	} {
		require.Equal(t, want, code(production.CheckURL("url", raw)), raw)
	}
}

func TestPlainHTTPIsForTheMachineItselfInDevelopment(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:9000/": "",
		"http://localhost:9000/": "",
		"http://[::1]:9000/":     "",
		"http://10.0.0.1/":       "scheme",
		"http://localhost:8080/": "own_origin",
	} {
		require.Equal(t, want, code(development.CheckURL("url", raw)), raw)
	}
}

func TestOrigins(t *testing.T) {
	for raw, want := range map[string]string{
		"https://login.example.com":      "",
		"https://login.example.com:8443": "",
		"https://login.example.com/":     "invalid",
		"https://login.example.com?x":    "invalid",
		"https://login.example.com#":     "invalid",
		"https://a.example.com b":        "invalid",
		"https://*.example.com":          "host",
		"http://login.example.com":       "scheme",
		"login.example.com":              "invalid",
		"https://support.example.com":    "own_origin",
	} {
		require.Equal(t, want, code(production.CheckOrigin("frameOrigins[0]", raw)), raw)
	}
	require.Equal(t, "https://tools.example.com", dockurl.Origin("https://Tools.example.com:443/{{contact.id}}?a"))
	require.Equal(t, "http://127.0.0.1:9000", dockurl.Origin("http://127.0.0.1:9000/x"))
}

func TestExpand(t *testing.T) {
	values := map[string]string{
		"contact.email": "ada+x@example.com", "contact.name": "Ada & Søn/#1", "conversation.number": "17", "contact.phone": "..",
	}
	for template, want := range map[string]string{
		"https://t.example.com":                                     "https://t.example.com",
		"https://t.example.com/?m={{contact.email}}":                "https://t.example.com/?m=ada%2Bx%40example.com",
		"https://t.example.com/{{contact.name}}/x":                  "https://t.example.com/Ada%20%26%20S%C3%B8n%2F%231/x",
		"https://t.example.com/#/c/{{ conversation.number }}":       "https://t.example.com/#/c/17",
		"https://t.example.com/{{contact.customFields.shop}}?a=b":   "https://t.example.com/?a=b",
		"https://t.example.com/a/{{contact.phone}}/b":               "https://t.example.com/a//b",
		"https://t.example.com/../{{conversation.number}}?{{x}}":    "https://t.example.com/../17?",
		"https://t.example.com?m={{contact.email}}&m2={{agent.id}}": "https://t.example.com?m=ada%2Bx%40example.com&m2=",
	} {
		require.Equal(t, want, dockurl.Expand(template, values), template)
	}
}

// Whatever a customer calls himself: the frame stays where it belongs, the page gets exactly that text, nothing else
// of the URL changes.
func TestValuesOnlyEverFillTheirPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		in, err := url.Parse(dockurl.Expand("https://t.example.com/a/{{contact.name}}/b?q={{contact.name}}&r=1#{{contact.name}}",
			map[string]string{"contact.name": value}))
		if err != nil {
			t.Fatal(err)
		}
		segments := strings.Split(in.EscapedPath(), "/")
		if in.Host != "t.example.com" || len(segments) != 4 || segments[1] != "a" || segments[3] != "b" ||
			segments[2] == "." || segments[2] == ".." {
			t.Fatalf("%q leads to %s", value, in)
		}
		valid := strings.ToValidUTF8(value, string(rune(0xFFFD)))
		if q := in.Query(); strings.ToValidUTF8(q.Get("q"), string(rune(0xFFFD))) != valid || q.Get("r") != "1" {
			t.Fatalf("%q becomes %q", value, q)
		}
	})
}

func TestIcons(t *testing.T) {
	require.Empty(t, dockurl.CheckIcon("icon", ""))
	require.Empty(t, dockurl.CheckIcon("icon", "💳"))
	require.Empty(t, dockurl.CheckIcon("icon", "data:image/png;base64,AAAA"))
	require.Equal(t, "invalid", code(dockurl.CheckIcon("icon", "https://example.com/icon.png")))
	require.Equal(t, "too_long", code(dockurl.CheckIcon("icon", "data:image/png;base64,"+strings.Repeat("A", 20_000))))
}
