package activities

import (
	"context"

	"github.com/atender/atender/models/durable"
)

// Probe does nothing: `atender doctor` measures the way to a worker and back.
func (a *Activities) Probe(context.Context, durable.ProbeInput) error { return nil }
