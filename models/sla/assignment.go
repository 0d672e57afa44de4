package sla

import (
	"bytes"
	"time"

	"github.com/google/uuid"
)

// Assignment attaches a policy, or opening hours, to a team, a channel, both, or everything.
type Assignment struct {
	ID        uuid.UUID
	TargetID  uuid.UUID  // the policy or the opening hours
	TeamID    *uuid.UUID // nil: any team, and conversations without one
	Channel   string     // "": any
	CreatedAt time.Time
}

// score is how specific the assignment is, and whether it applies at all: team and channel 3, team 2, channel 1,
// neither 0.
func (a Assignment) score(teamID *uuid.UUID, channel string) (score int, applies bool) {
	if a.TeamID != nil {
		if teamID == nil || *teamID != *a.TeamID {
			return 0, false
		}
		score += 2
	}
	if a.Channel != "" {
		if a.Channel != channel {
			return 0, false
		}
		score++
	}
	return score, true
}

// Pick returns the assignment that governs a conversation of a team (nil: of none) and channel: the most specific of those
// that apply; of equals, the oldest by CreatedAt, then ID. Only those whose target is eligible count (nil: all do): a
// metric is governed by the best assignment among the policies that have it. False: none applies.
func Pick(assignments []Assignment, teamID *uuid.UUID, channel string, eligible func(target uuid.UUID) bool) (Assignment, bool) {
	var best Assignment
	bestScore := -1
	for _, a := range assignments {
		score, applies := a.score(teamID, channel)
		if !applies || score < bestScore || eligible != nil && !eligible(a.TargetID) {
			continue
		}
		if score > bestScore || a.olderThan(best) {
			best, bestScore = a, score
		}
	}
	return best, bestScore >= 0
}

func (a Assignment) olderThan(b Assignment) bool {
	if order := a.CreatedAt.Compare(b.CreatedAt); order != 0 {
		return order < 0
	}
	return bytes.Compare(a.ID[:], b.ID[:]) < 0
}
