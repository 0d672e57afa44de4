package postgres

// CountMost is how many rows a gauge counts at most: it means that many or more. A count is made every few seconds by
// every worker, so it must cost milliseconds however much is behind; 10,000 are far more than what needs an operator.
// CountMostSQL is the same in a statement, as a literal, by which the planner knows how few rows it is about.
const (
	CountMost    = 10_000
	CountMostSQL = "10000"
)
