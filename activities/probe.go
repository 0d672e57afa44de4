package activities

import "context"

// Probe does nothing: `atender doctor` measures the way to a worker and back.
func (a *Activities) Probe(context.Context) error { return nil }
