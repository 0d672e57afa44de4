// Package scope has the permissions of API keys: "<surface>:<action>". It is pure.
package scope

import (
	"fmt"
	"slices"
	"strings"
)

// Surfaces are the parts of the API that a key may read or write.
var Surfaces = func() (surfaces []string) {
	for _, s := range All {
		if surface, ok := strings.CutSuffix(s, ":read"); ok {
			surfaces = append(surfaces, surface)
		}
	}
	return surfaces
}()

// Bundles are names for sets of scopes, expanded when a key is made.
var Bundles = map[string][]string{
	"basic":       {ConversationsRead, ContactsRead, TagsRead},
	"integration": {ConversationsWrite, ContactsWrite, TagsWrite, WebhooksWrite},
	"read_all":    each("read"),
	"full_access": append(each("write"), TeamsManage),
}

func each(action string) []string {
	scopes := make([]string, len(Surfaces))
	for i, s := range Surfaces {
		scopes[i] = s + ":" + action
	}
	return scopes
}

// Expand turns what was asked for, scopes and bundles, into sorted scopes. Errors: an empty list (an empty list that
// means everything is a trap; "full_access" says it) and names that do not exist, each with what would be right.
func Expand(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("a key needs at least one scope; %q gives all", "full_access")
	}
	var scopes []string
	for _, name := range names {
		if bundle, ok := Bundles[name]; ok {
			scopes = append(scopes, bundle...)
			continue
		}
		if !slices.Contains(All, name) {
			return nil, fmt.Errorf(
				"there is no scope %q: use <surface>:read or <surface>:write "+
					"with a surface of %s, or a bundle of basic, integration, read_all, full_access",
				name,
				strings.Join(Surfaces, ", "),
			)
		}
		scopes = append(scopes, name)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

// Grants tells whether scopes include the one needed; write implies read, and webhooks:write webhooks:redeliver.
func Grants(scopes []string, need string) bool {
	if slices.Contains(scopes, need) {
		return true
	}
	surface, action, _ := strings.Cut(need, ":")
	return (action == "read" || need == WebhooksRedeliver) && slices.Contains(scopes, surface+":write")
}
