package deps

import "os"

// Long tells whether the tests run in their long form, as `make test-long` has them.
func Long() bool { return os.Getenv("ATENDER_LONG") != "" }

// Sized is the small size of something, or in the long form of the tests the full one.
func Sized[T any](small, full T) T {
	if Long() {
		return full
	}
	return small
}
