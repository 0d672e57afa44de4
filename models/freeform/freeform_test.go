package freeform

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read is Values as they come from a request.
func read(t *testing.T, text string) Values {
	t.Helper()
	var v Values
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}

func TestNumbersHaveOneForm(t *testing.T) {
	digits := strings.Repeat("9", MaxDigits)
	for sent, kept := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0e5": "0", "5": "5", "5.0": "5", "5e0": "5", "-5": "-5", "49.90": "49.9",
		digits: digits, "-" + digits: "-" + digits, "9007199254740993": "9007199254740993",
		"9007199254740993.0": "9007199254740992",
		"1e30":               "1e+30", "1E308": "1e+308", "1e-300": "1e-300", "1e-999": "0",
	} {
		number, err := Number(json.Number(sent))
		require.NoError(t, err, sent)
		require.Equal(t, kept, string(number), sent)
		again, err := Number(number)
		require.NoError(t, err)
		require.Equal(t, number, again, "a number that is kept is kept as it is")
	}
	for _, refused := range []string{"1" + digits, "-1" + digits, "1e309", "-1e309", "1e99999999999999999999"} {
		_, err := Number(json.Number(refused))
		require.Error(t, err, refused)
	}
}

func TestValuesComeBackFromTheDatabase(t *testing.T) {
	v := read(t, `{"a":1e308,"b":"\u0001n1e308","c":"\u0001","d":[{"e":-1e-300,"f":12345678901234567890123456789012345678}],"g":null,
		"h":true,"i":"text"}`)
	stored, err := v.Value()
	require.NoError(t, err)
	require.NotContains(t, stored, ":1e+308", "jsonb would write it out")
	var back Values
	require.NoError(t, back.Scan(stored))
	require.True(t, reflect.DeepEqual(v, back), "%v %v", v, back)
	require.NoError(t, back.Scan([]byte(stored.(string))))
	require.True(t, reflect.DeepEqual(v, back))

	require.NoError(t, back.Scan(`{"a":1`+strings.Repeat("0", 308)+`}`)) // as it was stored earlier
	require.Equal(t, Values{"a": json.Number("1e+308")}, back)
	require.Error(t, back.Scan(5))
	empty, err := Values(nil).Value()
	require.NoError(t, err)
	require.Equal(t, "{}", empty)
}

func TestValuesRefuseNumbersThatCannotBeKept(t *testing.T) {
	var v Values
	require.ErrorContains(t, json.Unmarshal([]byte(`{"a":[1e400]}`), &v), beyondDouble)
	require.Error(t, json.Unmarshal([]byte(`{"a":`+strings.Repeat("9", MaxDigits+1)+`}`), &v))
}
