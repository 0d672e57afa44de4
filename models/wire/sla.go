package wire

import (
	"github.com/google/uuid"

	"github.com/atender/atender/models/sla"
)

// SLA is how a conversation's clocks stand.
type SLA struct {
	State   sla.State   `json:"state"` // the worst of the metrics
	Metrics []SLAMetric `json:"metrics"`
}

// SLAMetric is the latest cycle of one metric.
type SLAMetric struct {
	Metric     sla.Metric   `json:"metric"`
	PolicyID   uuid.UUID    `json:"policyId"`
	PolicyName string       `json:"policyName"`
	Cycle      int          `json:"cycle"`
	State      sla.State    `json:"state"`   // the worst reached in this cycle
	Outcome    *sla.Outcome `json:"outcome"` // null while it runs, and when it stopped unbreached without what it waited for
	StartedAt  Time         `json:"startedAt"`
	StoppedAt  *Time        `json:"stoppedAt"`
	Paused     bool         `json:"paused"`    // it runs, but no time passes for it now
	ResumesAt  *Time        `json:"resumesAt"` // when time passes again for one that is paused; null for never
	DueAt      SLADue       `json:"dueAt"`
}

// SLADue is when a clock crosses its tripwires if nothing stops it and a snooze ends at its time; null for never.
type SLADue struct {
	AtRisk   *Time `json:"atRisk"`
	Urgent   *Time `json:"urgent"`
	Breached *Time `json:"breached"`
}

// SLAPolicy is a set of targets by metric.
type SLAPolicy struct {
	ID                uuid.UUID                  `json:"id"`
	Name              string                     `json:"name"`
	Description       string                     `json:"description"`
	IgnoreOfficeHours bool                       `json:"ignoreOfficeHours"`
	PauseWhileSnoozed bool                       `json:"pauseWhileSnoozed"`
	Targets           map[sla.Metric]sla.Targets `json:"targets"`
	CreatedAt         Time                       `json:"createdAt"`
	UpdatedAt         Time                       `json:"updatedAt"`
}

// SLAAssignment says what a policy applies to; without team and channel, to everything.
type SLAAssignment struct {
	ID        uuid.UUID  `json:"id"`
	PolicyID  uuid.UUID  `json:"policyId"`
	TeamID    *uuid.UUID `json:"teamId"`
	Channel   *string    `json:"channel"`
	CreatedAt Time       `json:"createdAt"`
}

// SLAReport is what came of clocks between two times, From included and To not.
type SLAReport struct {
	From    Time             `json:"from"`
	To      Time             `json:"to"`
	GroupBy string           `json:"groupBy"`
	Total   []SLAReportLine  `json:"total"` // one for each metric that has any
	Data    []SLAReportGroup `json:"data"`
	// BreachedOpen is what is breached and runs when the report is made.
	BreachedOpen []SLABreachedOpen `json:"breachedOpen"`
}

// SLABreachedOpen counts the clocks of one metric that are breached and run: one a conversation.
type SLABreachedOpen struct {
	Metric sla.Metric `json:"metric"`
	Clocks int64      `json:"clocks"`
}

// SLAReportGroup is the part of one policy, team, channel or day.
type SLAReportGroup struct {
	Key     *string         `json:"key"`  // policy or team id, channel, or day; null for conversations without a team
	Name    *string         `json:"name"` // of the policy as its clocks last knew it, or of the team
	Metrics []SLAReportLine `json:"metrics"`
}

// SLAReportLine is one metric's figures.
type SLAReportLine struct {
	Metric        sla.Metric `json:"metric"`
	Stopped       int64      `json:"stopped"`
	Met           int64      `json:"met"`
	Breached      int64      `json:"breached"` // breaches that happened, of clocks that run, too
	MetRate       float64    `json:"metRate"`  // 0 to 1, of met and breached
	BreachRate    float64    `json:"breachRate"`
	MedianSeconds *float64   `json:"medianSeconds"` // of the time that counted: opening hours only, say; nil: none stopped
	P90Seconds    *float64   `json:"p90Seconds"`
}
