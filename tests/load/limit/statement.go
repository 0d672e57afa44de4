package limit

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// The format of the .sql files that hold statements. A statement begins with its name, then has a line for each of its
// parameters, in order, then its text, up to the next name or the end of the file:
//
//	--: lock
//	--$ tenant
//	--$ text ${key}@customers.example
//	--$ ids
//	--$ - fresh 3
//	SELECT …
//
// A parameter is one of
//
//	null, true, false                             as they are
//	int N                                         a number
//	now, started                                  the operation's time; that when the limit was opened
//	tick                                          the operation's time as ids carry it (see sequence)
//	number                                        the number of a conversation, another for each operation
//	tenant, subscription, actor                   ids of the limit's rows
//	conversation, contact                         the ids of what the operation is about
//	fresh K                                       the K-th id that the operation makes; they rise
//	text …                                        the rest of the line, in which ${…} stands for any of the above, or for
//	                                              ${key}, a text of the operation's own, or ${event}
//	ids, texts                                    an array: its elements follow, each on a line that begins with "- "
//	each …                                        an array with the value for each operation of a batch; here null is
//	                                              followed by the type: uuid, text, time or int
type statement struct {
	name, sql string
	params    []param
}

// param says where the value of a statement's parameter comes from.
type param struct {
	kind  string
	text  string // of text; the type of null
	n     int64  // of int and fresh
	each  bool
	items []param // of ids and texts
}

const (
	nameMark  = "--: "
	paramMark = "--$ "
	itemMark  = "- "
)

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// read reads the statements of one of the files.
func read(file string) ([]statement, error) {
	content, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found, err := parse(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return found, nil
}

func parse(content string) (found []statement, err error) {
	_, content, _ = strings.Cut("\n"+content, "\n"+nameMark)
	for part := range strings.SplitSeq(content, "\n"+nameMark) {
		name, rest, _ := strings.Cut(part, "\n")
		s := statement{name: name}
		var sql []string
		for line := range strings.SplitSeq(strings.TrimRight(rest, "\n"), "\n") {
			text, isParam := strings.CutPrefix(line, paramMark)
			switch {
			case !isParam:
				sql = append(sql, line)
				continue
			case len(sql) > 0:
				return nil, fmt.Errorf("statement %s: a parameter after the text begins: %s", name, line)
			}
			if err := s.add(text); err != nil {
				return nil, fmt.Errorf("statement %s: %w", name, err)
			}
		}
		if s.sql = strings.Join(sql, "\n"); s.sql == "" {
			return nil, fmt.Errorf("statement %s has no text", name)
		}
		found = append(found, s)
	}
	return found, nil
}

// add adds a parameter, or an element to the last one.
func (s *statement) add(text string) error {
	if item, isItem := strings.CutPrefix(text, itemMark); isItem {
		if len(s.params) == 0 || s.params[len(s.params)-1].kind != "ids" && s.params[len(s.params)-1].kind != "texts" {
			return fmt.Errorf("%q belongs to no array", text)
		}
		last := &s.params[len(s.params)-1]
		if last.kind == "texts" {
			last.items = append(last.items, param{kind: "text", text: item})
			return nil
		}
		p, err := parseParam(item)
		last.items = append(last.items, p)
		return err
	}
	p, err := parseParam(text)
	s.params = append(s.params, p)
	return err
}

func parseParam(text string) (p param, err error) {
	text, p.each = strings.CutPrefix(text, "each ")
	p.kind, p.text, _ = strings.Cut(text, " ")
	switch p.kind {
	case "true", "false", "now", "started", "tick", "number", "tenant", "subscription", "actor", "conversation", "contact",
		"ids", "texts":
		if p.text != "" {
			return p, fmt.Errorf("parameter %q: nothing may follow %s", text, p.kind)
		}
	case "null":
		if p.each && nullColumn(p.text, 0) == nil {
			return p, fmt.Errorf("parameter %q: want the type of each null: uuid, text, time or int", text)
		}
	case "int", "fresh":
		p.n, err = strconv.ParseInt(p.text, 10, 64)
	case "text":
		for _, m := range placeholder.FindAllStringSubmatch(p.text, -1) {
			if m[1] == "key" || m[1] == "event" {
				continue
			}
			if _, err := parseParam(m[1]); err != nil {
				return p, err
			}
		}
	default:
		return p, fmt.Errorf("parameter %q is of no known kind", text)
	}
	return p, err
}

// operation is what the parameters of one operation's statements are made of.
type operation struct {
	tenant, subscription, actor, conversation, contact uuid.UUID

	started, at time.Time
	key, event  string
	number      int64
	fresh       []uuid.UUID
}

// freshIDs is how many ids an operation makes at the most.
const freshIDs = 8

// value is a parameter's value for an operation.
func (p param) value(o *operation) any {
	switch p.kind {
	case "null":
		return nil
	case "true", "false":
		return p.kind == "true"
	case "int":
		return p.n
	case "number":
		return o.number
	case "tick":
		return tick(o.at)
	case "now":
		return o.at
	case "started":
		return o.started
	case "text":
		return p.fill(o)
	case "ids":
		ids := make([]pgtype.UUID, len(p.items))
		for i, item := range p.items {
			ids[i], _ = item.value(o).(pgtype.UUID) // else null
		}
		return ids
	case "texts":
		texts := make([]string, len(p.items))
		for i, item := range p.items {
			texts[i] = item.fill(o)
		}
		return texts
	default:
		return pgtype.UUID{Bytes: p.id(o), Valid: true}
	}
}

func (p param) id(o *operation) uuid.UUID {
	switch p.kind {
	case "tenant":
		return o.tenant
	case "subscription":
		return o.subscription
	case "actor":
		return o.actor
	case "conversation":
		return o.conversation
	case "contact":
		return o.contact
	default:
		return o.fresh[p.n-1]
	}
}

func (p param) fill(o *operation) string {
	return os.Expand(p.text, func(name string) string {
		switch name {
		case "key":
			return o.key
		case "event":
			return o.event
		}
		inner, _ := parseParam(name) // the text was looked through when it was read
		switch v := inner.value(o).(type) {
		case pgtype.UUID:
			return uuid.UUID(v.Bytes).String()
		case time.Time:
			return v.UTC().Format("2006-01-02T15:04:05.000Z")
		default:
			return fmt.Sprint(v)
		}
	})
}

// values are the parameters of a statement for an operation, or, of those with "each", the operation's share in them.
func (s statement) values(o *operation) []any {
	out := make([]any, len(s.params))
	for i, p := range s.params {
		out[i] = p.value(o)
	}
	return out
}

// batch puts the values of several operations together.
func (s statement) batch(of [][]any) []any {
	out := make([]any, len(s.params))
	for i, p := range s.params {
		switch {
		case !p.each:
			out[i] = of[0][i]
		case p.kind == "null":
			out[i] = nullColumn(p.text, len(of))
		default:
			out[i] = column(of, i)
		}
	}
	return out
}

func nullColumn(of string, n int) any {
	switch of {
	case "uuid":
		return make([]pgtype.UUID, n)
	case "text":
		return make([]*string, n)
	case "time":
		return make([]*time.Time, n)
	case "int":
		return make([]*int64, n)
	default:
		return nil
	}
}

func column(of [][]any, i int) any {
	switch of[0][i].(type) {
	case pgtype.UUID:
		return typed[pgtype.UUID](of, i)
	case string:
		return typed[string](of, i)
	case time.Time:
		return typed[time.Time](of, i)
	case int64:
		return typed[int64](of, i)
	default:
		return typed[bool](of, i)
	}
}

func typed[T any](of [][]any, i int) []T {
	out := make([]T, len(of))
	for k, values := range of {
		out[k], _ = values[i].(T)
	}
	return out
}
