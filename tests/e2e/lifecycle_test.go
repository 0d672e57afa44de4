package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A second stack runs beside the first and shares nothing with it. It stops in order, leaves no process, and goes on with
// the same data when it is started again, also at other ports.
func TestStacksSideBySideStopAndStartAgain(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "atender-e2e-beside-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL runs as another user when root runs the tests
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)

	beside := startStack(t, filepath.Join(dir, "stack"))
	requireApart(t, shared, beside)
	c := requireSeparate(t, shared, beside)
	beside.awaitReceived(t, 20*time.Second, "beside@example.com", 3)
	until := time.Now().Add(time.Second)
	beside.snooze(t, c.ID, until)
	requireStops(t, beside)

	again := startStack(t, beside.dir)
	require.Equal(t, beside.APIKey, again.APIKey)
	require.Equal(t, beside.SandboxAPIKey, again.SandboxAPIKey)
	require.Equal(t, beside.TenantID, again.TenantID)
	require.NotEqual(t, beside.APIURL, again.APIURL)
	require.Equal(t, c.Subject, again.conversation(t, c.ID).Subject)
	woke := again.awaitStatus(t, 30*time.Second, c.ID, "active")
	require.False(t, woke.UpdatedAt.Before(until))
	eventually(t, 30*time.Second, func() error { return arrived(again.receivedOf(t, "beside@example.com"), woke.Version) })
	require.NoError(t, again.stop())
}

// requireApart checks that nothing that ready.json names is the same.
func requireApart(t *testing.T, a, b *stack) {
	t.Helper()
	for what, values := range map[string][2]string{
		"API": {a.APIURL, b.APIURL}, "metrics": {a.MetricsURL, b.MetricsURL}, "receiver": {a.ReceiverURL, b.ReceiverURL},
		"sample dock": {a.SampleDockURL, b.SampleDockURL}, "playground": {a.PlaygroundURL, b.PlaygroundURL},
		"Temporal": {a.TemporalAddress, b.TemporalAddress}, "UI": {a.TemporalUIURL, b.TemporalUIURL},
		"database": {a.DatabaseURL, b.DatabaseURL}, "key": {a.APIKey, b.APIKey}, "tenant": {a.TenantID, b.TenantID},
	} {
		require.NotEmpty(t, values[0], what)
		require.NotEmpty(t, values[1], what)
		require.NotEqual(t, values[0], values[1], what)
	}
	require.NotEqual(t, a.PID, b.PID)
}

// requireSeparate checks that what happens in b does not happen in a, and returns b's conversation.
func requireSeparate(t *testing.T, a, b *stack) conversation {
	t.Helper()
	inA, inB := a.create(t, "beside-1", "here@example.com"), b.create(t, "beside-1", "beside@example.com")
	a.awaitReceived(t, 20*time.Second, "here@example.com", 3)
	b.awaitReceived(t, 20*time.Second, "beside@example.com", 3)
	require.Empty(t, a.receivedOf(t, "beside@example.com"))
	require.Empty(t, b.receivedOf(t, "here@example.com"))
	b.call(t, http.StatusNotFound, nil, http.MethodGet, "/v1/conversations/"+inA.ID, "")
	stranger, err := send(http.MethodGet, b.APIURL+"/v1/me", a.APIKey, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, stranger.status)
	return inB
}

// requireStops stops a stack by SIGTERM: exit status 0 in time, ready.json gone, no process left.
func requireStops(t *testing.T, s *stack) {
	t.Helper()
	family := s.family(t)
	for _, part := range []string{binary + " dev ", binary + " api", binary + " worker", "temporal server ", "postgres "} {
		found := false
		for _, p := range family {
			found = found || strings.Contains(p.args+" ", part)
		}
		require.True(t, found, "%s is not in %v", part, family)
	}
	require.FileExists(t, s.readyFile())
	require.NoError(t, s.stop())
	require.NoFileExists(t, s.readyFile())
	for _, p := range processes(t) {
		require.NotContains(t, p.args, s.dir)
		for _, member := range family { // whose parent, and for PostgreSQL whose title, may have changed
			require.NotEqual(t, member.pid, p.pid, "%s is left, was %s", p.args, member.args)
		}
	}
}

// arrived is an error until the event of a conversation's version is among the deliveries.
func arrived(deliveries []delivery, version int) error {
	for _, d := range deliveries {
		var event struct {
			Data struct{ Conversation conversation }
		}
		if err := json.Unmarshal(d.Body, &event); err != nil {
			return final{err}
		}
		if event.Data.Conversation.Version == version {
			return nil
		}
	}
	return fmt.Errorf("version %d is not among the %d deliveries", version, len(deliveries))
}
