package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/postgres"
)

// troubleAfter is how long all attempts of a webhook have to fail before it counts as in trouble: a failure now and then
// is what retries are for.
const troubleAfter = "1 minute"

// Trouble is a webhook that is not doing well. It has nothing of where it points to: an operator finds that by the id.
type Trouble struct {
	TenantID, ID uuid.UUID
	State        string // failing, open or disabled, as Health has it
	// Reason is why the product switched it off, such as FAILING; empty for one that is on. One that its owner switched off is
	// in no trouble.
	Reason string
	Since  *time.Time // of the first failure in a row; nil where that is not known
}

// Troubled lists the webhooks of all tenants that are in trouble, those failing longest first, and says how many there are.
// Tenants whose webhooks are off are left out. Errors: UNAVAILABLE.
func (s *Store) Troubled(ctx context.Context, limit int) (list []Trouble, n int, err error) {
	defer postgres.During(&err, "list webhooks in trouble")
	var rows []struct {
		Subscription `gorm:"embedded"`
		Found        int
	}
	err = s.db.Reports.WithContext(ctx).Raw(`SELECT s.*, count(*) OVER () AS found FROM subscriptions s
		JOIN tenants t ON t.id = s.tenant_id AND t.webhooks_enabled
		WHERE s.deleted_at IS NULL AND (s.is_active AND (s.circuit_opened_at IS NOT NULL OR s.failures > 0
				AND s.failing_since < clock_timestamp() - interval '`+troubleAfter+`')
			OR NOT s.is_active AND s.disabled_reason IS NOT NULL)
		ORDER BY s.failing_since NULLS LAST, s.id LIMIT ?`, limit).Scan(&rows).Error
	for _, row := range rows {
		list = append(list, Trouble{
			TenantID: row.TenantID, ID: row.ID, State: row.health().State, Reason: postgres.Deref(row.DisabledReason),
			Since: row.FailingSince,
		})
		n = row.Found
	}
	return list, n, err
}
