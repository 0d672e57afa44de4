/** API keys: what they may do, and what they were used for. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { all, api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { may } from '../../store/session.js';
import { Dialog, SecretDialog } from '../../ui/dialog.js';
import { FormFoot, Several, useForm } from '../../ui/form.js';
import { Ago, Badge, Code, Empty, Field, Loaded } from '../../ui/parts.js';
import { SCOPES } from '../../vocabulary.js';
import { Add, Section, sure, Table } from './section.js';
import { Usage } from './usage.js';

/**
 * @typedef {object} ApiKey
 * @property {string} id @property {string} name @property {string} description @property {string} prefix
 * @property {string[]} scopes @property {string} tier @property {boolean} isActive @property {string} createdAt
 * @property {string|null} lastUsedAt @property {string|null} revokedAt
 * @property {{perMinute: number|null, burst: number|null, perDay: number|null}} limits
 */

const BUNDLES = [
  { value: 'integration', label: 'Integration: write conversations, contacts, tags, webhooks' },
  { value: 'basic', label: 'Basic: read conversations, contacts, tags' },
  { value: 'read_all', label: 'Read everything' },
  { value: 'full_access', label: 'Full access' },
];

/** The parts of the API that a key may read or write. */
const SURFACES = SCOPES.filter((scope) => scope.endsWith(':read')).map((scope) => scope.slice(0, -':read'.length));

export function Keys() {
  const keys = useResource('keys', () => all('/v1/api-keys'));
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [opened, setOpened] = useState(/** @type {ApiKey | null} */ (null));
  return html`<${Section} title="API keys"
    about="A key is one system's way in. It fixes the tenant, and its scopes say what it may do."
    action=${html`<${Add} onClick=${() => setMaking(true)}>Create key<//>`}>
    <${Loaded} of=${keys} what="The keys could not be read.">${(/** @type {ApiKey[]} */ list) =>
      list.length
        ? html`
      <${Table} label="API keys" head=${['Name', 'Begins with', 'Scopes', 'Last used', '']} rows=${list.map((k) => ({
        key: k.id,
        quiet: !!k.revokedAt,
        onOpen: () => setOpened(k),
        cells: [
          k.name,
          html`<code>${k.prefix}…</code>`,
          html`<span class="small">${k.scopes.join(', ')}</span>`,
          k.lastUsedAt ? html`<${Ago} at=${k.lastUsedAt} />` : html`<span class="muted">Never</span>`,
          k.revokedAt ? html`<${Badge} tone="danger">Revoked<//>` : !k.isActive && html`<${Badge}>Inactive<//>`,
        ],
      }))} />`
        : html`<${Empty} icon="key" text="No system has a key yet."><${Add}
        onClick=${() => setMaking(true)}>Create key<//><//>`}<//>
    ${
      making &&
      html`<${NewKey} onClose=${() => setMaking(false)} onMade=${(/** @type {any} */ key) => {
        setMaking(false);
        setMade(key);
        keys.reload();
      }} />`
    }
    ${
      made &&
      html`<${SecretDialog} title=${`Key of ${isolated(made.name)}`} secret=${made.key} onClose=${() => setMade(null)}
      note="This is the only time the key is shown. Keep it where your other secrets are." />`
    }
    ${opened && html`<${Key} of=${opened} onClose=${() => setOpened(null)} onChanged=${keys.reload} />`}
  <//>`;
}

/** @param {{onClose: () => void, onMade: (key: any) => void}} props */
function NewKey({ onClose, onMade }) {
  const form = useForm(
    { name: '', bundle: 'integration', scopes: /** @type {string[]} */ ([]) },
    async ({ name, bundle, scopes }) => {
      onMade(await api.post('/v1/api-keys', { name, scopes: bundle ? [bundle] : scopes }));
    },
  );
  const choices = SURFACES.flatMap((s) => ['read', 'write'].map((right) => `${s}:${right}`))
    .concat('teams:manage')
    .filter((scope) => may(scope))
    .map((scope) => ({ value: scope, label: html`<code>${scope}</code>` }));
  return html`<${Dialog} title="New API key" wide onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')} hint="Which system it is for."><input autofocus required
        maxlength="200"
        value=${form.values.name} onInput=${form.input('name')} /><//>
      <${Field} label="What it may do" error=${form.wrong('scopes')}>
        <select value=${form.values.bundle} onChange=${form.input('bundle')}>
          ${BUNDLES.map((b) => html`<option key=${b.value} value=${b.value}>${b.label}</option>`)}
          <option value="">Chosen one by one</option></select><//>
      ${
        !form.values.bundle &&
        html`<${Several} legend="Scopes" options=${choices} chosen=${form.values.scopes}
        hint="Write implies read." onChange=${(/** @type {string[]} */ scopes) => form.put({ scopes })} />`
      }
      <${FormFoot} form=${form} label="Create" onCancel=${onClose} known=${['name', 'scopes']} />
    </form>
  <//>`;
}

/** What a key's limits come to, in words. @param {ApiKey['limits']} limits */
function limitsText({ perMinute, burst, perDay }) {
  const number = (/** @type {number} */ n) => n.toLocaleString('en');
  const parts = [
    perMinute !== null && `${number(perMinute)} calls a minute${burst ? ` and ${number(burst)} on top` : ''}`,
    perDay !== null && `${number(perDay)} calls a day (UTC)`,
  ].filter(Boolean);
  return parts.join(', ') || 'None';
}

/** @param {{of: ApiKey, onClose: () => void, onChanged: () => void}} props */
function Key({ of: key, onClose, onChanged }) {
  const usage = useResource(
    ['usage', key.id],
    async () => (await api.get(`/v1/api-keys/${key.id}/usage`, { days: 30 })).data,
  );
  const revoke = async () => {
    if (
      await sure(
        {
          title: `Revoke ${isolated(key.name)}?`,
          text: 'Whatever uses it is refused within seconds, for good.',
          confirm: 'Revoke',
        },
        () => api.del(`/v1/api-keys/${key.id}`),
        'Key revoked.',
      )
    ) {
      onChanged();
      onClose();
    }
  };
  return html`<${Dialog} title=${key.name} side wide onClose=${onClose}>
    <section class="facts"><dl>
      <div><dt>Begins with</dt><dd><code>${key.prefix}…</code></dd></div>
      <div><dt>Scopes</dt><dd>${key.scopes.join(', ')}</dd></div>
      <div><dt>Tier</dt><dd>${key.tier}</dd></div>
      <div><dt>Limits</dt><dd>${limitsText(key.limits)}</dd></div>
      <div><dt>Created</dt><dd><${Ago} at=${key.createdAt} /></dd></div>
      ${key.revokedAt && html`<div><dt>Revoked</dt><dd><${Ago} at=${key.revokedAt} /></dd></div>`}
    </dl></section>
    <section class="facts"><h3>Requests, last 30 days</h3>
      <${Loaded} of=${usage} what="The usage could not be read."
        rows=${3}>${(/** @type {any[]} */ rows) => html`<${Usage} rows=${rows} />`}<//>
    </section>
    <section class="facts"><h3>Try it</h3>
      <${Code} text=${`curl ${location.origin}/v1/me \\\n  -H 'Authorization: Bearer ${key.prefix}…'`} />
    </section>
    ${
      !key.revokedAt &&
      html`<footer class="dialog-foot"><button type="button" class="danger"
      onClick=${revoke}>Revoke</button></footer>`
    }
  <//>`;
}
