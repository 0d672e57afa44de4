package target

import "strings"

// headerFamily is a kind of header that a subscription may not have, and why. Patterns are in lower case with hyphens;
// one that ends in * stands for all names that begin so.
type headerFamily struct {
	what     string // completes "is one of the headers …"
	why      string // one sentence's end, for the tenant
	patterns []string
}

// headerFamilies are the headers that are refused. Atender calls from an address of its operator's, which servers on the
// way may trust more than strangers: a tenant must not be able to put words into the mouth of the proxy, of the cloud or
// of the sign-in gateway in front of an endpoint. Where a product has a family of names, the whole family is refused,
// since it grows with the product.
var headerFamilies = []headerFamily{
	{
		what: "that steer the connection itself",
		why:  "they would break the framing of the request",
		patterns: []string{
			// RFC 9110, section 7.6.1; RFC 9112, section 9; RFC 9113, section 8.2.2; RFC 8470 (Early-Data).
			"connection", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade", "http2-settings", "expect",
			"host", "close", "max-forwards", "early-data",
			// Proxy-Connection and RFC 9110, section 11.7. "Proxy" becomes the variable HTTP_PROXY (https://httpoxy.org).
			"proxy", "proxy-*",
		},
	},
	{
		what: "that Atender sets, or a browser",
		why:  "receivers rely on what they say",
		patterns: []string{
			// Accept-Encoding, because the answer is read as it comes, within limits that compression would defeat.
			"content-*", "user-agent", "accept-encoding", "x-idempotency-key", "webhook-*", "x-atender-*",
			"sec-*", // Fetch Standard, "forbidden request-header": a server takes them for the word of a browser
		},
	},
	{
		what: "by which proxies say where a request comes from",
		why:  "servers behind a proxy believe them",
		patterns: []string{
			// RFC 7239 and the names it has replaced; RFC 9110, section 7.6.3; RFC 8586 (CDN-Loop).
			"forwarded", "forwarded-*", "x-forward*", "via", "x-via", "cdn-loop",
			// What nginx, Apache, HAProxy, PHP and Rack programs read (HTTP_CLIENT_IP, HTTP_X_REAL_IP, …); list of names at
			// https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For.
			"x-real-*", "x-client-ip", "client-ip", "x-cluster-client-*", "cluster-client-ip", "true-client-*", "x-true-client-*",
			"x-originating-*", "x-remote-*", "remote-addr", "remote-host", "x-proxy-*", "x-proxyuser-*", "x-host", "x-scheme",
			"x-url-scheme", "x-proto", "x-ip", "x-custom-ip-*", "front-end-https", "wl-proxy-*",
			// Cloudflare, Fastly, Akamai, CloudFront, Azure Front Door and Application Gateway, IIS, AWS, Google, Fly,
			// Vercel, Netlify, DigitalOcean, Imperva, Sucuri: each documents its own family.
			"cf-*", "fastly-*", "x-fastly-*", "akamai-*", "x-akamai-*", "cloudfront-*", "x-amz-*", "x-amzn-*", "x-azure-*",
			"x-fd-*", "x-appgw-*", "x-arr-*", "x-goog-*", "x-google-*", "x-appengine-*", "x-gclb-*",
			"fly-*", "x-vercel-*", "x-nf-*",
			"do-connecting-ip", "incap-*", "x-sucuri-*",
			// Envoy (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers), and Istio.
			"x-envoy-*", "x-istio-*",
		},
	},
	{
		what: "by which gateways say who is signed in",
		why:  "programs behind such a gateway take them for an identity",
		patterns: []string{
			// RFC 3875, section 4.1.11 (REMOTE_USER); Kubernetes' front proxy and impersonation; Grafana's auth proxy.
			"remote-*", "x-webauth-*", "x-authenticated-*", "impersonate-*", "x-impersonate-*", "auth-user", "x-auth-user*",
			"x-auth-email", "x-auth-groups", "x-auth-roles",
			// oauth2-proxy, Authelia, authentik, Pomerium, Vouch, Kong, Tailscale, Azure App Service.
			"x-auth-request-*", "x-authelia-*", "x-authentik-*", "x-pomerium-*", "x-vouch-*", "x-consumer-*", "x-credential-*",
			"x-anonymous-consumer", "x-userinfo", "tailscale-*", "x-ms-client-principal*", "x-ms-token-*",
		},
	},
	{
		what: "by which proxies hand on a client's certificate",
		why:  "programs behind the proxy take them for an identity",
		patterns: []string{
			// RFC 9440 (Client-Cert); nginx's and Apache's customary names (SSL_CLIENT_S_DN, X-SSL-Client-Verify, …).
			"client-cert*", "x-client-cert*", "x-clientcert*", "ssl-*", "x-ssl-*", "x-tls-*", "tls-client-*",
		},
	},
	{
		what: "that change what a request asks for",
		why:  "servers that believe them serve another path or method than they have checked",
		patterns: []string{
			// Rails, Symfony, ASP.NET and others: method override. IIS, Zend, Symfony: X-Original-URL, X-Rewrite-URL.
			"x-http-method*", "x-method-override", "http-method-override", "x-original-*", "x-rewrite-*", "x-script-name",
			// Rack::Sendfile reads X-Sendfile-Type and X-Accel-Mapping; Next.js X-Middleware-Subrequest (CVE-2025-29927).
			"x-sendfile*", "x-accel-*", "x-middleware-*",
		},
	},
	{
		what: "that open the metadata services of clouds",
		why:  "they are the only password of those services",
		patterns: []string{
			// Google and IBM, Azure, AWS (IMDSv2, x-aws-ec2-metadata-token), Alibaba.
			"metadata", "metadata-flavor", "x-metadata-*", "x-aws-*", "x-aliyun-*",
		},
	},
}

// exactFamily and prefixFamily are headerFamilies, to be looked up.
var exactFamily, prefixFamily = indexFamilies()

func indexFamilies() (exact, prefixes map[string]*headerFamily) {
	exact, prefixes = map[string]*headerFamily{}, map[string]*headerFamily{}
	for i := range headerFamilies {
		for _, pattern := range headerFamilies[i].patterns {
			if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
				prefixes[prefix] = &headerFamilies[i]
			} else {
				exact[pattern] = &headerFamilies[i]
			}
		}
	}
	return exact, prefixes
}

// familyOf returns the family of refused headers that a name belongs to, in whatever spelling; nil for none.
func familyOf(name string) *headerFamily {
	name = sameHeader(name)
	if family := exactFamily[name]; family != nil {
		return family
	}
	for end := 1; end <= len(name); end++ {
		if family := prefixFamily[name[:end]]; family != nil {
			return family
		}
	}
	return nil
}

// sameHeader maps names that servers cannot tell apart to one: in lower case, with a hyphen for everything that is
// neither a letter nor a digit. Servers that hand headers on as environment variables (RFC 3875, section 4.1.18) turn
// hyphens into underscores, and some of them every other such character.
func sameHeader(name string) string {
	return strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return '-'
		}
		return r
	}, strings.ToLower(name))
}
