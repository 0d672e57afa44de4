package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// kill ends a role of the stack as a crash would, and waits until the stack has started another.
func (s *stack) kill(t *testing.T, role string, meanwhile func()) {
	t.Helper()
	before := s.role(t, role)
	require.NotZero(t, before)
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	meanwhile()
	eventually(t, 20*time.Second, func() error {
		if now := s.role(t, role); now == 0 || now == before {
			return fmt.Errorf("no new %s", role)
		}
		return nil
	})
}

// A worker that was killed comes back and does what it missed: deliveries, and a snooze that ended meanwhile.
func TestWorkerKilled(t *testing.T) {
	const n, email = 10, "worker-killed@example.com"
	sleeper := shared.create(t, "sleeper", email)
	shared.awaitReceived(t, 20*time.Second, email, 3)
	until := time.Now().Add(time.Second)
	shared.snooze(t, sleeper.ID, until)
	shared.awaitReceived(t, 20*time.Second, email, 4) // so that nothing is under way
	shared.kill(t, "worker", func() {
		for i := range n {
			shared.create(t, fmt.Sprintf("worker-killed-%d", i), email)
		}
	})
	shared.awaitStatus(t, 30*time.Second, sleeper.ID, "active")
	shared.awaitReceived(t, 40*time.Second, email, 4+2*n+1)
}

// When the API is killed under load, what it has answered with success is there, and trying again is safe.
func TestAPIKilled(t *testing.T) {
	const n, clients, email = 120, 4, "api-killed@example.com"
	ids := make([]string, n)
	var next atomic.Int64
	var load errgroup.Group
	halfway := make(chan struct{})
	for range clients {
		load.Go(func() (err error) {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if i == n/2 {
					close(halfway)
				}
				if ids[i], err = shared.insist(fmt.Sprintf("api-killed-%d", i), email); err != nil {
					return err
				}
			}
		})
	}
	<-halfway
	shared.kill(t, "api", func() {})
	require.NoError(t, load.Wait())
	for i, id := range ids {
		require.Equal(t, fmt.Sprintf("api-killed-%d", i), shared.conversation(t, id).ExternalReference)
	}
	shared.awaitReceived(t, 40*time.Second, email, 1+2*n)
}

// insist creates a conversation as a careful client does: it asks until it has an answer. One that says that the
// conversation exists is as good as the one that got lost.
func (s *stack) insist(reference, email string) (id string, err error) {
	err = poll(30*time.Second, func() error {
		a, err := send(http.MethodPost, s.APIURL+"/v1/conversations/outbound", s.APIKey, order(reference, email))
		if err != nil {
			return err
		}
		var made struct {
			ID    string
			Error struct {
				Details struct{ ConversationID string }
			}
		}
		if err := json.Unmarshal(a.body, &made); err != nil {
			return final{err}
		}
		switch a.status {
		case http.StatusCreated:
			id = made.ID
		case http.StatusConflict:
			id = made.Error.Details.ConversationID
		case http.StatusServiceUnavailable:
			return errors.New("not available")
		default:
			return final{fmt.Errorf("%d: %s", a.status, a.body)}
		}
		return nil
	})
	return id, err
}
