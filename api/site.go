package api

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

// site is where browsers reach the console: scheme and host, without a path. Empty takes the request's word for it.
type site string

// The cookie of a session. The prefix keeps other hosts, siblings too, from setting it (RFC 6265bis, section 4.1.3.2), and
// works with TLS only.
const (
	cookieName         = "__Host-atender"
	cookieNameWithHTTP = "atender"
)

// strictTransport is the value of Strict-Transport-Security (RFC 6797) where users reach the server by https: for a year
// browsers do not try http. Not for subdomains, nor for a browser's built-in list: other services on names below may have
// no TLS, and are not this server's to speak for.
const strictTransport = "max-age=31536000"

// secured puts Strict-Transport-Security on all answers, if the site is reached by https, whoever ends the TLS. Browsers
// heed it only where they came by https (RFC 6797, section 8.1), so a plain way in from within is not disturbed.
func (s site) secured(next http.Handler) http.Handler {
	if !strings.HasPrefix(string(s), "https://") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", strictTransport)
		next.ServeHTTP(w, r)
	})
}

// origin is the console's own origin (RFC 6454), as browsers write it.
func (s site) origin(r *http.Request) string {
	if s != "" {
		return strings.ToLower(string(s))
	}
	if r.TLS != nil {
		return "https://" + strings.ToLower(r.Host)
	}
	return "http://" + strings.ToLower(r.Host)
}

func (s site) withTLS(r *http.Request) bool { return strings.HasPrefix(s.origin(r), "https:") }

func (s site) cookieName(r *http.Request) string {
	if s.withTLS(r) {
		return cookieName
	}
	return cookieNameWithHTTP
}

// token is the session's token that the request carries; empty if it carries none, or several, of which one may be
// somebody else's.
func (s site) token(r *http.Request) string {
	cookies := r.CookiesNamed(s.cookieName(r))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// cookie gives a browser its session, or with an empty token takes it back. SameSite is Lax, not Strict, so that the page
// knows its tenant also when somebody comes by a link from elsewhere; writes ask for more (checkWrite).
func (s site) cookie(r *http.Request, token string) *string {
	c := http.Cookie{
		Name: s.cookieName(r), Value: token, Path: "/", MaxAge: int(account.SessionLife / time.Second),
		Secure: s.withTLS(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	text := c.String()
	return &text
}

// checkWrite refuses a write that the console's own pages have not made: docks on sibling hosts are of the same site, so
// SameSite does not keep them out. JSON as the type makes browsers ask first for every other origin.
// Errors: ORIGIN_REFUSED.
func (s site) checkWrite(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if err := s.checkOrigin(r); err != nil {
		return err
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != jsonType {
		return problem.New(problem.Forbidden, problem.CodeOriginRefused,
			"who is signed in by cookie writes with Content-Type: application/json, also without a body")
	}
	return nil
}

// checkRead refuses a read that the console's own pages have not made, where reading alone uses something up. A page that
// does not want to see the answer (Fetch, mode "no-cors") sends no Origin; what tells is Sec-Fetch-Site (Fetch Metadata,
// section 2.3), which browsers leave out only where the server is reached without TLS. Errors: ORIGIN_REFUSED.
func (s site) checkRead(r *http.Request) error {
	if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" {
		return s.originRefused(r)
	}
	if len(r.Header.Values("Origin")) > 0 {
		return s.checkOrigin(r)
	}
	return nil
}

func (s site) checkOrigin(r *http.Request) error {
	given := r.Header.Values("Origin")
	if len(given) == 1 && given[0] == s.origin(r) {
		return nil
	}
	return s.originRefused(r)
}

func (s site) originRefused(r *http.Request) error {
	return problem.New(problem.Forbidden, problem.CodeOriginRefused,
		"this is for the console's own pages: send Origin: %s, or an API key instead of the cookie", s.origin(r))
}

// normal takes out of a URL what browsers leave out of an origin: the usual port.
func (s site) normal() site {
	u, err := url.Parse(string(s))
	if err != nil || u.Host == "" {
		return s
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return site(u.Scheme + "://" + strings.TrimSuffix(u.Host, port))
}
