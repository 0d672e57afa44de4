package conversations

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/atender/atender/models/wire"
)

// etag is the entity tag of a conversation that is shown: its version, which moves exactly when what is shown does
// (P1.5). Messages that are shown with it are no part of the conversation, and a note changes no version: they have a
// hash of their own.
func etag(c wire.Conversation) *string {
	tag := strconv.FormatInt(c.Version, 10)
	if c.Messages != nil {
		hash := sha256.New()
		for _, m := range *c.Messages { // which never change, but for the erasure of a contact, which is a version
			hash.Write(m.ID[:])
		}
		tag = fmt.Sprintf("%s-%x", tag, hash.Sum(nil)[:6])
	}
	tag = `"` + tag + `"`
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
