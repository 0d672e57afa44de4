/** What SLA policies and opening hours are for: teams, channels, both, or everything. */
import { html, useState } from '../../lib/html.js';
import { all, api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { channelName, nameOf, teams } from '../../store/directory.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { FormFoot, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Field, Loaded } from '../../ui/parts.js';
import { CHANNEL_NAMES } from '../../vocabulary.js';
import { attempt, Part, Table } from './section.js';

/**
 * @param {object} props
 * @param {string} props.title @param {string} props.about
 * @param {string} props.path of the API
 * @param {'policyId'|'openingHoursId'} props.field which names the assigned thing
 * @param {string} props.scope to change them
 * @param {{id: string, name: string}[]} props.things what can be assigned
 * @param {boolean} [props.everything] neither team nor channel is possible, too
 */
export function Assignments({ title, about, path, field, scope, things, everything }) {
  const assignments = useResource([path, things.length], () => all(path));
  const [making, setMaking] = useState(false);
  const write = may(scope);
  const remove = async (/** @type {any} */ a) => {
    await attempt(() => api.del(`${path}/${a.id}`), 'Assignment taken back.');
    assignments.reload();
  };
  return html`<${Part} title=${title} about=${about}
    action=${
      write &&
      html`<button type="button" onClick=${() => setMaking(true)}>
      <${Icon} name="plus" />Assign</button>`
    }>
    <${Loaded} of=${assignments} what="The assignments could not be read."
      rows=${2}>${(/** @type {any[]} */ list) =>
        list.length
          ? html`
      <${Table} label=${title} head=${['Applies', 'Team', 'Channel', '']} rows=${list.map((a) => ({
        key: a.id,
        cells: [
          things.find((t) => t.id === a[field])?.name ?? '–',
          a.teamId ? nameOf(a.teamId) : html`<span class="muted">Any</span>`,
          a.channel ? channelName(a.channel) : html`<span class="muted">Any</span>`,
          write &&
            html`<button type="button" class="icon-button" aria-label="Take back"
            onClick=${() => remove(a)}><${Icon} name="trash" /></button>`,
        ],
      }))} />`
          : html`<p class="muted">None yet.</p>`}<//>
    ${
      making &&
      html`<${NewAssignment} path=${path} field=${field} things=${things} everything=${everything}
      onClose=${() => setMaking(false)}
      onSaved=${() => {
        setMaking(false);
        assignments.reload();
      }} />`
    }
  <//>`;
}

/** @param {any} props */
function NewAssignment({ path, field, things, everything, onClose, onSaved }) {
  const form = useForm({ thing: things[0]?.id ?? '', teamId: '', channel: '' }, async (v) => {
    await api.post(path, { [field]: v.thing, teamId: v.teamId || null, channel: v.channel || null });
    onSaved();
  });
  const { values: v } = form;
  const nothing = !everything && !v.teamId && !v.channel;
  return html`<${Dialog} title="Assign" onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="What applies" error=${form.wrong(field)}><select value=${v.thing}
        onChange=${form.input('thing')}>
        ${things.map((/** @type {any} */ t) => html`<option key=${t.id} value=${t.id}>${t.name}</option>`)}</select><//>
      <${Field} label="To conversations of the team" error=${form.wrong('teamId')}><select value=${v.teamId}
        onChange=${form.input('teamId')}>
        <option value="">Any, and none</option>${teams.value.map(
          (t) => html`<option key=${t.id} value=${t.id}>${t.name}</option>`,
        )}</select><//>
      <${Field} label="On the channel" error=${form.wrong('channel')}><select value=${v.channel}
        onChange=${form.input('channel')}>
        <option value="">Any</option>${Object.entries(CHANNEL_NAMES).map(
          ([value, label]) => html`<option key=${value} value=${value}>${label}</option>`,
        )}</select><//>
      ${
        nothing &&
        html`<p class="muted small">Choose a team, a channel, or both. For everything else the default
        hours apply.</p>`
      }
      <${FormFoot} form=${form} label="Assign" onCancel=${onClose} known=${[field, 'teamId', 'channel']} />
    </form>
  <//>`;
}
