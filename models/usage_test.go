package models_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models"
	"github.com/atender/atender/models/account"
	"github.com/atender/atender/models/wire"
)

func TestUseOfKeysIsAddedUpAcrossProcesses(t *testing.T) {
	b := setupAlone(t)
	key, plain, err := b.Keys.Create(t.Context(), b.tenant.ID, account.NewKey{Name: "k", Scopes: []string{"basic"}})
	require.NoError(t, err)
	p, err := b.Keys.Authenticate(t.Context(), plain)
	require.NoError(t, err)
	one, two := b.open(), b.open()
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			[]*models.Store{one, two}[i%2].Keys.CountRequest(p, "GET /v1/conversations", 200+i%2*204)
		})
	}
	wait.Wait()
	one.Keys.CountRequest(account.Principal{TenantID: b.tenant.ID, Agent: &account.Agent{}}, "GET /v1/conversations", 200)
	one.Close() // which writes what there is
	two.Close()
	rows, err := b.Keys.Usage(t.Context(), b.tenant.ID, key.ID, 1)
	require.NoError(t, err)
	day := rows[0].Day
	require.Equal(t, []wire.KeyUse{
		{Day: day, Endpoint: "GET /v1/conversations", Status: "2xx", Requests: 50},
		{Day: day, Endpoint: "GET /v1/conversations", Status: "4xx", Requests: 50},
	}, rows)
	b.exec(`UPDATE api_key_usage SET day = day - 30`)
	rows, err = b.Keys.Usage(t.Context(), b.tenant.ID, key.ID, 30)
	require.NoError(t, err)
	require.Empty(t, rows)
	b.exec(`UPDATE api_key_usage SET day = day - 400`)
	require.NoError(t, b.Keys.PurgeUsage(t.Context()))
	require.Zero(t, b.count(`SELECT count(*) FROM api_key_usage`))
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	b := setupAlone(t)
	by := account.Principal{TenantID: b.tenant.ID, Scopes: []string{"settings:write", "conversations:write"}}
	_, _, err := b.Keys.Grant(
		t.Context(),
		by,
		account.NewKey{Name: "k", Scopes: []string{"conversations:read", "settings:write"}},
	)
	require.NoError(t, err)
	for _, scopes := range [][]string{{"contacts:read"}, {"full_access"}, {"conversations:read", "basic"}} {
		_, _, err := b.Keys.Grant(t.Context(), by, account.NewKey{Name: "k", Scopes: scopes})
		requireProblem(t, err, "SCOPE_MISSING")
	}
	_, _, err = b.Keys.Grant(t.Context(), by, account.NewKey{Name: "k", Scopes: []string{"nonsense"}})
	requireField(t, err, "scopes")
}
