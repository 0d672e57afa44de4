package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is answered to whatever is asked: where users come by https, browsers learn to come by nothing else.
func TestEveryAnswerSaysStrictTransportWhereUsersComeByHTTPS(t *testing.T) {
	h := newHarness(t)
	for public, want := range map[string]string{
		"https://support.example.com": "max-age=31536000", "HTTPS://Support.example.com:443": "max-age=31536000",
		"http://support.example.com": "", "": "",
	} {
		server, err := New(Config{PublicURL: public}, Deps{Store: h.store, Logger: h.server.log})
		require.NoError(t, err)
		for _, ask := range [][2]string{
			{"GET", "/healthz"}, {"GET", "/v1/conversations"}, {"GET", "/nothing/here"},
			{"DELETE", "/healthz"}, {"GET", "/console"},
			{"GET", "/console/inbox"}, {"GET", "/console/app.js"}, {"POST", "/console/sign-in"},
			{"POST", "/console/session"}, {"GET", "/docs"}, {"GET", "/docks"}, {"GET", "/docks/playground"},
			{"GET", "/sdk/dock.js"},
			{"HEAD", "/sdk/dock.js"}, {"GET", "/openapi.json"},
		} {
			r := httptest.NewRequest(ask[0], "http://support.example.com/", http.NoBody)
			r.URL.Path, r.RequestURI = ask[1], ask[1]
			w := httptest.NewRecorder()
			server.Handler().ServeHTTP(w, r)
			require.Equal(t, want, w.Header().Get("Strict-Transport-Security"), "%s %s", public, ask)
		}
	}
}
