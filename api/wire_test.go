package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/atender/atender/api/client"
)

// TestTheGeneratedClient goes over a real connection with the client that is generated from the same document.
func TestTheGeneratedClient(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewServer(h.server.Handler())
	defer server.Close()
	api, err := client.NewClientWithResponses(server.URL, client.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+h.key)
			return nil
		}))
	require.NoError(t, err)
	made, err := api.CreateOutboundConversationWithResponse(t.Context(), client.CreateOutboundConversationJSONRequestBody{
		ExternalReference: "1", Subject: "Hello", Contact: client.NewContact{Email: "ada@example.com"},
	})
	require.NoError(t, err)
	require.Equal(t, 201, made.StatusCode(), string(made.Body))
	conversation := made.JSON201
	require.Equal(t, "Hello", conversation.Subject)

	team := uuid.Max
	refused, err := api.AssignConversationWithResponse(t.Context(), conversation.ID, client.AssignConversationJSONRequestBody{})
	require.NoError(t, err)
	require.Equal(t, client.VALIDATIONFAILED, refused.JSON400.Error.Code)
	refused, err = api.AssignConversationWithBodyWithResponse(t.Context(), conversation.ID, "application/json",
		strings.NewReader(fmt.Sprintf(`{"teamId":%q}`, team)))
	require.NoError(t, err)
	require.Equal(t, client.VALIDATIONFAILED, refused.JSON400.Error.Code)

	text := "On its way."
	posted, err := api.PostMessageWithResponse(t.Context(), conversation.ID, client.PostMessageJSONRequestBody{Text: &text})
	require.NoError(t, err)
	require.Equal(t, text, *posted.JSON201.Text)
	require.Equal(t, conversation.ID, posted.JSON201.Conversation.ID)
	require.Equal(t, fmt.Sprintf(`"%d"`, posted.JSON201.Conversation.Version), posted.HTTPResponse.Header.Get("ETag"))

	tagged, err := api.AddTagWithResponse(t.Context(), conversation.ID, "a/b c+d%")
	require.NoError(t, err)
	require.Equal(t, []string{"a/b c+d%"}, tagged.JSON200.Tags)
}

// TestOverTheWire sends what net/http's client would not.
func TestOverTheWire(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewServer(h.server.Handler())
	defer server.Close()
	exchange := func(request string) (status int) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		go func() { _, _ = conn.Write([]byte(request)) }() // a refused body may not be read to its end
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		method, _, _ := strings.Cut(request, " ")
		answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method}) // HEAD's has no body
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	post := "POST /v1/conversations/outbound HTTP/1.1\r\n"
	key := "Host: x\r\nAuthorization: Bearer " + h.key + "\r\n"
	twice := "If-None-Match: \"1\"\r\nIf-None-Match: \"2\"\r\n\r\n"
	body := "Content-Type: application/json\r\n"
	for request, want := range map[string]int{
		"GET /v1/me HTTP/1.1\r\n" + key + "\r\n":                   200,
		"GET //v1/me HTTP/1.1\r\n" + key + "\r\n":                  404,
		"GET /v1/%6de HTTP/1.1\r\n" + key + "\r\n":                 404,
		"GET /v1/conversations/%zz HTTP/1.1\r\n" + key + "\r\n":    400,
		"GET /v1/conversations?q=%zz HTTP/1.1\r\n" + key + "\r\n":  400,
		"GET /v1/conversations?q=\xff HTTP/1.1\r\n" + key + "\r\n": 400,
		"HEAD /api/v1/conversations HTTP/1.1\r\n" + key + "\r\n":   200,
		"OPTIONS * HTTP/1.1\r\n" + key + "\r\n":                    200, // net/http answers it
		post + key + body + "\r\n":                                 400,
		post + key + body + "Content-Length: 3000000\r\n\r\n" +
			strings.Repeat(" ", 3000000): 413,
		post + key + body + "Transfer-Encoding: chunked\r\n\r\n" +
			"7A1200\r\n" + strings.Repeat(" ", 0x7A1200) + "\r\n0\r\n\r\n": 413,
		post + key + body + "Transfer-Encoding: chunked\r\n\r\nzz\r\n":               400,
		"GET /v1/conversations/" + uuid.Max.String() + " HTTP/1.1\r\n" + key + twice: 400,
	} {
		require.Equal(t, want, exchange(request), "%.100q", request)
	}
}
