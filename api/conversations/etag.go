package conversations

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/atender/atender/models/wire"
)

// etag is the entity tag of a conversation that is shown: its version, and a hash of what is shown, because a deadline moves
// with the policy, a clock pauses with the hours and a contact gets another name, all without a new version.
func etag(c wire.Conversation) *string {
	text, err := json.Marshal(c)
	if err != nil { // only our own shapes and values that came as JSON
		panic("api: a conversation that JSON cannot hold: " + err.Error())
	}
	sum := sha256.Sum256(text)
	tag := fmt.Sprintf(`"%d-%x"`, c.Version, sum[:6])
	return &tag
}

// taggedVersion reads the version out of an entity tag; one that is written by hand may do without the hash. False for a
// weak tag, and for what is none of ours.
func taggedVersion(tag string) (int64, bool) {
	inner, quoted := strings.CutPrefix(strings.TrimSpace(tag), `"`)
	inner, ends := strings.CutSuffix(inner, `"`)
	digits, _, _ := strings.Cut(inner, "-")
	version, err := strconv.ParseInt(digits, 10, 64)
	return version, quoted && ends && err == nil
}

// matches tells whether an If-None-Match header names the tag (RFC 9110, section 13.1.2: a weak comparison).
func matches(header *string, tag string) bool {
	if header == nil {
		return false
	}
	for candidate := range strings.SplitSeq(*header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
