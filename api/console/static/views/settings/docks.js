/** Dashboard apps: the tenant's docks. A name and a URL are enough. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { all, api } from '../../lib/api.js';
import { broadcast } from '../../lib/stream.js';
import { useResource } from '../../lib/resource.js';
import { documentOutdated } from '../../lib/router.js';
import { may } from '../../store/session.js';
import { SecretDialog } from '../../ui/dialog.js';
import { Badge, Empty, Loaded } from '../../ui/parts.js';
import { DockIcon } from '../docks/tabs.js';
import { DockDialog } from './dock-form.js';
import { Add, Section, sure, Table } from './section.js';

/**
 * @typedef {object} Dock
 * @property {string} id
 * @property {string} name
 * @property {string} url
 * @property {string} icon
 * @property {number} position
 * @property {boolean} isActive
 * @property {string[]} actions
 * @property {string[]} confirm
 * @property {string[]} permissions
 * @property {string[]} frameOrigins
 * @property {string[]} teamIds
 * @property {string[]} channels
 * @property {string[]} roles
 */

export function Docks() {
  const docks = useResource('docks', () => all('/v1/docks'));
  const [edited, setEdited] = useState(/** @type {Partial<Dock> | null} */ (null));
  const [secret, setSecret] = useState(/** @type {any} */ (null));
  const write = may('docks:write');

  const changed = () => {
    documentOutdated();
    broadcast({ type: 'docks' });
    docks.reload();
  };
  const remove = async (/** @type {Dock} */ dock) => {
    if (
      await sure(
        {
          title: `Delete ${isolated(dock.name)}?`,
          text: 'It goes from every conversation. What it wrote stays.',
          confirm: 'Delete',
        },
        () => api.del(`/v1/docks/${dock.id}`),
        'Dock deleted.',
      )
    ) {
      setEdited(null);
      changed();
    }
  };
  const rotate = async (/** @type {Dock} */ dock) => {
    await sure(
      {
        title: `New secret for ${isolated(dock.name)}?`,
        confirm: 'Make a new secret',
        text: 'Contexts are signed with the old one for 24 more hours, so that your back end can learn the new one meanwhile.',
      },
      async () => setSecret(await api.post(`/v1/docks/${dock.id}/rotate-secret`)),
      '',
    );
  };

  return html`<${Section} title="Dashboard apps"
    action=${write && html`<${Add} onClick=${() => setEdited({})}>Add app<//>`}
    about=${html`Docks: pages of your own beside a conversation. They are told what the agent looks at and can act on
      it.${' '}<a href="/docks" target="_blank">How to write one</a> · <a href="/docks/playground"
        target="_blank">Playground</a>`}>
    <${Loaded} of=${docks} what="The docks could not be read.">${(/** @type {Dock[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Dashboard apps" head=${['Name', 'URL', 'May', '']} rows=${list.map((d) => ({
        key: d.id,
        quiet: !d.isActive,
        onOpen: write ? () => setEdited(d) : undefined,
        cells: [
          html`<span class="person"><${DockIcon} icon=${d.icon} />${d.name}</span>`,
          html`<code class="cut">${d.url}</code>`,
          html`<span class="small">${d.actions.join(', ') || 'Read only'}</span>`,
          !d.isActive && html`<${Badge}>Off<//>`,
        ],
      }))} />`
        : html`<${Empty} icon="dock"
        text="No app is installed. One that was written for Chatwoot works as it is.">
        ${write && html`<${Add} onClick=${() => setEdited({})}>Add app<//>`}<//>`}<//>
    ${
      edited &&
      html`<${DockDialog} dock=${edited} onClose=${() => setEdited(null)} onRemove=${remove}
      onRotate=${rotate}
      onSaved=${(/** @type {any} */ dock) => {
        setEdited(null);
        if (dock.secret) setSecret(dock);
        changed();
      }} />`
    }
    ${
      secret &&
      html`<${SecretDialog} title=${`Secret of ${isolated(secret.name)}`} secret=${secret.secret}
      onClose=${() => setSecret(null)}
      note="With it the app's own back end verifies who is asking. It is shown this once; an app without a back end does not need it." />`
    }
  <//>`;
}
