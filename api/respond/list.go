package respond

// Next is a page's nextCursor: null at the end.
func Next(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

// List makes of nil an empty list, so that JSON has [] and not null.
func List[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
