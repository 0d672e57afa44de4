package config

import (
	"net/url"

	"github.com/atender/atender/models/target"
)

// WebhookPolicy says where webhooks may go.
func (c Config) WebhookPolicy() target.Policy {
	return target.Policy{AllowHTTP: c.WebhookAllowHTTP, Allow: c.WebhookAllowCIDRs}
}

// WebhookProxy is the proxy that deliveries go through, nil for none.
func (c Config) WebhookProxy() *url.URL {
	if c.WebhookProxyURL == "" {
		return nil
	}
	u, _ := url.Parse(c.WebhookProxyURL) // checked when the configuration was read
	return u
}
