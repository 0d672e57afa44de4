// Package freeform has the values that callers keep with us by keys of their own, and which of their numbers are kept how.
// It is pure.
package freeform

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// Values are what callers keep with us by keys of their own: custom fields, and metadata. Its numbers are json.Number, in
// the one form that Number gives them, so that equal values are equal to reflect.DeepEqual and are written alike
// wherever they come from. In the database they are jsonb; nil is {}.
type Values map[string]any

// MaxDigits is how many digits a whole number of Values may have that is kept as it was written: as many as the decimal
// columns of SQL Server and Oracle hold, from which callers' ids come.
const MaxDigits = 38

// beyondDouble is how the one reason is told why a number cannot be kept.
const beyondDouble = "is beyond the range of a double"

// Number is the form in which a JSON number is kept: a whole number written without a fraction and an exponent, of at most
// MaxDigits digits, as it is; any other as the shortest text that stands for the same double (RFC 8259, section 6), which
// has an exponent where it would be long.
// Errors: a sentence that says what is wrong with the number, without its name.
func Number(n json.Number) (json.Number, error) {
	text := string(n)
	digits := strings.TrimPrefix(text, "-")
	if strings.Trim(digits, "0123456789") == "" {
		switch {
		case digits == "0":
			return "0", nil // of -0, PostgreSQL keeps no sign
		case len(digits) <= MaxDigits:
			return n, nil
		}
		return "", fmt.Errorf("is a whole number of more than %d digits and would be rounded: send it as a string", MaxDigits)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // it is well-formed, so that it is too large
		return "", errors.New(beyondDouble)
	}
	return shortest(f), nil
}

// shortest is a double as encoding/json writes it.
func shortest(f float64) json.Number {
	if f == 0 {
		return "0"
	}
	text, _ := json.Marshal(f) // finite
	return json.Number(text)
}

// Equal tells whether two have the same keys with equal values.
func (v Values) Equal(other Values) bool { return maps.EqualFunc(v, other, reflect.DeepEqual) }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return err
	}
	kept, err := each(m, keptNumber)
	if err != nil {
		return err
	}
	*v, _ = kept.(map[string]any)
	return nil
}

func keptNumber(v any) (any, error) {
	n, ok := v.(json.Number)
	if !ok {
		return v, nil
	}
	kept, err := Number(n)
	if err != nil {
		return nil, fmt.Errorf("the number %.40s %w", n, err)
	}
	return kept, nil
}

// Exponents. jsonb writes a number with an exponent out in full: 1e308 has 309 digits when it is read, and 16 KiB of them
// a megabyte. So such a number is stored as a string that begins with storedMark and storedNumber, and a string of the
// caller's that begins with storedMark as one that has storedMark and storedText before it.
const (
	storedMark   = "\x01"
	storedNumber = "n"
	storedText   = "s"
)

// Value implements driver.Valuer.
func (v Values) Value() (driver.Value, error) {
	if v == nil {
		return "{}", nil
	}
	stored, err := each(map[string]any(v), toStored)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func toStored(v any) (any, error) {
	switch v := v.(type) {
	case float64: // of a Values that was made in Go, and not read
		return toStored(shortest(v))
	case json.Number:
		if strings.ContainsAny(string(v), "eE") {
			return storedMark + storedNumber + string(v), nil
		}
	case string:
		if strings.HasPrefix(v, storedMark) {
			return storedMark + storedText + v, nil
		}
	}
	return v, nil
}

// Scan implements sql.Scanner.
func (v *Values) Scan(src any) error {
	var text []byte
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		text = []byte(src)
	case []byte:
		text = src
	default:
		return fmt.Errorf("values came as %T", src)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return err
	}
	read, err := each(m, fromStored)
	if err != nil {
		return err
	}
	*v, _ = read.(map[string]any)
	return nil
}

func fromStored(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if kept, err := Number(v); err == nil {
			return kept, nil
		}
		f, err := v.Float64() // it was stored when doubles were all there was
		return shortest(f), err
	case string:
		if number, ok := strings.CutPrefix(v, storedMark+storedNumber); ok {
			return json.Number(number), nil
		}
		if text, ok := strings.CutPrefix(v, storedMark+storedText); ok {
			return text, nil
		}
	}
	return v, nil
}

// each replaces the scalars within v by what f makes of them. Lists and objects are made anew.
func each(v any, f func(any) (any, error)) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v, nil
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			made, err := each(item, f)
			if err != nil {
				return nil, err
			}
			out[key] = made
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			made, err := each(item, f)
			if err != nil {
				return nil, err
			}
			out[i] = made
		}
		return out, nil
	}
	return f(v)
}
