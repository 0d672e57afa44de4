package models

import "context"

// Setting is a setting of PostgreSQL as it is for statements that are made with ctx.
func Setting(ctx context.Context, s *Store, name string) (value string, err error) {
	err = s.db.WithContext(ctx).Raw(`SELECT current_setting(?)`, name).Scan(&value).Error
	return value, err
}
