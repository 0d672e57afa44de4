package main

import (
	"context"

	"github.com/atender/atender/tests/load/limit"
)

// writeFigures are what an operation writes to the product's tables and their B-trees, from the request to the recorded
// attempt and the event's position. What is written for several at once counts as its share.
type writeFigures struct {
	Rows    float64 `json:"rowVersions"`
	Indexes float64 `json:"indexEntries"`
	// ByTable has both, for each operation.
	ByTable map[string]tableWrites `json:"byTable"`
}

type tableWrites struct {
	Rows    float64 `json:"rowVersions"`
	Indexes float64 `json:"indexEntries,omitempty"`
}

// productSchema is where the product's tables are.
const productSchema = "public"

// writes reads from the log what has been written since a position.
func (b *bench) writes(ctx context.Context, from string, operations int) error {
	if err := b.idle(ctx); err != nil { // the sequencer has been through the events
		return err
	}
	all, err := limit.ReadWrites(ctx, b.db, productSchema, from)
	if err != nil || operations == 0 {
		return err
	}
	f := &writeFigures{ByTable: map[string]tableWrites{}}
	n := float64(operations)
	for table, rows := range all.Rows {
		f.ByTable[table] = tableWrites{round(float64(rows) / n), round(float64(all.Indexes[table]) / n)}
		f.Rows += float64(rows) / n
		f.Indexes += float64(all.Indexes[table]) / n
	}
	f.Rows, f.Indexes = round(f.Rows), round(f.Indexes)
	b.report.Writes = f
	return nil
}
