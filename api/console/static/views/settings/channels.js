/** The eight standard channels: their names here, whether they take new conversations, and which team gets those. */
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { channelName, loadChannels, nameOf, quietly, teams } from '../../store/directory.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, useForm } from '../../ui/form.js';
import { Badge, Check, Field, Loaded } from '../../ui/parts.js';
import { CHANNEL_NAMES } from '../../vocabulary.js';
import { Section, Table } from './section.js';

/**
 * @typedef {{channel: string, number: number, displayName: string, enabled: boolean, defaultTeamId: string|null}} Channel
 */

export function Channels() {
  const channels = useResource('channels', async () => (await api.get('/v1/channels')).data);
  const [edited, setEdited] = useState(/** @type {Channel | null} */ (null));
  return html`<${Section} title="Channels"
    about="Where conversations come from. Your systems bring them in; nothing is connected here.">
    <${Loaded} of=${channels} what="The channels could not be read.">${(/** @type {Channel[]} */ list) => html`
      <${Table} label="Channels" head=${['Channel', 'Name', 'New conversations go to', '']} rows=${list.map((c) => ({
        key: c.channel,
        quiet: !c.enabled,
        onOpen: may('channels:write') ? () => setEdited(c) : undefined,
        cells: [
          CHANNEL_NAMES[/** @type {'email'} */ (c.channel)],
          c.displayName,
          nameOf(c.defaultTeamId, 'No team'),
          !c.enabled && html`<${Badge}>Off<//>`,
        ],
      }))} />`}<//>
    ${
      edited &&
      html`<${ChannelDialog} channel=${edited} onClose=${() => setEdited(null)} onSaved=${channels.reload}
      />`
    }
  <//>`;
}

/** @param {{channel: Channel, onClose: () => void, onSaved: () => void}} props */
function ChannelDialog({ channel, onClose, onSaved }) {
  const before = { displayName: channel.displayName, enabled: channel.enabled, defaultTeamId: channel.defaultTeamId };
  const form = useForm(before, async (values) => {
    const change = changed(before, values);
    if (Object.keys(change).length) await api.patch(`/v1/channels/${channel.channel}`, change);
    quietly(loadChannels);
    onSaved();
    onClose();
  });
  return html`<${Dialog} title=${channelName(channel.channel)} onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('displayName')}><input required maxlength="200"
        value=${form.values.displayName}
        onInput=${form.input('displayName')} /><//>
      <${Field} label="New conversations go to" error=${form.wrong('defaultTeamId')}>
        <select value=${form.values.defaultTeamId ?? ''}
          onChange=${(/** @type {any} */ e) => form.put({ defaultTeamId: e.target.value || null })}>
          <option value="">No team</option>
          ${teams.value.map((t) => html`<option key=${t.id} value=${t.id}>${t.name}</option>`)}</select><//>
      <${Check} label="Takes new conversations" checked=${form.values.enabled}
        onChange=${(/** @type {boolean} */ enabled) => form.put({ enabled })} />
      <${FormFoot} form=${form} label="Save" onCancel=${onClose} known=${['displayName', 'defaultTeamId']} />
    </form>
  <//>`;
}
