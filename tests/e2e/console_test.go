package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The demo's owner signs in with the link that the stack prints, and sees a conversation wake while looking on: what time
// did in the worker is told by the API process.
func TestTheOwnerSignsInAndWatches(t *testing.T) {
	link, err := url.Parse(shared.SignInURL)
	require.NoError(t, err)
	origin := "http://" + link.Host
	require.Contains(t, string(get(t, shared.SignInURL).body), link.Query().Get("token"))

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	press := func() (status int, to string) {
		r, err := http.NewRequest(http.MethodPost, origin+"/console/sign-in", strings.NewReader(link.RawQuery))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		response, err := browser.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("Location")
	}
	status, to := press()
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "/console", to)
	status, _ = press()
	require.Equal(t, http.StatusUnauthorized, status, "it works once")

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/console/events", nil)
	require.NoError(t, err)
	stream, err := browser.Do(r)
	require.NoError(t, err)
	defer func() { _ = stream.Body.Close() }()
	require.Equal(t, http.StatusOK, stream.StatusCode)

	c := shared.create(t, "console-1", "console@example.com")
	shared.snooze(t, c.ID, time.Now().Add(2*time.Second))
	var versions []int
	for lines := bufio.NewScanner(stream.Body); len(versions) == 0 || versions[len(versions)-1] < 3; {
		require.True(t, lines.Scan(), "the stream has ended: %v", errors.Join(lines.Err(), ctx.Err()))
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		var news struct {
			ID      string
			Version int
		}
		if ok && json.Unmarshal([]byte(text), &news) == nil && news.ID == c.ID {
			versions = append(versions, news.Version)
		}
	}
	require.IsIncreasing(t, versions)
	require.Equal(t, "active", shared.conversation(t, c.ID).Status)
}
