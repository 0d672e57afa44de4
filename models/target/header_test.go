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
			require.Equal(t, c.code == "", len(target.Sendable(map[string]string{c.name: c.value})) == 1)
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

// refusedHeaders are names of each refused family, by a word of its reason.
var refusedHeaders = map[string][]string{
	"connection itself": {
		"Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Proxy", "TE", "Trailer",
		"Transfer-Encoding", "transfer-encoding", "Upgrade", "HTTP2-Settings", "Expect", "Host", "HOST", "Early-Data",
	},
	"Atender sets": {
		"Content-Length", "Content-Type", "Content-Encoding", "User-Agent", "Accept-Encoding", "X-Idempotency-Key",
		"webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "X-Atender-Signature", "x-atender-anything", "Sec-Fetch-Site",
	},
	"where a request comes from": {
		"Forwarded", "Forwarded-For", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Client-Cert",
		"X-Forward-For", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP", "X-Originating-IP",
		"X-Remote-IP", "X-Remote-Addr", "X-Remote-User", "Remote-Addr", "X-ProxyUser-Ip", "CF-Connecting-IP",
		"CF-Access-Authenticated-User-Email", "Fastly-Client-IP", "Akamai-Origin-Hop", "CloudFront-Viewer-Address",
		"X-Azure-ClientIP", "X-Azure-SocketIP", "X-FD-HealthProbe", "X-Amzn-Oidc-Identity", "X-Amzn-Trace-Id",
		"X-Goog-Authenticated-User-Email", "X-Goog-Iap-Jwt-Assertion", "X-Appengine-User-Ip", "X-Appengine-Cron",
		"X-Envoy-External-Address", "X-Envoy-Original-Path", "X-Envoy-Internal", "Fly-Client-IP", "X-Vercel-Forwarded-For",
		"Front-End-Https", "WL-Proxy-Client-IP", "X-ARR-SSL",
	},
	"who is signed in": {
		"Remote-User", "X-WebAuth-User", "X-Authenticated-User", "X-Authenticated-Userid", "X-Auth-Request-Email",
		"X-Auth-Request-User", "X-Authentik-Username", "Impersonate-User", "X-Consumer-Username", "Tailscale-User-Login",
		"X-MS-Client-Principal-Id",
	},
	"client's certificate": {
		"Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "SSL-Client-Verify", "SSL_CLIENT_S_DN", "X-SSL-Client-Verify",
		"X-SSL-CERT", "X-TLS-Client-Subject",
	},
	"asks for": {
		"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Original-Host", "X-Original-URI",
		"X-Rewrite-URL", "X-Accel-Mapping", "X-Sendfile-Type", "X-Middleware-Subrequest",
	},
	"metadata services": {
		"Metadata-Flavor", "Metadata", "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds",
		"X-aliyun-ecs-metadata-token",
	},
}

func TestHeadersThatOthersTrustAreRefusedInEverySpelling(t *testing.T) {
	for reason, names := range refusedHeaders {
		for _, name := range names {
			for _, spelled := range []string{
				name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", "_", 1),
				strings.ReplaceAll(name, "-", "."),
			} {
				wrong := target.CheckHeaders(map[string]string{spelled: "value"})
				require.Len(t, wrong, 1, spelled)
				require.Equal(t, "reserved", wrong[0].Code, spelled)
				require.Equal(t, "headers."+spelled, wrong[0].Field)
				require.Contains(t, wrong[0].Message, reason, spelled)
				require.Empty(t, target.Sendable(map[string]string{spelled: "value"}), "%s: stored before", spelled)
			}
		}
	}
}

func TestHeadersOfATenantsOwnAreFree(t *testing.T) {
	for _, name := range []string{
		"Authorization", "X-API-Key", "X-Auth-Token", "X-Shop-Token", "X-Tenant-Id", "X-Client-Id", "X-Request-Id", "Cookie",
		"traceparent", "Idempotency-Key", "Accept", "X-Signature", "X-Source", "Ocp-Apim-Subscription-Key",
		"X-Functions-Key", "X-Gitlab-Token", "Cfg-Key", "Viable", "Hostname", "Team", "X-Secret",
	} {
		require.Empty(t, target.CheckHeaders(map[string]string{name: "value"}), name)
		require.Len(t, target.Sendable(map[string]string{name: "value"}), 1, name)
	}
}

// What the database holds may be of a time before a rule, or have been put there by another way.
func TestStoredHeadersAreSentWithinTheRules(t *testing.T) {
	stored := map[string]string{
		"X-A": "1", "x_a": "2", "X-Real-IP": "10.0.0.1", "X_Real_IP": "10.0.0.1", "X-B": "b", "X-Bad": "a\r\nX-Injected: 1",
	}
	require.Equal(t, map[string]string{"X-A": "1", "X-B": "b"}, target.Sendable(stored))
	for i := range 100 {
		stored[fmt.Sprintf("X-Own-%d", i)] = "v"
	}
	require.Len(t, target.Sendable(stored), target.MaxHeaders)
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
	wrong = target.CheckHeaders(map[string]string{"X-A-B": "1", "x_a-b": "2"})
	require.Len(t, wrong, 1)
	require.Equal(t, "duplicate", wrong[0].Code, "CGI makes one variable of both")
	require.Empty(t, target.CheckHeaders(nil))
}

func TestCheckHeadersDoesNotShowValues(t *testing.T) {
	for _, f := range target.CheckHeaders(map[string]string{
		"X-A": "hunter2\n", "Host": "hunter2", "X B": "hunter2", "X-C": strings.Repeat("hunter2", 1000),
	}) {
		require.NotContains(t, f.Field+f.Code+f.Message, "hunter2")
	}
}
