// Package safehtml makes of a customer's HTML a page that can be shown: without scripts, and without anything that tells
// its sender that it was read. It is pure.
package safehtml

import (
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// Images says which images a page shows.
type Images bool

// The two answers to whether a sender may learn that and where a message is read.
const (
	OwnImages Images = false // those that are in the message
	AllImages Images = true  // those on servers, too
)

// head is the page around a message. Mail is written for a light page.
const head = `<!doctype html>
<html><head><meta charset="utf-8"><title>Message</title><style>
:root { color-scheme: light; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 0; padding: 12px; background: #fff; color: #1d1f23;
  overflow-wrap: break-word; }
img { max-width: 100%; height: auto; }
table { max-width: 100%; }
pre { white-space: pre-wrap; }
blockquote { margin: 0 0 0 4px; padding-left: 12px; border-left: 2px solid #c9ccd1; }
</style></head><body dir="auto">
`

// Page is a whole page with what is harmless of the HTML.
func Page(html string, images Images) string {
	return head + sanitizer(images).Sanitize(html) + "\n</body></html>\n"
}

// Policy is the Content-Security-Policy that the page has to be served with. It holds should anything have got through: no
// scripts, no requests, an origin of its own. Links open in new tabs, which the sandbox does not reach.
func Policy(images Images) string {
	sources := "data:"
	if images == AllImages {
		sources += " https:"
	}
	return "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src " + sources +
		"; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
}

var (
	own  = sync.OnceValue(func() *bluemonday.Policy { return newSanitizer(OwnImages) })
	many = sync.OnceValue(func() *bluemonday.Policy { return newSanitizer(AllImages) })
)

func sanitizer(images Images) *bluemonday.Policy {
	if images == AllImages {
		return many()
	}
	return own()
}

const dataImage = `data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=\s]*`

var (
	ownImage = regexp.MustCompile(`^` + dataImage + `$`)
	anyImage = regexp.MustCompile(`^(?:https://\S+|` + dataImage + `)$`)
	length   = regexp.MustCompile(`^[0-9]{1,4}(?:px|%)?$`)
	word     = regexp.MustCompile(`^[a-z]{1,10}$`)
	// A style's value: words, numbers and colours. No url(), no function but a colour's, no escapes, no comments.
	plainStyle = regexp.MustCompile(`^(?:[a-zA-Z0-9#%., '"-]|rgba?\([0-9., %]+\))+$`)
	colour     = regexp.MustCompile(`^(?:#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,20})$`)
)

// styles are the properties that lay out text. Nothing that moves a thing out of its place.
var styles = []string{
	"color", "background-color", "font-family", "font-size", "font-style", "font-weight", "line-height", "text-align",
	"text-decoration", "text-indent", "vertical-align", "white-space", "width", "max-width", "height",
	"margin", "margin-top", "margin-right", "margin-bottom", "margin-left",
	"padding", "padding-top", "padding-right", "padding-bottom", "padding-left",
	"border", "border-top", "border-right", "border-bottom", "border-left", "border-collapse", "border-color", "border-radius",
	"border-style", "border-width", "list-style-type",
}

func newSanitizer(images Images) *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(strings.Fields("abbr article b bdi bdo big blockquote br center cite code dd del dfn div dl dt em " +
		"figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i ins kbd li main mark ol p pre q s samp section small span " +
		"strike strong sub sup tt u ul var caption col colgroup table tbody td tfoot th thead tr")...)
	p.AllowAttrs("dir").Matching(word).Globally()
	p.AllowAttrs("title").Matching(bluemonday.Paragraph).Globally()
	p.AllowAttrs("align", "valign").Matching(word).Globally()
	p.AllowAttrs("width", "height", "border", "cellpadding", "cellspacing").Matching(length).Globally()
	p.AllowAttrs("colspan", "rowspan", "span", "start").Matching(bluemonday.Integer).Globally()
	p.AllowAttrs("bgcolor", "color").Matching(colour).Globally()
	p.AllowStyles(styles...).Matching(plainStyle).Globally()

	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowDataURIImages()
	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(?i:https?|mailto|tel):`)).OnElements("a")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)

	source := ownImage
	if images == AllImages {
		source = anyImage
	}
	p.AllowAttrs("src").Matching(source).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	// What is in these is not text to read.
	p.SkipElementsContent(strings.Fields("applet audio canvas embed frame frameset iframe math noembed noframes noscript " +
		"object script style svg template textarea title video xml")...)
	return p
}
