package target_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atender/atender/models/target"
)

func TestCheckHeaders(t *testing.T) {
	for name, c := range map[string]struct{ name, value, code string }{
		"authorization":          {"Authorization", "Bearer abc def", ""},
		"own header":             {"X-Tenant", "7", ""},
		"longest value":          {"X-Tenant", strings.Repeat("v", 4096), ""},
		"tab inside":             {"X-Tenant", "a\tb", ""},
		"too long":               {"X-Tenant", strings.Repeat("v", 4097), "too_long"},
		"empty value":            {"X-Tenant", "", "required"},
		"line feed":              {"X-Tenant", "a\nHost: b", "invalid_value"},
		"carriage return":        {"X-Tenant", "a\r", "invalid_value"},
		"null":                   {"X-Tenant", "a\x00", "invalid_value"},
		"delete":                 {"X-Tenant", "a\x7f", "invalid_value"},
		"non-ASCII":              {"X-Tenant", "ä", "invalid_value"},
		"space at the end":       {"X-Tenant", "a ", "invalid_value"},
		"space in the name":      {"X Tenant", "a", "invalid_name"},
		"colon in the name":      {":authority", "a", "invalid_name"},
		"line feed in the name":  {"X-A\nHost", "a", "invalid_name"},
		"empty name":             {"", "a", "invalid_name"},
		"non-ASCII name":         {"X-Ä", "a", "invalid_name"},
		"long name":              {strings.Repeat("x", 129), "a", "invalid_name"},
		"underscores for hyphen": {"Content_Length", "a", "reserved"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := target.CheckHeaders(map[string]string{c.name: c.value})
			require.Equal(t, c.code == "", target.HeaderOK(c.name, c.value))
			if c.code == "" {
				require.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			require.Equal(t, c.code, wrong[0].Code)
			require.True(t, strings.HasPrefix(wrong[0].Field, "headers."))
			require.Less(t, len(wrong[0].Field), 200)
		})
	}
}

func TestReservedHeaders(t *testing.T) {
	for _, name := range []string{
		"Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
		"Transfer-Encoding", "transfer-encoding", "Upgrade", "HTTP2-Settings", "Expect", "Host", "HOST",
		"Content-Length", "Content-Type", "Content-Encoding", "User-Agent", "Accept-Encoding",
		"webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "X-Atender-Signature", "x-atender-anything",
		"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-HTTP-Method-Override",
		"Metadata-Flavor", "Metadata", "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds",
		"X-aliyun-ecs-metadata-token", "X-Google-Metadata-Request",
	} {
		wrong := target.CheckHeaders(map[string]string{name: "value"})
		require.Len(t, wrong, 1, name)
		require.Equal(t, "reserved", wrong[0].Code, name)
		require.Equal(t, "headers."+name, wrong[0].Field)
	}
}

func TestCheckHeadersCountsAndFindsDuplicates(t *testing.T) {
	headers := map[string]string{}
	for i := range 20 {
		headers[fmt.Sprintf("X-Own-%d", i)] = "v"
	}
	require.Empty(t, target.CheckHeaders(headers))
	headers["X-One-More"] = "v"
	wrong := target.CheckHeaders(headers)
	require.Len(t, wrong, 1)
	require.Equal(t, "too_many", wrong[0].Code)

	wrong = target.CheckHeaders(map[string]string{"X-A": "1", "x-a": "2"})
	require.Len(t, wrong, 1)
	require.Equal(t, "duplicate", wrong[0].Code)
	require.Equal(t, "headers.x-a", wrong[0].Field)
	require.Empty(t, target.CheckHeaders(nil))
}

func TestCheckHeadersDoesNotShowValues(t *testing.T) {
	for _, f := range target.CheckHeaders(map[string]string{
		"X-A": "hunter2\n", "Host": "hunter2", "X B": "hunter2", "X-C": strings.Repeat("hunter2", 1000),
	}) {
		require.NotContains(t, f.Field+f.Code+f.Message, "hunter2")
	}
}
