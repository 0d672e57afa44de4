package api

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Regression: PostgreSQL's lower() took U+212A for k and İ for i, so that two mailboxes shared a contact.
func TestAnotherMailboxIsAnotherContact(t *testing.T) {
	h := newHarness(t)
	for _, email := range []string{"k@example.com", "\u212a@example.com", "i@example.com", "\u0130@example.com"} {
		h.call("POST", "/v1/contacts", object{"email": email}).want(201)
		h.call("POST", "/v1/agents", object{"name": "A", "email": email, "role": "agent"}).want(201)
	}
	h.call("POST", "/v1/contacts", object{"email": "a@bücher.example"}).want(201)
	h.call("POST", "/v1/contacts", object{"email": "A@XN--BCHER-KVA.example"}).refused(409, "CONTACT_EXISTS")
}

// Regression: +44 (0)20 7946 0958 was stored as +4402079460958, which is nobody's number.
func TestPhoneNumbersAreStoredAsTheyAreDialled(t *testing.T) {
	h := newHarness(t)
	made := h.call("POST", "/v1/contacts", object{"phone": "+44 (0)20 7946 0958"}).want(201)
	require.Equal(t, "+442079460958", made.string("phone"))
	require.Len(t, h.call("GET", "/v1/contacts?phone=%2B44+(0)20+7946+0958", nil).want(200).list(), 1)
	require.Equal(t, []string{"phone:invalid_format"}, h.call("POST", "/v1/contacts", object{"phone": "+44 20"}).wrong())
}

func TestContactsAreMatchedByExternalIDFirst(t *testing.T) {
	h := newHarness(t)
	create := func(reference string, contact object) answer {
		return h.call("POST", "/v1/conversations/inbound", object{
			"externalReference": reference, "subject": "Hello", "contact": contact,
		})
	}
	contactOf := func(a answer) object { return a.body["contact"].(object) } //nolint:forcetypeassert // of the contract
	ada := h.call("POST", "/v1/contacts", object{"email": "ada@example.com"}).want(201).string("id")
	filled := contactOf(create("1", object{"email": "ada@example.com", "externalId": "crm-1"}).want(201))
	require.Equal(t, []any{ada, "crm-1"}, []any{filled["id"], filled["externalId"]}, "a blank is filled")
	known := contactOf(create("2", object{"email": "new@example.com", "externalId": "crm-1"}).want(201))
	require.Equal(t, []any{ada, "ada@example.com"}, []any{known["id"], known["email"]}, "and nothing is overwritten")

	bob := h.call("POST", "/v1/contacts", object{"email": "bob@example.com", "externalId": "crm-2"}).want(201).string("id")
	before := h.kinds()
	require.Equal(t, []any{ada, bob}, create("3", object{"email": "bob@example.com", "externalId": "crm-1"}).
		refused(409, "CONTACT_CONFLICT")["contactIds"])
	require.Equal(t, []any{bob}, create("3", object{"email": "bob@example.com", "externalId": "crm-3"}).
		refused(409, "CONTACT_CONFLICT")["contactIds"])
	require.Equal(t, before, h.kinds(), "nothing else happened")
	require.Equal(t, []any{ada, bob}, h.call("POST", "/v1/contacts", object{"email": "bob@example.com", "externalId": "crm-1"}).
		refused(409, "CONTACT_CONFLICT")["contactIds"])
	require.Equal(t, ada, h.call("POST", "/v1/contacts", object{"phone": "+4520123456", "externalId": "crm-1"}).
		refused(409, "CONTACT_EXISTS")["contactId"])
	require.Equal(t, ada, h.call("PATCH", "/v1/contacts/"+bob, object{"externalId": "crm-1"}).
		refused(409, "CONTACT_EXISTS")["contactId"])

	for _, query := range []string{"?externalId=crm-2", "?q=crm-2"} {
		found := h.call("GET", "/v1/contacts"+query, nil).want(200).list()
		require.Len(t, found, 1, query)
	}
	require.Nil(t, h.call("PATCH", "/v1/contacts/"+bob, object{"externalId": nil}).want(200).body["externalId"])
	h.call("PATCH", "/v1/contacts/"+ada, object{"externalId": "CRM-1"}).want(200)
}

// Creations that meet make one contact between them, whichever of its identities they meet on.
func TestOneNewContactOfManyCreationsAtOnce(t *testing.T) {
	h := newHarness(t)
	const atOnce = 8
	for name, contact := range map[string]func(i int) object{
		"external id": func(i int) object {
			return object{"email": fmt.Sprintf("ada-%d@example.com", i), "externalId": "crm-1"}
		},
		"both": func(int) object { return object{"email": "bob@example.com", "externalId": "crm-2"} },
	} {
		answers := make([]answer, atOnce)
		var group sync.WaitGroup
		for i := range atOnce {
			group.Go(func() {
				answers[i] = h.call("POST", "/v1/conversations/outbound", object{
					"externalReference": fmt.Sprint(name, " ", i), "subject": "Hello", "contact": contact(i),
				})
			})
		}
		group.Wait()
		ids := map[string]bool{}
		for _, a := range answers {
			ids[a.want(201).body["contact"].(object)["id"].(string)] = true
		}
		require.Len(t, ids, 1, name)
	}
	require.Len(t, h.call("GET", "/v1/contacts", nil).want(200).list(), 2)
}
