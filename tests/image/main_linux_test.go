// Package image runs the container image as a container engine would, without one: the image is made, its root file system
// unpacked, and all roles of it run inside, as its user, on a real PostgreSQL and a real Temporal.
package image

import (
	"fmt"
	"os"
	"testing"

	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == enterArg {
		err := enter(os.Args[2:])
		fmt.Fprintln(os.Stderr, "image: enter the container:", err) // there was no error if this is not reached
		os.Exit(cannotEnter)
	}
	os.Exit(deps.Main(m))
}
