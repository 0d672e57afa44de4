package durable

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The ids of workflows are what an operator reads in a list: the tenant's slug, a conversation's number, an endpoint's host.
// They are derived from rows (P12.1), never stored, and have nothing personal: no name, and of an URL neither path nor query.
// Each has fewer than 200 characters; Temporal allows 1,000.

// Tenant is how the ids of workflows name a tenant. One whose row is gone, so that there is no slug, is named by its id.
type Tenant struct {
	ID   uuid.UUID
	Slug string
}

func (t Tenant) String() string { return cmp.Or(t.Slug, t.ID.String()) }

// Endpoint is how the ids of workflows name a webhook: by the host that it posts to now, and the end of its id, since a tenant
// may have several at one host.
type Endpoint struct {
	ID  uuid.UUID
	URL string // as the row has it; "" when the row is gone
}

// String is such as crm.example.com-1b9d7f3a.
func (e Endpoint) String() string {
	return strings.TrimPrefix(e.Host()+"-"+shortID(e.ID), "-")
}

// maxHost is how many characters of a host ids show. DNS allows 253 (RFC 1035, section 2.3.4); what is left off is the front,
// because the end says whose it is.
const maxHost = 60

// Host is the host alone, without user, port, path and query, in lower case. Whatever is not a letter of ASCII, a digit, a dot or
// a hyphen, such as the colons of an IPv6 address, becomes a hyphen.
func (e Endpoint) Host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	host := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, strings.ToLower(u.Hostname()))
	return strings.Trim(host[max(0, len(host)-maxHost):], ".-")
}

// shortID is the end of an id, which is random: eight of its digits. webhook.Store.Create sees to it that no two webhooks of a
// tenant have the same.
func shortID(id uuid.UUID) string {
	text := id.String()
	return text[len(text)-ShortID:]
}

// ShortID is how many characters of an id's text, from its end, stand for it in the ids of workflows.
const ShortID = 8

// ConversationID is the id of a conversation's workflow, such as conversation/acme/4521. A conversation whose row is gone, and
// with it its number, is named by its id.
func ConversationID(tenant Tenant, conversation uuid.UUID, number int64) string {
	name := conversation.String()
	if number > 0 {
		name = strconv.FormatInt(number, 10)
	}
	return "conversation/" + tenant.String() + "/" + name
}

// DispatchID is the id of a dispatch workflow.
func DispatchID(dispatcher int) string { return fmt.Sprintf("webhook-dispatch/%d", dispatcher) }

// RetryID is the id of a subscription's retry workflow, such as webhook/acme/crm.example.com-1b9d7f3a.
func RetryID(tenant Tenant, endpoint Endpoint) string {
	return "webhook/" + tenant.String() + "/" + endpoint.String()
}

// ReplayID is the id of a replay's workflow, such as webhook-replay/acme/crm.example.com-1b9d7f3a/52c0e6d1: a webhook has one
// replay at a time, but the one before may not have ended in Temporal yet.
func ReplayID(tenant Tenant, endpoint Endpoint, replay uuid.UUID) string {
	return "webhook-replay/" + tenant.String() + "/" + endpoint.String() + "/" + shortID(replay)
}

// RecomputeID is the id of the workflow that brings a tenant's clocks up to edited rules, such as recompute/acme.
func RecomputeID(tenant Tenant) string { return "recompute/" + tenant.String() }
