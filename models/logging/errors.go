package logging

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/atender/atender/models/problem"
)

// hidden stands where a value was.
const hidden = "…"

// longestError bounds the text of an error in bytes: drivers put whole statements into some.
const longestError = 2_000

// ErrorText is the text of an error without the values that it quotes: what a client has sent, what a row holds, the path and
// query of a URL. What names things of ours stays: tables, constraints, columns, codes, hosts.
func ErrorText(err error) string {
	text := err.Error()
	walk(err, func(err error) {
		if from, to := quoted(err); from != "" {
			text = strings.ReplaceAll(text, from, to)
		}
	})
	text = withoutValues(text)
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + hidden
	}
	return text
}

// walk visits an error and all that it wraps.
func walk(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch wrapping := err.(type) { //nolint:errorlint // this is how errors.As walks
	case interface{ Unwrap() error }:
		walk(wrapping.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, one := range wrapping.Unwrap() {
			walk(one, visit)
		}
	}
}

// quoted is the part of an error's own text that has values, and what to write instead; nothing for errors that have none.
func quoted(err error) (from, to string) {
	switch e := err.(type) { //nolint:errorlint // walk visits what it wraps
	case *pgconn.PgError:
		return e.Error(), pgText(e)
	case *problem.Error:
		// A refusal is a sentence for the caller, whose input it may repeat. The code says what it was.
		if e.Kind != problem.Internal && e.Kind != problem.Unavailable {
			return e.Code + ": " + e.Message, e.Code
		}
	case *strconv.NumError:
		return strconv.Quote(e.Num), strconv.Quote(hidden)
	case *time.ParseError:
		return e.Error(), "parsing time: not like " + strconv.Quote(e.Layout)
	case *url.Error:
		return strconv.Quote(e.URL), strconv.Quote(hostOf(e.URL))
	case *json.UnmarshalTypeError:
		return "cannot unmarshal " + e.Value, "cannot unmarshal " + strings.SplitN(e.Value, " ", 2)[0]
	}
	return "", ""
}

// hostOf is where a URL leads, without path and query, which may have secrets.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return hidden
	}
	return u.Scheme + "://" + u.Host + "/" + hidden
}

// quotedText is whatever stands between the first and the last of the double quotes in a text.
var quotedText = regexp.MustCompile(`(?s)".*"`)

// pgText is an error of PostgreSQL without values. Messages of violated constraints (class 23) and of statements (class 42) quote
// names of ours alone; those of data (22), of exceptions that are raised (P0) and of what the parser met (42601) quote the data.
// A detail, such as "Key (email)=(…)", is never part of the text.
func pgText(e *pgconn.PgError) string {
	message := e.Message
	if class := e.Code[:min(2, len(e.Code))]; class == "22" || class == "P0" || e.Code == "42601" {
		message = quotedText.ReplaceAllString(message, strconv.Quote(hidden))
	}
	text := fmt.Sprintf("%s: %s (SQLSTATE %s)", e.Severity, message, e.Code)
	if e.TableName != "" && !strings.Contains(message, e.TableName) {
		text += " in " + e.TableName
	}
	return text
}

// untyped are texts of errors that have values in them and no type by which to tell.
var untyped = []struct {
	found *regexp.Regexp
	to    string
}{
	// pgx, of an argument of a statement (pgtype.newEncodeError).
	{
		regexp.MustCompile(`(?s)unable to encode .* into (text|binary|unknown) format`),
		"unable to encode " + hidden + " into $1 format",
	},
	// database/sql, of a column (convertAssign).
	{
		regexp.MustCompile(`(?s)converting driver\.Value type ([^ (]+) \(".*"\) to`),
		`converting driver.Value type $1 ("` + hidden + `") to`,
	},
	// net/netip and strconv, where another error has their text and not them.
	{regexp.MustCompile(`(?s)(ParseAddr|ParsePrefix)\(".*"\)`), `$1("` + hidden + `")`},
	{
		regexp.MustCompile(`(?s)parsing ".*": (invalid syntax|value out of range)`),
		`parsing "` + hidden + `": $1`,
	},
	// PostgreSQL's details, should another library put them into its text.
	{regexp.MustCompile(`\([^()]*\)=\(.*\)`), "(" + hidden + ")=(" + hidden + ")"},
}

// withoutValues takes values out of a text by what stands around them.
func withoutValues(text string) string {
	for _, u := range untyped {
		text = u.found.ReplaceAllString(text, u.to)
	}
	return text
}
