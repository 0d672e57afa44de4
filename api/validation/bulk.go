package validation

import (
	"slices"
	"strconv"
	"strings"

	"github.com/atender/atender/models/problem"
)

// checkBulk asks for the fields that the action needs and refuses those that mean nothing for it.
func checkBulk(body map[string]any) (wrong []problem.Field) {
	action, _ := body["action"].(string)
	needs := map[string][]string{
		"snooze": {"until"}, "assign": {"assigneeId", "teamId"}, "addTag": {"tag"}, "removeTag": {"tag"},
	}[action]
	given := false
	for _, field := range []string{"until", "assigneeId", "teamId", "tag"} {
		_, has := body[field]
		given = given || has
		if has && action != "" && !slices.Contains(needs, field) {
			wrong = append(wrong, problem.Field{
				Field: field, Code: "not_applicable", Message: "means nothing for action " + strconv.Quote(shorten(action)),
			})
		}
	}
	if len(needs) > 0 && !given {
		wrong = append(wrong, problem.Field{
			Field: needs[0], Code: "required", Message: "action " + action + " needs " + strings.Join(needs, " or "),
		})
	}
	return wrong
}
