package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/validation/jsonscan"
)

// found is what Check says of a text: code and path.
func found(text string) string {
	err := jsonscan.Check([]byte(text))
	if err == nil {
		return ""
	}
	wrong, ok := errors.AsType[*jsonscan.Error](err)
	if !ok || wrong.Message == "" {
		return "an error of another kind: " + err.Error()
	}
	return wrong.Code + " " + wrong.Path
}

func TestWhatIsRefusedAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":[true,false,null,-0.5e+3,"x\n\u00e9"],"c":{}}`: "",
		` [ ] `:                                             "",
		`{"a":{"a":1},"b":{"a":1}}`:                         "",
		`{"a":1,"A":1}`:                                     "",
		`{"a":1,"b":2,"a":3}`:                               "duplicate_key a",
		`{"a":1,"\u0061":2}`:                                "duplicate_key a",
		`{"\u0061":1,"a":2}`:                                "duplicate_key a",
		`{"\ud83d\ude42":1,"🙂":2}`:                          "duplicate_key 🙂",
		`{"\ud800":1,"\ufffd":2}`:                           "duplicate_key \ufffd", // they are one to encoding/json
		`{"":1,"":2}`:                                       "duplicate_key ",
		`{"a":[0,{"b":{"c":1,"c":1}}]}`:                     "duplicate_key a[1].b.c",
		`[[0,{"c":1,"c":1}]]`:                               "duplicate_key [0][1].c",
		`{"a":["x","\u0000"]}`:                              "invalid_text a[1]",
		`{"a":{"b\u0000c":1}}`:                              `invalid_text a.b\u0000c`,
		strings.Repeat("[", 33):                             "too_deep" + " " + strings.Repeat("[0]", 32),
		nest(32):                                            "",
		nest(33):                                            "too_deep " + strings.Repeat("[0]", 32),
		list(jsonscan.MaxValues - 1):                        "",
		list(jsonscan.MaxValues):                            "too_many_values ",
		`{"o":` + object(1000, "") + "}":                    "",
		`{"o":` + object(1001, "") + "}":                    "too_many_keys o",
		`{"o":` + object(999, `,"\u006b12":0`) + "}":        "duplicate_key o.k12",
		`{"o":` + object(15, `,"k14":0`) + "}":              "duplicate_key o.k14",
		`{"o":` + object(16, `,"k0":0`) + "}":               "duplicate_key o.k0",
		"[" + object(500, "") + "," + object(500, "") + "]": "",
		"{\"x\":1}\xff":                                     "malformed_json ",
		`{"a":1} {}`:                                        "malformed_json ",
		"":                                                  "malformed_json ",
		"\x00":                                              "malformed_json ",
	} {
		require.Equal(t, want, found(text), "%.100s", text)
	}
	long := strings.Repeat("k", 300)
	require.Equal(t, "duplicate_key "+long[:200]+"…", found(`{"`+long+`":0,"`+long+`":0}`))
}

func nest(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func list(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("0,", n), ",") + "]" }

func object(keys int, more string) string {
	var b strings.Builder
	for i := range keys {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	return "{" + b.String()[1:] + more + "}"
}

// What a text costs to scan is bounded by its length, whatever is in it.
func TestScanningAllocatesLittle(t *testing.T) {
	for name, text := range map[string]string{
		"75,000 keys":           object(75_000, ""),
		"numbers":               list(jsonscan.MaxValues - 1),
		"400,000 numbers":       list(400_000),
		"objects of 1,000 keys": "[" + strings.TrimSuffix(strings.Repeat(object(1000, "")+",", 19), ",") + "]",
		"escaped keys":          "{" + strings.TrimPrefix(escapedKeys(1000), ",") + "}",
		"nested":                strings.Repeat(`{"a":`, 31) + object(1000, "") + strings.Repeat("}", 31),
		"one string":            `"` + strings.Repeat(`\u00e9`, 170_000) + `"`,
		"one key":               `{"` + strings.Repeat(`\u00e9`, 170_000) + `":0}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_ = jsonscan.Check([]byte(text)) // what it says is tested above
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		t.Logf("%s: %d bytes take %s, and %d bytes", name, len(text), took, after.TotalAlloc-before.TotalAlloc)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*len(text)+256<<10), name)
	}
}

func escapedKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"\u006b%d%s":0`, i, strings.Repeat(`\n`, 500))
	}
	return b.String()
}

// FuzzCheck holds Check against encoding/json.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"\ud83d\ude42\n"],"b":{"a":{}}}`, `{"a":1,"\u0061":2}`, `[1,]`, `{"a" 1}`, `"\ud800"`,
		`{"\ud800\u0041":1,"\ufffdA":2}`, `01`, `1.`, `-`, `1e`, "\"\x1f\"", "\"\x7f\"", `"\u0000"`,
		`{"\u0000":1}`, "[]]", `"\x"`,
		nest(32), nest(33), object(20, `,"k3":1`), `{"":{"":0,"":1}}`, `tru`, "\ufeff{}", "\xff",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := jsonscan.Check(text)
		want := reference(text)
		switch wrong, ok := errors.AsType[*jsonscan.Error](err); {
		case err == nil:
			require.Empty(t, want)
		case !ok:
			require.Fail(t, "an error of another kind", "%v", err)
		default:
			require.Contains(t, want, wrong.Code, "%s: %s", wrong.Path, wrong.Message)
			require.True(t, utf8.ValidString(wrong.Path))
			require.LessOrEqual(t, len(wrong.Path), 1300)
		}
	})
}

// reference is everything that is wrong with a text, found the slow way.
func reference(text []byte) map[string]bool {
	wrong := map[string]bool{}
	if !json.Valid(text) || !utf8.Valid(text) {
		wrong[jsonscan.Malformed] = true
	}
	type level struct {
		keys   map[string]bool // nil in a list
		inside bool            // a key was read, its value comes
	}
	var open []level
	values := 0
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				wrong[jsonscan.Malformed] = true
			}
			return wrong
		}
		if s, ok := token.(string); ok && strings.Contains(s, "\x00") {
			wrong[jsonscan.InvalidText] = true
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].keys != nil {
			if top := &open[n-1]; !top.inside {
				top.inside = true
				if top.keys[token.(string)] {
					wrong[jsonscan.DuplicateKey] = true
				}
				top.keys[token.(string)] = true
				if len(top.keys) > jsonscan.MaxKeys {
					wrong[jsonscan.TooManyKeys] = true
				}
				continue
			}
			open[n-1].inside = false
		}
		if values++; values > jsonscan.MaxValues {
			wrong[jsonscan.TooManyValues] = true
		}
		if delim, ok := token.(json.Delim); ok {
			one := level{}
			if delim == '{' {
				one.keys = map[string]bool{}
			}
			if open = append(open, one); len(open) > jsonscan.MaxDepth {
				wrong[jsonscan.TooDeep] = true
			}
		}
	}
}
