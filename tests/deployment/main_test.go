// Package deployment tries what operators deploy Atender with: the container image as a container engine would, without one,
// and the files of deploy/ against what reads them.
package deployment

import (
	"os"
	"testing"

	"github.com/atender/atender/tests/deps"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == enterArg {
		os.Exit(enterContainer(os.Args[2:]))
	}
	os.Exit(deps.Main(m))
}
