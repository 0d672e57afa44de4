package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func (h *harness) creation(reference string) object {
	return object{"externalReference": reference, "subject": "Hello", "contact": object{"email": reference + "@example.com"}}
}

func TestARepeatedCallGetsTheFirstAnswer(t *testing.T) {
	h := newHarness(t)
	const path = "/v1/conversations/outbound"
	first := h.call("POST", path, h.creation("1"), "Idempotency-Key", "k").want(201)
	require.Empty(t, first.header.Values("Idempotency-Replayed"))
	again := h.call("POST", "/api"+path, h.creation("1"), "Idempotency-Key", "k").want(201)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, first.text, again.text)
	for _, name := range []string{"Content-Type", "ETag", "Location", "Cache-Control"} {
		require.NotEmpty(t, first.header.Get(name), name)
		require.Equal(t, first.header.Values(name), again.header.Values(name), name)
	}
	require.NotEqual(t, first.header.Get("X-Request-Id"), again.header.Get("X-Request-Id"))

	h.call("POST", path, h.creation("2"), "Idempotency-Key", "k").refused(409, "IDEMPOTENCY_KEY_REUSED")
	require.Len(t, h.call("GET", "/v1/conversations", nil).want(200).list(), 1)

	other := h.newKey(h.live, "full_access") // another API key's calls are its own
	h.call("POST", path, h.creation("1"), "Idempotency-Key", "k", "Authorization", "Bearer "+other).
		refused(409, "EXTERNAL_REFERENCE_EXISTS")
}

// The document says for every POST what the middleware does for every POST that has an effect.
func TestEveryPostTakesAnIdempotencyKey(t *testing.T) {
	h := newHarness(t)
	posts := 0
	document, err := readDocument() // with what it says to the server alone
	require.NoError(t, err)
	for key, op := range document.Operations {
		method, path, _ := strings.Cut(key, " ")
		takes := op.TakesHeader("Idempotency-Key")
		// Keys are a caller's; an agent who signs in has none yet.
		require.Equal(t, method == "POST" && !op.NoEffect && !op.Public, takes, key)
		if !takes {
			continue
		}
		posts++
		path = fillIn(path)
		for _, bad := range []string{strings.Repeat("k", 256), "with space", "ä", "\x01"} {
			require.Contains(t, strings.Join(h.call("POST", path, object{}, "Idempotency-Key", bad).wrong(), " "), "Idempotency-Key:", key)
		}
	}
	require.Positive(t, posts)
	for _, good := range []string{"!", strings.Repeat("~", 255)} {
		h.call("POST", "/v1/conversations/outbound", h.creation("k"+good[:1]), "Idempotency-Key", good).want(201)
	}
}

// What is refused before the operation sees it says nothing of the call: the key stays free.
func TestKeysOfCallsThatWereNotDecidedStayFree(t *testing.T) {
	h := newHarness(t)
	const path = "/v1/conversations/outbound"
	require.NotEmpty(t, h.call("POST", path, object{"subject": "Hello"}, "Idempotency-Key", "k").wrong())
	h.call("POST", path, h.creation("1"), "Idempotency-Key", "k", "Authorization", "").refused(401, "UNAUTHORIZED")
	reader := h.newKey(h.live, "conversations:read")
	h.call("POST", path, h.creation("1"), "Idempotency-Key", "k", "Authorization", "Bearer "+reader).refused(403, "SCOPE_MISSING")
	made := h.call("POST", path, h.creation("1"), "Idempotency-Key", "k").want(201)

	resolve := "/v1/conversations/" + made.string("id") + "/resolve"
	h.call("POST", resolve, nil).want(200)
	refused := h.call("POST", resolve, nil, "Idempotency-Key", "k").want(409)
	h.call("POST", "/v1/conversations/"+made.string("id")+"/reopen", nil).want(200)
	again := h.call("POST", resolve, nil, "Idempotency-Key", "k").want(409)
	require.Equal(t, refused.text, again.text, "a refusal of the operation is an answer")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))

	hook := func(name, key string) answer {
		body := object{"name": name, "url": "https://a.example/", "events": []any{"*"}}
		return h.call("POST", "/v1/webhooks", body, "Idempotency-Key", key)
	}
	first := hook("w", "0").want(201)
	for i := 1; i < 10; i++ {
		hook("w", fmt.Sprint(i)).want(201)
	}
	hook("w", "10").refused(429, "WEBHOOK_LIMIT_REACHED")
	h.call("DELETE", first.header.Get("Location"), nil).want(204)
	hook("w", "10").want(201)
	require.Equal(t, first.string("secret"), hook("w", "0").want(201).string("secret"))
}

func TestFiftyCallsWithOneKey(t *testing.T) {
	h := newHarness(t)
	answers := make([]answer, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = h.call("POST", "/v1/conversations/outbound", h.creation("1"), "Idempotency-Key", "k")
		})
	}
	all.Wait()
	replayed := 0
	for _, a := range answers {
		require.Equal(t, 201, a.status)
		require.Equal(t, answers[0].text, a.text)
		if a.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	require.Equal(t, 49, replayed)
}

func TestAHeaderGivenTwiceIsRefused(t *testing.T) {
	h := newHarness(t)
	two := h.twice("POST", "/v1/conversations/outbound", h.creation("1"), "Idempotency-Key", "a", "b")
	require.Equal(t, []string{"Idempotency-Key:repeated"}, two.wrong())
}
