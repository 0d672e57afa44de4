/** The form of a dock. */
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { teams } from '../../store/directory.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, Several, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Check, Field } from '../../ui/parts.js';
import { CHANNEL_NAMES, DOCK_ACTION_KIND_NAMES, DOCK_ACTION_KINDS, DOCK_PERMISSIONS, ROLES } from '../../vocabulary.js';

/** @typedef {import('./docks.js').Dock} Dock */

const ACTIONS = DOCK_ACTION_KINDS.map((value) => ({ value, label: DOCK_ACTION_KIND_NAMES[value] }));

/** Roles that see conversations, and so docks beside them. */
const SEEING = ROLES.filter((role) => role !== 'analytics');

const PERMISSIONS = DOCK_PERMISSIONS.map((value) => ({
  value,
  label: html`<code>${value}</code>${value === 'modals' && ' (alert, confirm, prompt)'}`,
}));

/** Ticked for a new app: those that were written for a page of their own, or for Chatwoot, may ask with `confirm()`. */
const USUAL = ['modals'];

const KNOWN = ['name', 'url', 'icon', 'position', 'frameOrigins'];

/**
 * @param {object} props
 * @param {Partial<Dock>} props.dock without an id: a new one
 * @param {() => void} props.onClose
 * @param {(dock: any) => void} props.onSaved
 * @param {(dock: any) => void} props.onRemove
 * @param {(dock: any) => void} props.onRotate
 */
export function DockDialog({ dock, onClose, onSaved, onRemove, onRotate }) {
  const before = {
    name: dock.name ?? '',
    url: dock.url ?? '',
    icon: dock.icon ?? '',
    position: dock.position ?? 0,
    isActive: dock.isActive ?? true,
    actions: dock.actions ?? ACTIONS.map((a) => a.value),
    confirm: dock.confirm ?? [],
    permissions: dock.permissions ?? [],
    frameOrigins: dock.frameOrigins ?? [],
    teamIds: dock.teamIds ?? [],
    channels: dock.channels ?? [],
    roles: dock.roles ?? [],
  };
  const [more, setMore] = useState(false);
  const permissions = dock.id ? before.permissions : USUAL;
  const form = useForm({ ...before, permissions, frameOrigins: before.frameOrigins.join('\n') }, async (typed) => {
    const values = {
      ...typed,
      position: Number(typed.position),
      frameOrigins: typed.frameOrigins
        .split('\n')
        .map((s) => s.trim())
        .filter(Boolean),
    };
    const change = changed(before, values);
    if (!dock.id) onSaved(await api.post('/v1/docks', { ...change, name: values.name, url: values.url }));
    else onSaved(Object.keys(change).length ? await api.patch(`/v1/docks/${dock.id}`, change) : dock);
  });
  const { values: v, put } = form;
  return html`<${Dialog} title=${dock.id ? (dock.name ?? '') : 'New app'} wide onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="100" value=${v.name}
        onInput=${form.input('name')} /><//>
      <${Field} label="URL" error=${form.wrong('url')}
        hint=${html`May have placeholders, such as <code>{{contact.email}}</code>.`}>
        <input type="text" inputmode="url" required maxlength="2048" placeholder="https://tools.example.com/orders"
          value=${v.url}
          onInput=${form.input('url')} /><//>
      ${!more && html`<button type="button" class="link" onClick=${() => setMore(true)}>More settings</button>`}
      ${
        more &&
        html`
        <${Field} label="Icon" error=${form.wrong('icon')} hint="An emoji, or a picture as a data: URL."><input
          value=${v.icon}
          onInput=${form.input('icon')} /><//>
        <${Field} label="Position" error=${form.wrong('position')}
          hint="Among the tabs: lower comes first, and of equals the older.">
          <input type="number" required min="0" max="1000000" step="1" value=${v.position}
            onInput=${form.input('position')} /><//>
        <${Several} legend="It may, as the agent" options=${ACTIONS} chosen=${v.actions}
          onChange=${(/** @type {string[]} */ actions) =>
            put({
              actions,
              confirm: v.confirm.filter((c) => actions.includes(c)),
            })} />
        <${Several} legend="The agent is asked before it does this"
          options=${ACTIONS.filter((a) => v.actions.includes(a.value))}
          chosen=${v.confirm} onChange=${(/** @type {string[]} */ confirm) => put({ confirm })} />
        <${Several} legend="Shown to teams" hint="To everybody if none is ticked." chosen=${v.teamIds}
          options=${teams.value.map((t) => ({ value: t.id, label: t.name }))}
            onChange=${(/** @type {string[]} */ teamIds) => put({ teamIds })} />
        <${Several} legend="Shown on channels" hint="On all if none is ticked." chosen=${v.channels}
          options=${Object.entries(CHANNEL_NAMES).map(([value, label]) => ({ value, label }))}
          onChange=${(/** @type {string[]} */ channels) => put({ channels })} />
        <${Several} legend="Shown to roles" hint="To all if none is ticked." chosen=${v.roles}
          options=${SEEING.map((value) => ({ value, label: value }))}
            onChange=${(/** @type {string[]} */ roles) => put({ roles })} />
        <${Several} legend="The page may use"
          options=${PERMISSIONS}
          chosen=${v.permissions} onChange=${(/** @type {string[]} */ permissions) => put({ permissions })} />
        <${Field} label="Further origins it may navigate to" error=${form.wrong('frameOrigins')}
          hint="Such as a sign-in page; one a line.">
          <textarea rows="2" value=${v.frameOrigins} onInput=${form.input('frameOrigins')}></textarea><//>`
      }
      ${
        dock.id &&
        html`<${Check} label="Shown" checked=${v.isActive}
        onChange=${(/** @type {boolean} */ isActive) => put({ isActive })} />`
      }
      <${FormFoot} form=${form} label=${dock.id ? 'Save' : 'Add'} onCancel=${onClose}
        known=${more ? KNOWN : ['name', 'url']}>
        ${
          dock.id &&
          html`<button type="button" onClick=${() => onRemove(dock)}><${Icon} name="trash" />Delete</button>
          <button type="button" onClick=${() => onRotate(dock)}>New secret…</button>`
        }<//>
    </form>
  <//>`;
}
