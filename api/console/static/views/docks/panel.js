/**
 * The docks beside a conversation. A dock that was opened keeps its frame while the agent goes through conversations;
 * its host (`/sdk/dock-host.js`) tells it where the agent is and takes its actions to the server.
 */
import { focusOn } from '../../lib/focus.js';
import { cx, html, useEffect, useRef, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { useKeys } from '../../lib/keys.js';
import { onStream } from '../../lib/stream.js';
import { to } from '../../lib/router.js';
import { recall, remember } from '../../lib/storage.js';
import { may } from '../../store/session.js';
import { Icon } from '../../ui/icons.js';
import { Empty, Failed, Skeleton } from '../../ui/parts.js';
import { useResource } from '../../lib/resource.js';
import { Dock } from './dock.js';
import { sheet } from './sheet.js';
import { Splitter, useWidth } from './splitter.js';
import { DockTabs } from './tabs.js';

/**
 * @typedef {{id: string, name: string, icon: string, url: string, actions: string[], confirm: string[]}} VisibleDock
 */

/**
 * @param {{id: string | null, visible: boolean, onClose: () => void}} props id: the conversation
 */
export function DockPanel({ id, visible, onClose }) {
  const docks = useResource(
    id && may('docks:read') ? ['docks', id] : null,
    async (signal) =>
      /** @type {VisibleDock[]} */ ((await api.get(`/v1/conversations/${id}/docks`, undefined, signal)).data),
  );
  const [active, setActive] = useState(/** @type {string | null} */ (recall('docks.active', null)));
  const [opened, setOpened] = useState(/** @type {VisibleDock[]} */ ([]));
  const [shown, setShown] = useState(/** @type {VisibleDock[]} */ ([]));
  const [changes, setChanges] = useState(0);
  const [width, setWidth] = useWidth();
  useEffect(() => docks.data && setShown(docks.data), [docks.data]); // the old ones stay until the new ones are known
  useEffect(
    () =>
      onStream(async ({ type }) => {
        if (type !== 'docks' && type !== 'resync') return;
        await docks.reload();
        if (type === 'docks') setChanges((n) => n + 1);
      }),
    [docks.reload],
  );
  useEffect(() => {
    // Those that are gone lose their frames; one that is only not beside this conversation gets its frame back when it is.
    if (changes && docks.data) setOpened((all) => all.filter((o) => docks.data?.some((d) => d.id === o.id)));
  }, [changes]);

  const current = shown.find((d) => d.id === active) ?? shown[0];
  useEffect(() => {
    if (!visible || !current) return;
    setOpened((all) => (all.some((d) => d.id === current.id) ? all : [...all, current]));
  }, [visible, current?.id]);
  // A dock goes along to a conversation that it is beside, and not before that is known.
  const beside = (/** @type {VisibleDock} */ dock) => !!docks.data?.some((d) => d.id === dock.id);

  const choose = (/** @type {string} */ dock) => {
    setActive(dock);
    remember('docks.active', dock);
  };
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const over = visible && sheet.value;
  useEffect(() => {
    if (over) focusOn(panel.current?.querySelector('[role=tab][aria-selected=true], .docks-head .icon-button'));
  }, [over]);
  useKeys({ Escape: onClose, d: onClose }, { modal: true, enabled: over });
  return html`${over && html`<div class="scrim" onClick=${onClose} />`}
  <aside ref=${panel} class=${cx('docks', !visible && 'closed')} aria-label="Docks"
    style=${{ '--docks-width': `${width}px` }}>
    <${Splitter} width=${width} onWidth=${setWidth} />
    <header class="docks-head">
      <${DockTabs} docks=${shown} current=${current?.id} onChoose=${choose}
        hasPanel=${(/** @type {string} */ dock) => opened.some((o) => o.id === dock)} />
      <button type="button" class="icon-button" aria-label="Close docks" title="Close (d)" onClick=${onClose}><${Icon}
        name="close" /></button>
    </header>
    <div class="docks-body">
      ${
        docks.error &&
        docks.error.status !== 404 &&
        html`<${Failed} error=${docks.error} what="The docks could not be read." retry=${docks.reload} />`
      }
      ${docks.waiting && html`<${Skeleton} rows=${3} />`}
      ${docks.data && !docks.data.length && html`<${None} />`}
      ${opened.map(
        (d) => html`<${Dock} key=${d.id} dock=${d} conversationId=${beside(d) ? id : null} changes=${changes}
        visible=${visible && current?.id === d.id && !docks.error && !docks.waiting} />`,
      )}
    </div>
  </aside>`;
}

function None() {
  return html`<${Empty} icon="dock"
    text="Docks show your own tools beside the conversation. There is none for this one.">
    ${may('docks:write') && html`<a class="button" href=${to('settings', 'docks')}>Add a dock</a>`}<//>`;
}
