// Package ident makes the identifiers of rows: UUIDs of version 7 (RFC 9562, section 5.7), which sort by the time
// they were made for.
package ident

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// New returns an identifier for now by this machine's clock, for rows whose order does not matter.
func New() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Sequence makes identifiers that rise strictly, all for one moment: those of one transaction (P1.5).
type Sequence struct {
	tick uint64 // the time, in units of 1/4096 ms: 48 bits of milliseconds, then 12 bits of the fraction
}

// SQL is an expression of PostgreSQL that makes an identifier as a Sequence does, for rows that an INSERT … SELECT makes:
// tick and ordinal are expressions for Tick's value and for a number that rises with the rows. Built-in functions only:
// a function of our own would cost more than the rest of the row.
func SQL(tick, ordinal string) string {
	at := "(" + tick + " + " + ordinal + ")"
	return "encode(int8send(((" + at + " >> 12) << 16) | 28672 | (" + at + " & 4095)) || " +
		"substring(uuid_send(gen_random_uuid()) FROM 9), 'hex')::uuid"
}

// Tick is a time as identifiers carry it, for SQL.
func Tick(at time.Time) int64 {
	return int64(NewSequence(at).tick) //nolint:gosec // far from overflow for ten thousand years
}

// NewSequence starts a sequence at the given time. Two sequences whose times are further apart than a quarter of a
// microsecond for each identifier drawn from the first do not overlap. A time before 1970 counts as its beginning: the
// time in an identifier has no sign (RFC 9562, section 5.7).
func NewSequence(at time.Time) *Sequence {
	us := uint64(max(at.UnixMicro(), 0)) //nolint:gosec // not negative
	return &Sequence{tick: us/1000<<12 | us%1000<<12/1000}
}

// Next returns the next identifier: the time, the fraction of a millisecond as RFC 9562 section 6.2 method 3 has it,
// and 62 random bits.
func (s *Sequence) Next() uuid.UUID {
	id := build(s.tick)
	_, _ = rand.Read(id[8:]) // never fails: crypto/rand ends the process instead
	id[8] = id[8]&0x3f | 0x80
	s.tick++
	return id
}

// Floor returns the smallest identifier of its time: the bound of a partition or of a time range.
func Floor(at time.Time) uuid.UUID {
	id := build(NewSequence(at).tick)
	id[8] = 0x80
	return id
}

// Time returns the time of an identifier, to the millisecond: of what Floor returns, the one that it was of.
func Time(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)) //nolint:gosec // 48 bits
}

func build(tick uint64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], tick>>12<<16|0x7000|tick&0xfff)
	return id
}
