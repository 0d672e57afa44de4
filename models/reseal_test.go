package models_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/idempotency"
	"github.com/atender/atender/models/seal"
	"github.com/atender/atender/models/webhook"
)

// openWith is another process, with the keys of the given rings, the first one's first.
func (b *bench) openWith(rings ...string) *models.Store {
	b.t.Helper()
	keys, err := seal.ParseKeyring(strings.Join(rings, ","))
	require.NoError(b.t, err)
	return b.open(func(o *models.Options) { o.Keys = keys })
}

// newKey is the text of a ring with one new key.
func newKey(id string) string {
	return strings.Replace(seal.GenerateKeyring(), "k1:", id+":", 1)
}

// resealed are the figures by what was sealed, as "values resealed unreadable".
func (b *bench) resealed(s *models.Store) map[string]string {
	b.t.Helper()
	done, err := s.Reseal(b.t.Context())
	require.NoError(b.t, err)
	figures := map[string]string{}
	for _, d := range done {
		figures[d.What] = fmt.Sprint(d.Values, d.Resealed, d.Unreadable)
		require.Equal(b.t, d.Unreadable > 0, d.Why != nil)
	}
	return figures
}

// secretAnswer is a call whose answer holds a secret.
func secretAnswer(context.Context) (idempotency.Answer, error) {
	return idempotency.Answer{Status: http.StatusCreated, Body: []byte("t0psecret"), Decided: true, Secret: true}, nil
}

// A process whose key of the same id has other bytes can send none of the webhooks: it is told so before it takes any.
func TestKeysWithOtherBytesAreNoticed(t *testing.T) {
	b := setupAlone(t)
	key := newKey("k1")
	right, wrong := b.openWith(key), b.openWith(newKey("k1"))
	require.NoError(t, wrong.CheckKeys(t.Context()), "nothing is sealed yet")
	b.Store = right
	b.subscribe()
	require.NoError(t, right.CheckKeys(t.Context()))
	require.ErrorContains(t, wrong.CheckKeys(t.Context()), "key k1 does not open what is sealed under it")
	missing := b.openWith(newKey("k2"))
	require.NoError(t, missing.CheckKeys(t.Context()), "a key that is not there at all is atender doctor's affair")

	b.exec(`UPDATE subscriptions SET secret = secret || '\x00'`)
	b.subscribe()
	require.NoError(t, right.CheckKeys(t.Context()), "one value that is damaged is not the key's fault")
}

func TestAfterResealTheOldKeyCanGo(t *testing.T) {
	b := setupAlone(t)
	k1, k2 := newKey("k1"), newKey("k2")
	old := b.openWith(k1)
	b.Store = old
	who := b.as(b.agent("ada", account.RoleAgent))
	conversation := b.conversation("order-1")

	hook := b.subscribe(func(s *webhook.NewSubscription) { s.Headers = map[string]string{"X-Token": "t0psecret"} })
	rotated, err := b.Webhooks.RotateSecret(t.Context(), b.tenant.ID, hook.ID, time.Hour, nil)
	require.NoError(t, err)
	deleted := b.subscribe()
	require.NoError(t, b.Webhooks.Delete(t.Context(), b.tenant.ID, deleted.ID))
	dock := b.dock()
	_, err = b.Docks.RotateSecret(t.Context(), b.tenant.ID, dock.ID, time.Hour, nil)
	require.NoError(t, err)
	const answers = 250 // more than are locked at a time
	for i := range answers {
		_, _, err := b.Idempotency.Do(t.Context(), b.key(fmt.Sprint("secret-", i), ""), secretAnswer)
		require.NoError(t, err)
	}
	_, _, err = b.Idempotency.Do(t.Context(), b.key("plain", ""), b.creation(old, "order-2"))
	require.NoError(t, err)

	both := b.openWith(k2, k1)
	b.Store = both
	b.subscribe() // sealed under the new key already
	require.Equal(t, map[string]string{
		"webhook secrets": "3 2 0", "webhook secrets before": "1 1 0", "webhook headers": "1 1 0",
		"dock secrets": "1 1 0", "dock secrets before": "1 1 0", "stored answers": "250 250 0",
	}, b.resealed(both))
	require.Equal(t, map[string]string{
		"webhook secrets": "3 0 0", "webhook secrets before": "1 0 0", "webhook headers": "1 0 0",
		"dock secrets": "1 0 0", "dock secrets before": "1 0 0", "stored answers": "250 0 0",
	}, b.resealed(both), "once more finds nothing to do")

	fresh := b.openWith(k2)
	b.Store = fresh
	endpoints, _, err := b.Webhooks.FreshEndpoints(t.Context(), 0, webhook.Shards, webhook.ClaimPosition{})
	require.NoError(t, err)
	require.Len(t, endpoints, 1)
	require.Equal(t, map[string]string{"X-Token": "t0psecret"}, endpoints[0].Headers)
	require.Equal(t, *rotated.Secret, endpoints[0].Secrets[0].Reveal())
	require.Equal(t, *hook.Secret, endpoints[0].Secrets[1].Reveal())
	b.openDock(who, dock.ID, conversation.ID)
	for i := range answers {
		a, replayed, err := b.Idempotency.Do(t.Context(), b.key(fmt.Sprint("secret-", i), ""), secretAnswer)
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, "t0psecret", string(a.Body))
	}
}

func TestResealLeavesAndCountsWhatItCannotOpen(t *testing.T) {
	b := setupAlone(t)
	k1, k2 := newKey("k1"), newKey("k2")
	b.Store = b.openWith(k1)
	b.subscribe()
	moved := b.subscribe()
	b.exec(`UPDATE subscriptions SET secret = other.secret FROM subscriptions other
		WHERE subscriptions.id = $1 AND other.id <> $1`, moved.ID)

	require.Equal(t, "2 0 2", b.resealed(b.openWith(k2))["webhook secrets"], "k1 is missing")
	done, err := b.openWith(k2, k1).Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, done[0].Resealed, "what can be read is done all the same")
	require.Equal(t, 1, done[0].Unreadable)
	require.ErrorIs(t, done[0].Why, seal.ErrDamaged)
	require.ErrorContains(t, done[0].Why, moved.ID.String())
}

// A sealed column that is not resealed would be noticed on the day its key is gone.
func TestEverySealedColumnIsResealed(t *testing.T) {
	b := setupAlone(t)
	digests := map[string]bool{ // of what is only compared
		"api_keys.hash": true, "sessions.hash": true, "sign_in_links.hash": true, "sign_in_attempts.subject": true,
		"sign_in_places.place": true,
		"idempotency_keys.id":  true, "idempotency_keys.request": true, "dock_sessions.token_hash": true,
		"dock_actions.request_hash": true,
		"tenants.cursor_key":        true, // no secret of the tenant's: see its migration
	}
	rows, err := b.db.QueryContext(t.Context(), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'bytea'`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var sealed []string
	for rows.Next() {
		var column string
		require.NoError(t, rows.Scan(&column))
		if !digests[column] {
			sealed = append(sealed, column)
		}
	}
	require.NoError(t, rows.Err())
	require.ElementsMatch(t, models.SealedColumns(), sealed)
}
