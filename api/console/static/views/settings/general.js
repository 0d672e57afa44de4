/** What holds for the whole tenant: archiving by itself, and unknown tags. */
import { html } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { may } from '../../store/session.js';
import { changed, FormFoot, useForm } from '../../ui/form.js';
import { Check, Field, Loaded } from '../../ui/parts.js';
import { notify } from '../../store/notices.js';
import { Section } from './section.js';

export function General() {
  const settings = useResource('settings', () => api.get('/v1/settings'));
  return html`<${Section} title="General">
    <${Loaded} of=${settings} what="The settings could not be read." rows=${2}>${(/** @type {any} */ s) => html`
      <${Form} settings=${s} onSaved=${settings.set} />`}<//>
  <//>`;
}

/** @param {{settings: any, onSaved: (settings: any) => void}} props */
function Form({ settings, onSaved }) {
  const write = may('settings:write');
  const before = { autoArchive: settings.autoArchive, unknownTags: settings.unknownTags };
  const form = useForm(before, async (values) => {
    const change = changed(before, values);
    if (Object.keys(change).length) {
      const saved = await api.patch('/v1/settings', change);
      form.put({ autoArchive: saved.autoArchive, unknownTags: saved.unknownTags });
      onSaved(saved);
    }
    notify({ text: 'Saved.' });
  });
  const archive = form.values.autoArchive;
  const part = (/** @type {string} */ name, /** @type {number} */ max) =>
    html`<${Field} label=${name[0].toUpperCase() + name.slice(1)}
    error=${form.wrong(`autoArchive.${name}`)}><input type="number" min="0" max=${max} disabled=${!write}
      value=${archive[name] ?? 0}
      onInput=${(/** @type {any} */ e) => form.put({ autoArchive: { ...archive, [name]: Number(e.target.value) } })}
        /><//>`;
  return html`<form class="form narrow" onSubmit=${form.submit}>
    <${Check} label="Archive conversations some time after they are done" checked=${!!archive} disabled=${!write}
      onChange=${(/** @type {boolean} */ on) =>
        form.put({ autoArchive: on ? { days: 1, hours: 0, minutes: 0 } : null })} />
    ${
      archive &&
      html`<div class="form-triple">${part('days', 365)}${part('hours', 8760)}${part('minutes', 525600)}</div>
      <p class="muted small">In opening hours: so many days that are open at all, at the same time of day, then so
        much open time.
        Done on Friday at 16:30 with 1 day means Monday at 16:30.</p>`
    }
    <${Field} label="Tags that do not exist, on a new conversation" error=${form.wrong('unknownTags')}>
      <select value=${form.values.unknownTags} disabled=${!write} onChange=${form.input('unknownTags')}>
        <option value="create">are created</option><option value="drop">are left out</option>
        <option value="reject">make the call fail</option></select><//>
    ${
      write &&
      html`<${FormFoot} form=${form} label="Save" onCancel=${() => form.put(before)} known=${['unknownTags']}
      />`
    }
  </form>`;
}
