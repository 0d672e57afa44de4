package durable

// The probe of `atender doctor`: a workflow, and an activity on each task queue, that touch nothing. They tell whether workers
// take work, and how soon.
const (
	ProbeWorkflow = "Probe"
	ProbeActivity = "Probe"
)

// ProbeID is the id of a probe's workflow. No two have the same mark.
func ProbeID(mark string) string { return "probe/" + mark }

// ProbeInput is what a probe is told: nothing.
type ProbeInput struct{}

// ProbeResult says how long the activity on each queue took, from when the workflow asked for it.
type ProbeResult struct {
	Queues []ProbedQueue `json:"queues"`
}

// ProbedQueue is what a probe found of one task queue.
type ProbedQueue struct {
	Queue  string `json:"queue"`
	Millis int64  `json:"millis"` // until it was done or given up
	Failed bool   `json:"failed,omitempty"`
}
