/** The form of a webhook. */
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, Several, useForm } from '../../ui/form.js';
import { Check, Field } from '../../ui/parts.js';
import { EVENT_TYPES } from '../../vocabulary.js';

/**
 * @param {{webhook: Partial<import('./webhooks.js').Webhook>, onClose: () => void, onSaved: (webhook: any) => void}} props
 */
export function WebhookDialog({ webhook, onClose, onSaved }) {
  const before = {
    name: webhook.name ?? '',
    url: webhook.url ?? '',
    events: webhook.events ?? ['*'],
    ordering: webhook.ordering ?? 'none',
    maxPerSecond: webhook.maxPerSecond ?? null,
    maxInFlight: webhook.maxInFlight ?? 32,
    signing: webhook.signing ?? 'hmac',
  };
  const [more, setMore] = useState(false);
  const form = useForm(before, async (values) => {
    const change = changed(before, values);
    if (!webhook.id)
      onSaved(await api.post('/v1/webhooks', { ...change, name: values.name, url: values.url, events: values.events }));
    else onSaved(Object.keys(change).length ? await api.patch(`/v1/webhooks/${webhook.id}`, change) : webhook);
  });
  const { values: v, put } = form;
  const everything = v.events.includes('*');
  return html`<${Dialog} title=${webhook.id ? 'Change webhook' : 'New webhook'} wide onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="200" value=${v.name}
        onInput=${form.input('name')} /><//>
      <${Field} label="URL" error=${form.wrong('url')}
        hint=${webhook.id && 'Waiting deliveries go to the new one, too.'}>
        <input type="text" inputmode="url" required maxlength="2048" placeholder="https://crm.example.com/hooks"
          value=${v.url}
          onInput=${form.input('url')} /><//>
      <${Check} label="Every event, also those that come with later versions" checked=${everything}
        onChange=${(/** @type {boolean} */ on) => put({ events: on ? ['*'] : [...EVENT_TYPES] })} />
      ${
        !everything &&
        html`<${Several} legend="Events" chosen=${v.events}
        onChange=${(/** @type {string[]} */ events) => put({ events })}
        options=${EVENT_TYPES.map((value) => ({ value, label: html`<code>${value}</code>` }))} />`
      }
      ${!more && html`<button type="button" class="link" onClick=${() => setMore(true)}>More settings</button>`}
      ${
        more &&
        html`
        <${Check} label="In order: the events of one conversation one after the other"
          checked=${v.ordering === 'conversation'}
          onChange=${(/** @type {boolean} */ on) => put({ ordering: on ? 'conversation' : 'none' })} />
        <div class="form-pair">
          <${Field} label="At most a second" error=${form.wrong('maxPerSecond')} hint="Empty: no limit."><input
            type="number" min="1" max="10000"
            value=${v.maxPerSecond ?? ''} onInput=${(/** @type {any} */ e) =>
              put({ maxPerSecond: e.target.value ? Number(e.target.value) : null })} /><//>
          <${Field} label="At most at once" error=${form.wrong('maxInFlight')}><input type="number" min="1" max="256"
            value=${v.maxInFlight}
            onInput=${(/** @type {any} */ e) => put({ maxInFlight: Number(e.target.value) })} /><//>
        </div>
        ${
          !webhook.id &&
          html`<${Field} label="Signatures"><select value=${v.signing} onChange=${form.input('signing')}>
          <option value="hmac">HMAC-SHA256, with a shared secret</option>
          <option value="ed25519">Ed25519, with a public key</option></select><//>`
        }`
      }
      <${FormFoot} form=${form} label=${webhook.id ? 'Save' : 'Add'} onCancel=${onClose} known=${['name', 'url']} />
    </form>
  <//>`;
}
