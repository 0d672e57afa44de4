package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// OrEmptyMap is a map that is written as {} rather than null.
func OrEmptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// Deref is what a pointer points to, and the zero value for nil.
func Deref[T any](v *T) T {
	if v == nil {
		return *new(T)
	}
	return *v
}

// OrNull is a text that is NULL rather than empty.
func OrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Pause waits for a time, a wake-up or ctx's end.
func Pause(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// NotDeleted are the rows of a tenant that are not deleted.
func NotDeleted(db *gorm.DB, tenantID uuid.UUID) *gorm.DB {
	return db.Where("tenant_id = ? AND deleted_at IS NULL", tenantID)
}

// OrEmpty is an array that is never NULL.
func OrEmpty(ids []uuid.UUID) UUIDs {
	if ids == nil {
		return UUIDs{}
	}
	return ids
}

// Each turns rows into their JSON shapes.
func Each[Row, Shape any](rows []Row, f func(Row) Shape) []Shape {
	shapes := make([]Shape, len(rows))
	for i, r := range rows {
		shapes[i] = f(r)
	}
	return shapes
}

// Texts is an array that is never NULL.
func Texts(s Strings) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// PurgeRows is how many rows that have expired one statement deletes.
const PurgeRows = 5_000
