package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An operator sees how webhooks are doing, and repairs, from a shell.
func TestWebhooksInAShell(t *testing.T) {
	t.Parallel()
	shared.create(t, "webhook-1", "webhook@example.com")
	shared.awaitReceived(t, 20*time.Second, "webhook@example.com", 3)
	var row []string
	eventually(t, 10*time.Second, func() error { // an attempt counts when it is recorded, which is after it has arrived
		list := shared.shell(t, binary, "webhook", "list", "--tenant", shared.TenantID)
		row = regexp.MustCompile(`(?m)^([0-9a-f-]{36}) .+ ok +\d+ .* % +http\S+$`).FindStringSubmatch(list)
		if row == nil {
			return fmt.Errorf("no webhook that is ok and has a success rate in\n%s", list)
		}
		return nil
	})
	health := shared.shell(t, binary, "webhook", "health", "--tenant", shared.TenantID, row[1])
	require.Regexp(t, `(?m)^state +ok$`, health)
	require.Regexp(t, `(?m)^last success +20\d\d-`, health)

	done := shared.shell(t, binary, "webhook", "replay", "--tenant", shared.TenantID, row[1],
		"--since", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--only-failed", "--wait")
	require.Regexp(t, `completed +100\.0 % +0 +0`, done)

	tested, err := send(http.MethodPost, shared.APIURL+"/v1/webhooks/"+row[1]+"/test", shared.APIKey, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, tested.status, "%s", tested.body)
	require.Contains(t, string(tested.body), `"class":"ok"`)
}
