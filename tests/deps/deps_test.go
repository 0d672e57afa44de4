package deps_test

import (
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) { os.Exit(deps.Main(m)) }

func query[T any](t *testing.T, databaseURL, sql string, args ...any) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}

func TestEachDatabaseIsMigratedEmptyAndItsOwn(t *testing.T) {
	urls := make([]string, 4)
	var group sync.WaitGroup
	for i := range urls { // at once, as packages under test do
		group.Go(func() { urls[i] = deps.Database(t) })
	}
	group.Wait()
	for i, url := range urls {
		require.NotContains(t, urls[:i], url)
		require.Positive(t, query[int](t, url, `SELECT count(*) FROM goose_db_version`))
		require.Zero(t, query[int](t, url, `SELECT count(*) FROM tenants`))
	}
}

func TestADatabaseIsDroppedWithItsTest(t *testing.T) {
	outer := deps.Database(t)
	var inner string
	t.Run("inner", func(t *testing.T) {
		inner = query[string](t, deps.Database(t), `SELECT current_database()`)
	})
	require.Zero(t, query[int](t, outer, `SELECT count(*) FROM pg_database WHERE datname = $1`, inner))
}

func TestASpareDatabaseIsEmptyAgainForTheNextTest(t *testing.T) {
	opened, closed := 0, 0
	spares := deps.Spares[string]{Open: func(_ testing.TB, url string) (string, func()) {
		opened++
		return url, func() { closed++ }
	}}
	use := func(change string) (url string) {
		t.Run("use", func(t *testing.T) {
			url = spares.Take(t)
			require.Zero(t, query[int](t, url, `SELECT count(*) FROM tenants`))
			require.Equal(t, 1, query[int](t, url, `SELECT count(*) FROM feed`))
			require.Equal(t, 1, query[int](t, url, change))
		})
		return url
	}
	tenant := `INSERT INTO tenants (id, name, environment, created_at)
		VALUES (gen_random_uuid(), 'Acme', 'production', now()) RETURNING 1`
	first := use(tenant)
	require.Equal(t, first, use(tenant), "it was emptied")
	require.Equal(t, first, use(`SELECT 1`))
	require.Equal(t, 1, opened)

	t.Run("change", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), spares.Take(t))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `ALTER TABLE tenants ADD spoiled int`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	})
	require.Equal(t, 1, closed, "a changed schema is not used again")
	require.NotEqual(t, first, use(tenant))
	require.Equal(t, 2, opened)
}

func TestTemporalKnowsTheNamespace(t *testing.T) {
	address, namespace := deps.Temporal(t)
	c, err := client.Dial(client.Options{
		HostPort: address, Namespace: namespace,
		Logger: temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer c.Close()
	described, err := c.WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	require.NoError(t, err)
	require.GreaterOrEqual(t, described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), time.Hour)
}
