package console

import (
	"bytes"
	"html/template"
	"net/http"
	"regexp"
	"sync"
)

// signIn is the page that a sign-in link opens.
var signIn = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(content, "signin.html"))
})

var styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// SignInPage writes the page of a sign-in link. Opening it uses nothing up, since mail programs open links to show a
// preview; its button does. wrong is why the link does not work, empty until it was tried.
func SignInPage(w http.ResponseWriter, status int, token, wrong string) error {
	var page bytes.Buffer
	if err := signIn().Execute(&page, struct{ Token, Wrong, Home string }{token, wrong, Path}); err != nil {
		return err
	}
	style := ""
	if m := styleElement.FindSubmatch(page.Bytes()); m != nil {
		style = hashSource(string(m[1]))
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src "+style+"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	// The address has the token in it. No policy stricter than this one: with it a browser would send the form without
	// its Origin (Fetch, "append a request Origin header"), which is what shows that the form is ours.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin") // no page that has opened this one keeps a hold on its window
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err := w.Write(page.Bytes())
	return err
}
