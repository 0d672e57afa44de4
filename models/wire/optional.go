package wire

import (
	"encoding/json"
	"time"
)

// Optional is a field of an update that may be absent, null or a value.
type Optional[T any] struct {
	Set   bool
	Value *T // nil for null
}

// UnmarshalJSON implements json.Unmarshaler, which is only called for a field that is there.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}

// MarshalJSON implements json.Marshaler. A field that is not set is left out by its tag, omitzero.
func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value) }

// IsZero tells whether the field is absent, for omitzero.
func (o Optional[T]) IsZero() bool { return !o.Set }

// Some returns an Optional that is set to v.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: &v} }

// Null returns an Optional that is set to null.
func Null[T any]() Optional[T] { return Optional[T]{Set: true} }

// Set puts a value into a field, if there is one.
func Set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// SameTime tells whether two times are the same moment, or both are none.
func SameTime(a, b *time.Time) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}

// Latest is the latest of some times.
func Latest(times ...time.Time) (t time.Time) {
	for _, candidate := range times {
		if candidate.After(t) {
			t = candidate
		}
	}
	return t
}
