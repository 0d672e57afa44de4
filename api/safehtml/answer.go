package safehtml

import "net/http"

// Answer is a page that shows HTML from outside, with the policy that keeps it harmless.
type Answer struct {
	page, policy string
}

// NewAnswer cleans HTML and makes a page of it.
func NewAnswer(html string, images Images) Answer { return Answer{Page(html, images), Policy(images)} }

// Write writes the page.
func (a Answer) Write(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", a.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write([]byte(a.page))
	return err
}
