package postgres

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/calendar"
	"github.com/atender/atender/models/problem"
)

// Page asks for a part of a list. Limit is 1 to 200, 50 when 0; Cursor is what the previous page returned.
type Page struct {
	Limit  int
	Cursor string
	List   CursorList
}

// CursorList is what a cursor is good for: one list of one tenant. Its zero value is for callers within the process, who
// have got their cursors there.
type CursorList struct {
	Key  []byte // of the tenant: tenants.cursor_key
	Name string // of the list, such as the route that it is read by
}

// cursorMAC is how many bytes of its HMAC-SHA256 a cursor carries: half, as RFC 2104, section 5 has it.
const cursorMAC = sha256.Size / 2

// mac authenticates what a cursor says.
func (l CursorList) mac(position []byte) []byte {
	h := hmac.New(sha256.New, l.Key)
	h.Write([]byte(l.Name + "\x00"))
	h.Write(position)
	return h.Sum(nil)[:cursorMAC]
}

// veil encrypts what a cursor says, and decrypts it: it has positions and times of what is not its reader's, such as how far all
// tenants' events have come. The MAC, which differs wherever that differs, is the initial counter (as in RFC 5297), so that a
// position has one cursor.
func (l CursorList) veil(mac, position []byte) []byte {
	h := hmac.New(sha256.New, l.Key)
	h.Write([]byte("veil"))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		panic(err) // of the key's length alone
	}
	veiled := make([]byte, len(position))
	cipher.NewCTR(block, mac).XORKeyStream(veiled, position)
	return veiled
}

// Seal makes a cursor of what it says.
func (l CursorList) Seal(position []byte) string {
	mac := l.mac(position)
	return base64.RawURLEncoding.EncodeToString(append(mac, l.veil(mac, position)...))
}

// Open returns what a cursor of this list says, which a caller may have made up: false if it is not one that Seal has made.
func (l CursorList) Open(cursor string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) <= cursorMAC {
		return nil, false
	}
	position := l.veil(b[:cursorMAC], b[cursorMAC:])
	return position, hmac.Equal(b[:cursorMAC], l.mac(position))
}

// Size is how many rows the page has at most.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return 50
	default:
		return min(p.Limit, 200)
	}
}

// Position is where a page ended: the sort key and id of its last row.
type Position struct {
	Time time.Time `json:"t,omitzero"`
	ID   uuid.UUID `json:"i,omitzero"`
	Name string    `json:"n,omitempty"`
	Sort string    `json:"s,omitempty"` // the cursor of one order means nothing in another
}

// Next is the cursor of the page after this one, which ends at the position, as a caller gets it and brings it back.
func (p Page) Next(at Position) string {
	b, _ := json.Marshal(at) // plain values
	return p.List.Seal(b)
}

// After reads the cursor, which a caller may have made up; nil on the first page. That it is one of ours is known from
// its MAC; what it says is checked all the same, like any input. Errors: VALIDATION_FAILED.
func (p Page) After(sort string) (*Position, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	var at Position
	var err error
	b, ours := p.List.Open(p.Cursor)
	if ours {
		err = json.Unmarshal(b, &at)
	}
	usable := ours && at.Sort == sort && (at.Time.IsZero() || calendar.InYears(at.Time)) &&
		utf8.ValidString(at.Name) && !strings.ContainsRune(at.Name, 0)
	if err != nil || !usable {
		return nil, problem.Fields(problem.Field{
			Field: "cursor", Code: "invalid",
			Message: "must be the nextCursor of the previous page of the same list with the same sort",
		})
	}
	return &at, nil
}

// PageBytes is about how many bytes of messages' text and HTML, or of events' payloads, one page has: a page ends before
// its limit where those are large. A message may have half a MiB, so that 200 of them would be a hundred.
const PageBytes = 4 << 20

// Listed reads a page of rows in the order of their time-ordered ids and returns the cursor of the next page. narrow are
// the parameters that make the list shorter. Errors: VALIDATION_FAILED for a cursor that is not of this list;
// QUERY_TOO_EXPENSIVE.
func Listed[T any](q *gorm.DB, page Page, id func(T) uuid.UUID, narrow ...string) ([]T, string, error) {
	at, err := page.After("")
	if err != nil {
		return nil, "", err
	}
	if at != nil {
		q = q.Where("id > ?", at.ID)
	}
	var rows []T
	if err := q.Order("id").Limit(page.Size() + 1).Find(&rows).Error; err != nil {
		return nil, "", Doing(ListError(q.Statement.Context, err, narrow...), "read a page")
	}
	rows, next := Cut(rows, page, func(row T) Position { return Position{ID: id(row)} })
	return rows, next, nil
}

// Cut takes off what a page has too many, and returns the cursor of the next page: empty if there is none.
func Cut[T any](rows []T, page Page, at func(T) Position) ([]T, string) {
	if len(rows) <= page.Size() {
		return rows, ""
	}
	rows = rows[:page.Size()]
	return rows, page.Next(at(rows[len(rows)-1]))
}
