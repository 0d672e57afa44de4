package postgres

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Regression: the arrays' one type map was shared by all, and two goroutines that wrote their first array at the same
// time ended the process. The race detector sees it at once; without it the runtime notices most times.
func TestManyWriteAndReadArraysAtOnce(t *testing.T) {
	id := uuid.MustParse("01996d2c-0000-7000-8000-000000000001")
	start := make(chan struct{})
	faults := make(chan error, 300)
	var all sync.WaitGroup
	for range cap(faults) / 3 {
		all.Go(func() { <-start; faults <- comesBack(Strings{"a", `b "quoted", {braced}`}) })
		all.Go(func() { <-start; faults <- comesBack(Ints{1, -2}) })
		all.Go(func() { <-start; faults <- comesBack(UUIDs{id}) })
	}
	close(start)
	all.Wait()
	close(faults)
	for err := range faults {
		require.NoError(t, err)
	}
}

// comesBack tells what is wrong with an array that was written as PostgreSQL's text and read again.
func comesBack[T comparable](a array[T]) error {
	text, err := a.Value()
	if err != nil {
		return err
	}
	var back array[T]
	if err := back.Scan(text); err != nil {
		return err
	}
	if !slices.Equal(a, back) {
		return fmt.Errorf("%v came back as %v", a, back)
	}
	return nil
}
