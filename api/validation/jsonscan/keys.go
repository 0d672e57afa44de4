package jsonscan

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// key is a key of an object: where it stands in the text, between its quotes, and a hash of what it stands for.
type key struct {
	start, end int
	hash       uint64
	escaped    bool
}

// meaning is what a key stands for, until the next call.
func (s *scanner) meaning(k key) []byte {
	raw := s.text[k.start:k.end]
	if !k.escaped {
		return raw
	}
	s.buffer = unescape(s.buffer[:0], raw)
	return s.buffer
}

// seed makes hashes that a sender cannot foresee.
var seed = maphash.MakeSeed()

// tableFrom is the number of keys from which an object has a table: fewer are compared one by one.
const tableFrom = 16

// tableSize is the number of slots, a power of two, at most half of which are in use.
const tableSize = 2048

// table finds a key of one object by its hash: open addressing, a slot holds the key's number in the object plus one. Its
// size rests on the first of these not compiling when MaxKeys outgrows it.
type table []uint16

const _ = uint(tableSize - 2*MaxKeys)

func (t table) clear() { clear(t) }

// add notes a key of the innermost object, whose keys begin at first. False if it has it already.
func (s *scanner) add(k key, first int) bool {
	known := s.keys[first:]
	if len(known) < tableFrom {
		for _, other := range known {
			if s.same(k, other) {
				return false
			}
		}
		s.keys = append(s.keys, k)
		if len(known) == tableFrom-1 {
			s.fill(s.keys[first:])
		}
		return true
	}
	t := s.tables[len(s.path)-1]
	slot := k.hash % tableSize
	for ; t[slot] != 0; slot = (slot + 1) % tableSize {
		if s.same(k, known[t[slot]-1]) {
			return false
		}
	}
	s.keys = append(s.keys, k)
	t[slot] = uint16(len(known) + 1) //nolint:gosec // at most MaxKeys + 1
	return true
}

// fill makes the table of the innermost object, which has the given keys so far.
func (s *scanner) fill(keys []key) {
	for len(s.tables) < len(s.path) {
		s.tables = append(s.tables, nil)
	}
	depth := len(s.path) - 1
	if s.tables[depth] == nil {
		s.tables[depth] = make(table, tableSize)
	}
	t := s.tables[depth]
	for i, k := range keys {
		slot := k.hash % tableSize
		for t[slot] != 0 {
			slot = (slot + 1) % tableSize
		}
		t[slot] = uint16(i + 1) //nolint:gosec // at most tableFrom
	}
}

// same tells whether two keys stand for the same. Equal hashes of different keys are next to impossible, so that the long
// way is taken once in a text, which is then refused.
func (s *scanner) same(a, b key) bool {
	return a.hash == b.hash && bytes.Equal(bytes.Clone(s.meaning(a)), s.meaning(b))
}

// maxPath is how long a path is shown, in bytes; a sender's keys can be as long as the text.
const maxPath = 200

// where is the path of the place that is being read.
func (s *scanner) where() string {
	var b strings.Builder
	for _, at := range s.path {
		if at.object {
			part := s.meaning(at.key)
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.Write(part[:min(len(part), maxPath+1)])
		} else if at.index >= 0 {
			b.WriteString("[" + strconv.Itoa(at.index) + "]")
		}
		if b.Len() > maxPath {
			return strings.ToValidUTF8(b.String()[:maxPath], "") + "…"
		}
	}
	return strings.ReplaceAll(b.String(), "\x00", `\u0000`)
}

// unescape appends what the inside of a JSON string stands for. As in encoding/json, half a surrogate pair is U+FFFD.
func unescape(to, raw []byte) []byte {
	for len(raw) > 0 {
		next := bytes.IndexByte(raw, '\\')
		if next < 0 {
			return append(to, raw...)
		}
		to = append(to, raw[:next]...)
		c := raw[next+1]
		raw = raw[next+2:]
		if c != 'u' {
			to = append(to, plain(c))
			continue
		}
		code, _ := hex4(raw) // the scanner has seen them
		raw = raw[4:]
		if utf16.IsSurrogate(code) {
			var low rune
			if bytes.HasPrefix(raw, []byte(`\u`)) {
				low, _ = hex4(raw[2:])
			}
			if code = utf16.DecodeRune(code, low); code != utf8.RuneError {
				raw = raw[6:]
			}
		}
		to = utf8.AppendRune(to, code)
	}
	return to
}

// plain is the byte that an escape of one letter stands for.
func plain(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func hex4(text []byte) (code rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case digit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		code = code<<4 | rune(c)
	}
	return code, true
}
