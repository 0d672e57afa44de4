package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/intake"
	"github.com/atender/atender/models"
	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/wire"
)

// handlers are the operations of the document: contract.StrictServerInterface. What reaches them has passed
// authenticate and validate.
type handlers struct {
	store    *models.Store
	temporal client.Client // nil: not configured
	tests    *tests
	log      *slog.Logger
	version  string

	site           site
	workflowsURL   string   // where owners find workflows in Temporal UI; empty for nowhere
	trustedProxies []string // address ranges
	metrics        *metrics
	intake         *intake.Intake // of request bodies
}

var _ contract.StrictServerInterface = (*handlers)(nil)

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

func page(limit *contract.Limit, cursor *contract.Cursor) postgres.Page {
	return postgres.Page{Limit: value(limit), Cursor: value(cursor)}
}

// next is a page's nextCursor: null at the end.
func next(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

// value is what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// each converts a list; an empty one stays a list, so that JSON has [] and not null.
func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// list makes of nil an empty list, for the same reason.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
