/** Webhooks: the list, with how each endpoint is doing. */
import { isolated } from '../../lib/text.js';
import { html, useEffect, useState } from '../../lib/html.js';
import { all } from '../../lib/api.js';
import { onStream } from '../../lib/stream.js';
import { usePolling, useResource } from '../../lib/resource.js';
import { go, to } from '../../lib/router.js';
import { may } from '../../store/session.js';
import { SecretDialog } from '../../ui/dialog.js';
import { Ago, Badge, Empty, Loaded } from '../../ui/parts.js';
import { Add, Section, Table } from './section.js';
import { WebhookDialog } from './webhook-form.js';

/**
 * @typedef {object} Health
 * @property {'ok'|'failing'|'open'|'disabled'} state @property {number} failures @property {string|null} failingSince
 * @property {string|null} circuitOpenedAt @property {string|null} nextProbeAt @property {number} [backlog]
 * @property {string|null} [oldestOwedAt]
 * @property {string|null} [lastSuccessAt]
 * @property {number|null} [successRate24h]
 *
 * @typedef {object} Webhook
 * @property {string} id
 * @property {string} name
 * @property {string} url
 * @property {string[]} events
 * @property {string} description
 * @property {boolean} isActive @property {string|null} disabledReason @property {string[]} headers
 * @property {number|null} maxPerSecond @property {number} maxInFlight @property {'hmac'|'ed25519'} signing
 * @property {string|null} publicKey @property {'none'|'conversation'} ordering @property {Health} health
 * @property {string} createdAt
 */

const STATES = {
  ok: ['ok', 'Healthy'],
  failing: ['warn', 'Retrying'],
  open: ['danger', 'Failing'],
  disabled: ['plain', 'Off'],
};

/** How often the health of webhooks is looked at, in ms: the stream says when one fails or recovers, and not how many deliveries are pending. */
export const HEALTH_EVERY = 10_000;

/** @param {{of: Webhook}} props */
export function HealthBadge({ of: webhook }) {
  const [tone, word] = webhook.isActive ? STATES[webhook.health.state] : STATES.disabled;
  return html`<${Badge} tone=${tone}>${word}<//>`;
}

/** @param {number|null|undefined} rate 0 to 1 */
export const percent = (rate) =>
  rate === null || rate === undefined ? '–' : `${(Math.floor(rate * 1000) / 10).toLocaleString()} %`;

export function Webhooks() {
  const webhooks = useResource('webhooks', () => all('/v1/webhooks'));
  usePolling(webhooks.reload, webhooks.data ? HEALTH_EVERY : null);
  useEffect(() => onStream((event) => event.type === 'webhook' && webhooks.reload()), [webhooks.reload]);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const add = may('webhooks:write') && html`<${Add} onClick=${() => setMaking(true)}>Add webhook<//>`;
  return html`<${Section} title="Webhooks"
    about="Your systems hear of every change, signed, and tried again for three days." action=${add}>
    <${Loaded} of=${webhooks} what="The webhooks could not be read.">${(/** @type {Webhook[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Webhooks" head=${['Name', 'URL', 'Health', 'Success, 24 h', 'Pending', 'Last success']}
        rows=${list.map((w) => ({
          key: w.id,
          quiet: !w.isActive,
          onOpen: () => go(to('settings', 'webhooks', w.id)),
          cells: [
            w.name,
            html`<code class="cut">${w.url}</code>`,
            html`<${HealthBadge} of=${w} />`,
            html`<span class="figures">${percent(w.health.successRate24h)}</span>`,
            html`<span class="figures">${(w.health.backlog ?? 0).toLocaleString()}</span>`,
            w.health.lastSuccessAt ? html`<${Ago} at=${w.health.lastSuccessAt} />` : html`<span class="muted">–</span>`,
          ],
        }))} />`
        : html`<${Empty} icon="hook" text="Nothing is told of what happens here yet.">${add}<//>`}<//>
    ${
      making &&
      html`<${WebhookDialog} webhook=${{}} onClose=${() => setMaking(false)}
      onSaved=${(/** @type {any} */ webhook) => {
        setMaking(false);
        webhooks.reload();
        if (webhook.secret) setMade(webhook);
        else go(to('settings', 'webhooks', webhook.id)); // its public key stands there, for good
      }} />`
    }
    ${
      made &&
      html`<${SecretDialog} title=${`Signing secret of ${isolated(made.name)}`} secret=${made.secret}
      note="With it the receiver verifies that a delivery is ours. It is shown this once." onClose=${() => {
        setMade(null);
        go(to('settings', 'webhooks', made.id));
      }} />`
    }
  <//>`;
}
