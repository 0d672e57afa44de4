/** One webhook: its health, what was delivered, what failed, and how to send it again. */
import { isolated, visible } from '../../lib/text.js';
import { html, useEffect, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { onStream } from '../../lib/stream.js';
import { usePolling, useResource } from '../../lib/resource.js';
import { go, to } from '../../lib/router.js';
import { exact, moment } from '../../lib/time.js';
import { may } from '../../store/session.js';
import { CopyButton } from '../../ui/copy.js';
import { SecretDialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Ago, Loaded } from '../../ui/parts.js';
import { Picker } from '../../ui/picker.js';
import { Attempt } from './attempt.js';
import { Deliveries } from './deliveries.js';
import { Replays } from './replays.js';
import { attempt, Part, Section, sure } from './section.js';
import { WebhookDialog } from './webhook-form.js';
import { HealthBadge, HEALTH_EVERY, percent } from './webhooks.js';

/** @typedef {import('./webhooks.js').Webhook} WebhookShape */

const REASONS = { FAILING: 'all attempts failed for five days', GONE: 'the endpoint answered 410 Gone' };

/** @param {{id: string}} props */
export function Webhook({ id }) {
  const webhook = useResource(['webhook', id], (signal) => api.get(`/v1/webhooks/${id}`, undefined, signal));
  usePolling(webhook.reload, webhook.data ? HEALTH_EVERY : null);
  useEffect(
    () => onStream((event) => event.type === 'webhook' && event.id === id && webhook.reload()),
    [webhook.reload],
  );
  return html`<${Loaded} of=${webhook} what="The webhook could not be read.">${(/** @type {WebhookShape} */ w) => html`
    <${Section} title=${html`<bdi>${visible(w.name)}</bdi> <${HealthBadge} of=${w} />`} back=${to('settings', 'webhooks')}
      about=${html`<code>${w.url}</code>`}
      action=${may('webhooks:write') && html`<${Verbs} of=${w} onChanged=${webhook.reload} />`}>
      <${Health} of=${w} />
      <${Deliveries} id=${w.id} />
      <${Replays} id=${w.id} active=${w.isActive} />
    <//>`}<//>`;
}

/** @param {{of: WebhookShape, onChanged: () => void}} props */
function Verbs({ of: w, onChanged }) {
  const [editing, setEditing] = useState(false);
  const [secret, setSecret] = useState('');
  const [testing, setTesting] = useState(false);
  const [tested, setTested] = useState(/** @type {any} */ (null));
  const path = `/v1/webhooks/${w.id}`;
  const choose = async (/** @type {string} */ what) => {
    if (what === 'edit') setTimeout(() => setEditing(true));
    if (what === 'toggle') {
      await attempt(() => api.patch(path, { isActive: !w.isActive }), w.isActive ? 'Switched off.' : 'Switched on.');
      onChanged();
    }
    if (what === 'rotate') {
      const what = w.signing === 'ed25519' ? 'key' : 'secret';
      await sure(
        {
          title: `New signing ${what}?`,
          confirm: `Make a new ${what}`,
          text: 'For 24 hours deliveries carry the signatures of both.',
        },
        async () => setSecret((await api.post(`${path}/rotate-secret`)).secret ?? ''),
        '',
      );
      onChanged(); // a public key is read, not shown this once
    }
    if (
      what === 'delete' &&
      (await sure(
        {
          title: `Delete ${isolated(w.name)}?`,
          confirm: 'Delete',
          text: 'Deliveries that wait are cancelled, and its log is gone.',
        },
        () => api.del(path),
        'Webhook deleted.',
      ))
    )
      go(to('settings', 'webhooks'));
  };
  const test = async () => {
    if (testing) return;
    setTesting(true);
    await attempt(async () => setTested(await api.post(`${path}/test`, undefined, { once: false })), '');
    setTesting(false);
  };
  return html`
    <button type="button" aria-disabled=${testing} onClick=${test}><${Icon} name="send"
      />${testing ? 'Sending…' : 'Send a test'}</button>
    <${Picker} label="More" align="end" class="" onChoose=${choose} choices=${[
      { value: 'edit', label: 'Change…' },
      { value: 'toggle', label: w.isActive ? 'Switch off' : 'Switch on' },
      { value: 'rotate', label: w.signing === 'ed25519' ? 'New signing key…' : 'New secret…' },
      { value: 'delete', label: 'Delete…' },
    ]}>More<${Icon} name="down" /><//>
    ${
      editing &&
      html`<${WebhookDialog} webhook=${w} onClose=${() => setEditing(false)} onSaved=${() => {
        setEditing(false);
        onChanged();
      }} />`
    }
    ${
      secret &&
      html`<${SecretDialog} title="New signing secret" secret=${secret} note="It is shown this once."
      onClose=${() => setSecret('')} />`
    }
    ${tested && html`<${Attempt} title="Test" of=${tested} onClose=${() => setTested(null)} />`}`;
}

/** @param {{of: WebhookShape}} props */
function Health({ of: w }) {
  const h = w.health;
  const facts = [
    ['Success, 24 h', percent(h.successRate24h)],
    ['Pending', (h.backlog ?? 0).toLocaleString()],
    ['Last success', h.lastSuccessAt ? html`<${Ago} at=${h.lastSuccessAt} />` : '–'],
    ['Failing since', h.failingSince ? html`<${Ago} at=${h.failingSince} />` : '–'],
  ];
  return html`
    ${
      !w.isActive &&
      html`<p class="callout plain">Switched
      off${w.disabledReason && `: ${REASONS[/** @type {'GONE'} */ (w.disabledReason)] ?? w.disabledReason}`}.
      What happens meanwhile is not sent; it stays in the feed for 30 days and can be replayed.</p>`
    }
    ${
      w.isActive &&
      h.state === 'open' &&
      html`<p class="callout danger">Failing${h.circuitOpenedAt && ` since ${moment(h.circuitOpenedAt)}`}: nothing is lost,
      everything waits. ${
        h.nextProbeAt && html`The next try is <span title=${exact(h.nextProbeAt)}>at ${moment(h.nextProbeAt)}</span>.`
      }</p>`
    }
    <dl class="figures-row">${facts.map(
      ([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="figures">${value}</dd></div>`,
    )}</dl>
    <${Part} title="What it gets"><p class="small">${w.events.includes('*') ? 'Every event' : w.events.join(', ')}${
      w.ordering === 'conversation' && ', in order for each conversation'
    }.</p><//>
    ${w.publicKey && html`<${PublicKeys} of=${w} />`}`;
}

/**
 * The keys that verify its signatures: the current one, and for a while after a rotation the one before it.
 * @param {{of: WebhookShape}} props
 */
function PublicKeys({ of: w }) {
  const keys = useResource(['webhook-keys', w.id, w.publicKey], (signal) =>
    api.get(`/v1/webhooks/${w.id}/public-keys`, undefined, signal),
  );
  return html`<${Part} title="Public key"><${Loaded} of=${keys} what="The public keys could not be read.">${(
    /** @type {{data: {publicKey: string, signsUntil: string|null}[]}} */ { data },
  ) =>
    data.map(
      (key) => html`
      <div class="secret" key=${key.publicKey}><code>${key.publicKey}</code><${CopyButton} text=${key.publicKey} /></div>
      ${
        key.signsUntil &&
        html`<p class="small">The one before, which signs, too,
        until ${moment(key.signsUntil)}.</p>`
      }`,
    )}<//><//>`;
}
