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

// weakMark is what stands before the opaque part of a weak entity tag (RFC 9110, section 8.8.3).
const weakMark = "W/"

// taggedVersion reads the version out of an entity tag; one that is written by hand may do without the hash. False for
// what is none of ours. A weak tag is read, too: our tags are strong, and it is a proxy that weakens them when it
// compresses an answer, while what identifies the version is the opaque part.
func taggedVersion(tag string) (int64, bool) {
	opaque := strings.TrimPrefix(strings.TrimSpace(tag), weakMark)
	inner, quoted := strings.CutPrefix(opaque, `"`)
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
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), weakMark)
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
