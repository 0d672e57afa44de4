// Package origin is the console's own origin: its cookie, and how what its pages have asked for is told from what other
// pages made a browser ask for.
package origin

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atender/atender/api/request"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/problem"
)

// Origin is where browsers reach the console: scheme and host, without a path. Empty takes the request's word for it.
type Origin string

// Of is the origin of a URL, without what browsers leave out of an origin: the usual port.
func Of(address string) Origin {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Origin(address)
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return Origin(u.Scheme + "://" + strings.TrimSuffix(u.Host, port))
}

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

// Secured puts Strict-Transport-Security on all answers where the console is reached by https, also where a proxy ends the
// TLS. Browsers heed it only where they came by https (RFC 6797, section 8.1), so a plain way in from within is not
// disturbed.
func (o Origin) Secured(next http.Handler) http.Handler {
	if !strings.HasPrefix(string(o), "https://") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", strictTransport)
		next.ServeHTTP(w, r)
	})
}

// at is the console's own origin (RFC 6454), as browsers write it.
func (o Origin) at(r *http.Request) string {
	if o != "" {
		return strings.ToLower(string(o))
	}
	if r.TLS != nil {
		return "https://" + strings.ToLower(r.Host)
	}
	return "http://" + strings.ToLower(r.Host)
}

func (o Origin) withTLS(r *http.Request) bool { return strings.HasPrefix(o.at(r), "https:") }

func (o Origin) cookieName(r *http.Request) string {
	if o.withTLS(r) {
		return cookieName
	}
	return cookieNameWithHTTP
}

// Token is the session's token that the request carries; empty if it carries none, or several, of which one may be
// another session's.
func (o Origin) Token(r *http.Request) string {
	cookies := r.CookiesNamed(o.cookieName(r))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// Cookie gives a browser its session, or with an empty token takes it back. SameSite is Lax, not Strict, so that the page
// knows its tenant also when an agent comes by a link from elsewhere; writes ask for more (CheckWrite).
func (o Origin) Cookie(r *http.Request, token string) *string {
	c := http.Cookie{
		Name: o.cookieName(r), Value: token, Path: "/", MaxAge: int(account.SessionLife / time.Second),
		Secure: o.withTLS(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	text := c.String()
	return &text
}

// CheckWrite refuses a write that the console's own pages have not made: docks on sibling hosts are of the same site, so
// SameSite does not keep them out. JSON as the type makes browsers ask first for every other origin.
// Errors: ORIGIN_REFUSED.
func (o Origin) CheckWrite(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if err := o.CheckOrigin(r); err != nil {
		return err
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != request.JSON {
		return problem.New(problem.Forbidden, problem.CodeOriginRefused,
			"who is signed in by cookie writes with Content-Type: application/json, also without a body")
	}
	return nil
}

// CheckRead refuses a read that the console's own pages have not made, where reading alone uses something up. A page that
// does not want to see the answer (Fetch, mode "no-cors") sends no Origin; what tells is Sec-Fetch-Site (Fetch Metadata,
// section 2.3), which browsers leave out only where the server is reached without TLS. Errors: ORIGIN_REFUSED.
func (o Origin) CheckRead(r *http.Request) error {
	if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" {
		return o.refused(r)
	}
	if len(r.Header.Values("Origin")) > 0 {
		return o.CheckOrigin(r)
	}
	return nil
}

// CheckOrigin refuses what a page of another origin, or none, has asked for. Errors: ORIGIN_REFUSED.
func (o Origin) CheckOrigin(r *http.Request) error {
	given := r.Header.Values("Origin")
	if len(given) == 1 && given[0] == o.at(r) {
		return nil
	}
	return o.refused(r)
}

func (o Origin) refused(r *http.Request) error {
	return problem.New(problem.Forbidden, problem.CodeOriginRefused,
		"this is for the console's own pages: send Origin: %s, or an API key instead of the cookie", o.at(r))
}

// EndEarlier ends the session that a browser had before it signed in anew.
func (o Origin) EndEarlier(ctx context.Context, signIns *account.SignIns, r *http.Request) {
	if p, err := signIns.Authenticate(ctx, o.Token(r)); err == nil {
		_ = signIns.End(ctx, p) // it ends by itself, only later
	}
}
