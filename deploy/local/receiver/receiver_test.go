package receiver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	anEvent = `{"event":"conversation.created","tenantId":"t","timestamp":"2026-01-02T03:04:05.000Z",` +
		`"data":{"conversation":{"id":"c-1","number":7,"externalReference":"order-1"}}}`
)

func do(t *testing.T, r *Receiver, method, path, body string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for name, values := range header {
		req.Header[name] = values
	}
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	return w
}

// signed are the headers of a delivery made now.
func signed(t *testing.T, by, id, body string) http.Header {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(by)
	require.NoError(t, err)
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	require.NoError(t, err)
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h
}

func list(t *testing.T, r *Receiver, query string) events {
	t.Helper()
	w := do(t, r, http.MethodGet, "/events.json"+query, "", nil)
	require.Equal(t, http.StatusOK, w.Code)
	var answer events
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

func TestDeliveriesAreVerifiedByAnyOfTheSecrets(t *testing.T) {
	r := New()
	require.NoError(t, r.SetSecrets(other, secret))
	require.Equal(t, http.StatusNoContent,
		do(t, r, http.MethodPost, "/hooks", anEvent, signed(t, secret, "msg_1", anEvent)).Code)
	require.Equal(t, http.StatusNoContent,
		do(t, r, http.MethodPost, "/hooks", anEvent+" ", signed(t, secret, "msg_2", anEvent)).Code)
	require.Equal(t, http.StatusNoContent, do(t, r, http.MethodPost, "/hooks", "no json", nil).Code)

	answer := list(t, r, "")
	require.EqualValues(t, 3, answer.Total)
	require.Len(t, answer.Deliveries, 3, "newest first")
	require.Equal(t, "no json", answer.Deliveries[0].Unreadable)
	require.False(t, answer.Deliveries[0].Verified)
	require.False(t, answer.Deliveries[1].Verified, "the body is not the signed one")
	require.NotEmpty(t, answer.Deliveries[1].Problem)
	good := answer.Deliveries[2]
	require.True(t, good.Verified)
	require.Empty(t, good.Problem)
	require.Equal(t, "conversation.created", good.Event)
	require.Equal(t, "order-1", good.Reference)
	require.Equal(t, "msg_1", good.ID)
	require.JSONEq(t, anEvent, string(good.Body))
	require.Positive(t, good.DelayedBy)
	require.Contains(t, good.Headers, "Webhook-Signature")
}

func TestTheReferenceFallsBackToTheNumberAndTheID(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":{"conversation":{"id":"c-1","number":7,"externalReference":null}}}`: "#7",
		`{"data":{"conversation":{"id":"c-1"}}}`:                                     "c-1",
		`{"data":{"contact":{}}}`:                                                    "",
		`[]`:                                                                         "",
	} {
		r := New()
		do(t, r, http.MethodPost, "/hooks", body, nil)
		require.Equal(t, want, list(t, r, "").Deliveries[0].Reference, body)
	}
}

func TestWithoutASecretNothingIsVerified(t *testing.T) {
	r := New()
	do(t, r, http.MethodPost, "/hooks", anEvent, signed(t, secret, "msg_1", anEvent))
	require.False(t, list(t, r, "").Deliveries[0].Verified)
	require.Error(t, r.SetSecrets("whsec_###"))
}

func TestTheNewestFiveHundredAreKept(t *testing.T) {
	r := New()
	for i := range keep + 3 {
		do(t, r, http.MethodPost, "/hooks", fmt.Sprintf(`{"event":"e%d"}`, i+1), nil)
	}
	answer := list(t, r, "")
	require.EqualValues(t, keep+3, answer.Total)
	require.Len(t, answer.Deliveries, keep)
	require.Equal(t, "e503", answer.Deliveries[0].Event)
	require.Equal(t, "e4", answer.Deliveries[keep-1].Event)
	require.Len(t, list(t, r, "?after=501").Deliveries, 2)
	require.Empty(t, list(t, r, "?after=503").Deliveries)
	require.Equal(t, http.StatusBadRequest, do(t, r, http.MethodGet, "/events.json?after=x", "", nil).Code)

	require.Equal(t, http.StatusNoContent, do(t, r, http.MethodDelete, "/events", "", nil).Code)
	require.Zero(t, list(t, r, "").Total)
}

func TestDownRefusesForAsLongAsItWasTold(t *testing.T) {
	now := time.Now()
	r := New()
	r.now = func() time.Time { return now }
	require.Equal(t, http.StatusNoContent, do(t, r, http.MethodPost, "/down?seconds=60", "", nil).Code)
	w := do(t, r, http.MethodPost, "/hooks", anEvent, nil)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "61", w.Header().Get("Retry-After"))
	answer := list(t, r, "")
	require.EqualValues(t, 60, answer.DownFor)
	require.EqualValues(t, 1, answer.Refused)
	require.Empty(t, answer.Deliveries)

	now = now.Add(60 * time.Second)
	require.Equal(t, http.StatusNoContent, do(t, r, http.MethodPost, "/hooks", anEvent, nil).Code)
	require.Zero(t, list(t, r, "").DownFor)

	do(t, r, http.MethodPost, "/down?seconds=60", "", nil)
	do(t, r, http.MethodPost, "/down?seconds=0", "", nil)
	require.Zero(t, list(t, r, "").DownFor)
	for _, wrong := range []string{"", "x", "-1", "86401"} {
		require.Equal(t, http.StatusBadRequest, do(t, r, http.MethodPost, "/down?seconds="+wrong, "", nil).Code, wrong)
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	r := New()
	w := do(t, r, http.MethodPost, "/hooks", strings.Repeat("x", maxBody+1), nil)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Zero(t, list(t, r, "").Total)
}

func TestOtherSitesCannotUseIt(t *testing.T) {
	r := New()
	w := do(t, r, http.MethodPost, "/down?seconds=60", "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Zero(t, list(t, r, "").DownFor)
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	w := do(t, New(), http.MethodGet, "/", "", nil)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	const ownScript = `<script type="module" src="page.js"></script>`
	require.Contains(t, w.Body.String(), ownScript)
	require.NotRegexp(t, `(src|href)=|@import|url\(`, strings.Replace(w.Body.String(), ownScript, "", 1))
	w = do(t, New(), http.MethodGet, "/page.js", "", nil)
	require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotRegexp(t, `https?://|import[ (]`, w.Body.String())
	require.Equal(t, http.StatusNotFound, do(t, New(), http.MethodGet, "/other", "", nil).Code)
}

func TestServeListensUntilStopped(t *testing.T) {
	r := New()
	stop, err := r.Serve("127.0.0.1:0")
	require.NoError(t, err)
	stop()
	_, err = New().Serve("127.0.0.1:99999")
	require.Error(t, err)
}
