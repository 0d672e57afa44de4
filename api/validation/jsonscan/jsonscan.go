// Package jsonscan reads JSON text once, before anything is built from it, and refuses what would be costly to build or
// mean two things: repeated keys, deep nesting, very many values. It allocates next to nothing, whatever the text is: a
// key of an object that is still open costs 24 bytes. It is pure.
package jsonscan

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strconv"
	"unicode/utf8"
)

// The limits of a text. A document of the API that is of use has some hundred values; a value in memory costs some hundred
// bytes, so that these keep what is built of 1 MiB to a few megabytes.
const (
	MaxDepth  = 32     // objects and lists within each other; PostgreSQL's own limit is its stack
	MaxValues = 20_000 // strings, numbers, booleans, nulls, objects and lists of the whole text
	MaxKeys   = 1_000  // keys of one object
)

// The codes of an Error.
const (
	Malformed     = "malformed_json"
	DuplicateKey  = "duplicate_key"
	TooDeep       = "too_deep"
	TooManyValues = "too_many_values"
	TooManyKeys   = "too_many_keys"
	InvalidText   = "invalid_text"
)

// Error says what is wrong with a text, and where.
type Error struct {
	Code    string
	Path    string // of the value or key, as contact.email or tags[3]; empty for the text as a whole
	Message string // what would be right
}

// Error implements error.
func (e *Error) Error() string { return e.Path + ": " + e.Message }

// Check reads the text to its end. It is nil for one JSON value in UTF-8 (RFC 8259) that keeps to the limits, repeats no key
// and has no U+0000; keys are compared as what they stand for, so that "a" and "\u0061" are one. It takes time linear in
// the text's length.
func Check(text []byte) error {
	s := scanner{text: text, path: make([]step, 0, MaxDepth)}
	if err := s.document(); err != nil {
		return err
	}
	return nil
}

// scanner reads one text.
type scanner struct {
	text   []byte
	at     int // of the next byte
	values int
	path   []step  // the objects and lists that are open, the outermost first; never moves
	keys   []key   // of all objects that are open
	tables []table // by depth, made when an object is large enough to need one
	buffer []byte  // what the escaped key that was read last stands for
}

// step is an object or list that is open, and the place in it that is being read.
type step struct {
	key    key
	object bool
	index  int // in a list
}

func (s *scanner) document() *Error {
	if !utf8.Valid(s.text) {
		return s.malformed("the body is not valid UTF-8")
	}
	s.space()
	if err := s.value(); err != nil {
		return err
	}
	if s.space(); s.at < len(s.text) {
		return s.malformed("there is more after the JSON value, from byte %d on", s.at)
	}
	return nil
}

func (s *scanner) value() *Error {
	if s.values++; s.values > MaxValues {
		return &Error{Code: TooManyValues, Message: fmt.Sprintf("must have at most %d values in all", MaxValues)}
	}
	switch c := s.peek(); {
	case c == '{':
		return s.nested(true)
	case c == '[':
		return s.nested(false)
	case c == '"':
		q, err := s.quoted()
		if err == nil && q.nul {
			err = s.wrong(InvalidText, noNUL)
		}
		return err
	case c == '-' || digit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.expected("a value")
}

// nested reads an object or a list.
func (s *scanner) nested(object bool) *Error {
	if len(s.path) == MaxDepth {
		return s.wrong(TooDeep, fmt.Sprintf("must be nested at most %d levels deep, counted from the body", MaxDepth))
	}
	s.path = append(s.path, step{object: object, index: -1})
	top := &s.path[len(s.path)-1]
	keys := len(s.keys)
	end := byte(']')
	if object {
		end = '}'
	}
	s.at++
	if s.space(); s.peek() == end {
		s.at++
	} else {
		for {
			if err := s.member(top, keys); err != nil {
				return err
			}
			if s.space(); s.peek() == end {
				s.at++
				break
			}
			if s.peek() != ',' {
				return s.expected("a comma or " + strconv.QuoteRune(rune(end)))
			}
			s.at++
		}
	}
	if len(s.keys)-keys >= tableFrom {
		s.tables[len(s.path)-1].clear()
	}
	s.keys, s.path = s.keys[:keys], s.path[:len(s.path)-1]
	return nil
}

// member reads an item of a list, or a key of an object with its value. The object's keys begin at first.
func (s *scanner) member(top *step, first int) *Error {
	s.space()
	top.index++
	if top.object {
		if s.peek() != '"' {
			return s.expected("a key in double quotes")
		}
		if err := s.name(top, first); err != nil {
			return err
		}
		if s.space(); s.peek() != ':' {
			return s.expected("a colon")
		}
		s.at++
		s.space()
	}
	return s.value()
}

// name reads the key of an object, which must be a new one.
func (s *scanner) name(top *step, first int) *Error {
	q, err := s.quoted()
	if err != nil {
		return err
	}
	k := key{start: q.start, end: q.end, escaped: q.escaped}
	k.hash = maphash.Bytes(seed, s.meaning(k))
	top.key = k
	if q.nul {
		return s.wrong(InvalidText, noNUL)
	}
	if !s.add(k, first) {
		return s.wrong(DuplicateKey, "is given more than once")
	}
	if len(s.keys)-first > MaxKeys {
		s.path = s.path[:len(s.path)-1] // it is the object that has too many
		return s.wrong(TooManyKeys, fmt.Sprintf("must have at most %d keys", MaxKeys))
	}
	return nil
}

const noNUL = "must not contain the character U+0000"

// quoted is a string of the text: what stands between its quotes.
type quoted struct {
	start, end   int
	escaped, nul bool // it has an escape; it has that of U+0000, the only way to write it
}

func (s *scanner) quoted() (q quoted, _ *Error) {
	s.at++
	q.start = s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			q.end = s.at
			s.at++
			return q, nil
		case c == '\\':
			code, err := s.escape()
			if err != nil {
				return q, err
			}
			q.escaped, q.nul = true, q.nul || code == 0
		case c < ' ':
			return q, s.expected("no control character in a string, but its escape")
		default:
			s.at++
		}
	}
	return q, s.expected("the end of a string")
}

// escape reads a backslash and what it escapes, and returns the code of an escape that has one, or else the letter.
func (s *scanner) escape() (code rune, _ *Error) {
	s.at++
	switch c := s.peek(); c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return rune(c), nil
	case 'u':
		s.at++
		code, ok := hex4(s.text[s.at:])
		if !ok {
			return 0, s.expected("four hexadecimal digits")
		}
		s.at += 4
		return code, nil
	}
	return 0, s.expected("an escape that JSON has")
}

func (s *scanner) number() *Error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return s.expected("a digit")
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return s.expected("a digit")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return s.expected("a digit")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.at
	for digit(s.peek()) {
		s.at++
	}
	return s.at > from
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) literal(word string) *Error {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return s.expected("a value")
	}
	s.at += len(word)
	return nil
}

// peek is the next byte; 0, which JSON has nowhere, at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) expected(what string) *Error {
	if s.at >= len(s.text) {
		return s.malformed("the JSON ends too early: expected %s", what)
	}
	return s.malformed("malformed JSON at byte %d: expected %s", s.at, what)
}

func (s *scanner) malformed(format string, args ...any) *Error {
	return &Error{Code: Malformed, Message: fmt.Sprintf(format, args...)}
}

// wrong is an error at the place that is being read.
func (s *scanner) wrong(code, message string) *Error {
	return &Error{Code: code, Path: s.where(), Message: message}
}
