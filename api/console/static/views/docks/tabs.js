/** The tabs of the docks beside a conversation: a few, and all of them in a menu where there are more. */
import { visible } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { Icon } from '../../ui/icons.js';
import { Picker } from '../../ui/picker.js';

/** @typedef {import('./panel.js').VisibleDock} VisibleDock */

/** How many tabs there are at most; the panel is 280 px wide at least, and each can be read then. */
const TABS = 3;

/**
 * The docks that have tabs: the first ones, and in the last place the one that was chosen from the menu.
 * @param {VisibleDock[]} docks
 * @param {string | undefined} current the chosen one's id, which always has a tab
 * @param {string} extra the id of what was chosen from the menu last
 */
function tabbed(docks, current, extra) {
  if (docks.length <= TABS) return docks;
  const first = docks.slice(0, TABS - 1);
  const rest = docks.slice(TABS - 1);
  return [...first, rest.find((d) => d.id === current) ?? rest.find((d) => d.id === extra) ?? rest[0]];
}

/**
 * @param {object} props
 * @param {VisibleDock[]} props.docks
 * @param {string} [props.current] the chosen one's id
 * @param {(id: string) => boolean} props.hasPanel whether there is what its tab shows
 * @param {(id: string) => void} props.onChoose
 */
export function DockTabs({ docks, current, hasPanel, onChoose }) {
  const [extra, setExtra] = useState('');
  const choose = (/** @type {string} */ id) => {
    if (docks.findIndex((d) => d.id === id) >= TABS - 1) setExtra(id);
    onChoose(id);
  };
  return html`<div class="docks-tabs" role="tablist" aria-label="Docks" onKeyDown=${arrows}>
      ${tabbed(docks, current, extra).map(
        (d) => html`<button key=${d.id} type="button" role="tab" id=${`tab-${d.id}`} title=${visible(d.name)}
        aria-controls=${hasPanel(d.id) ? `dock-${d.id}` : undefined}
        aria-selected=${d.id === current} tabindex=${d.id === current ? 0 : -1} onClick=${() => choose(d.id)}>
        <${DockIcon} icon=${d.icon} /><bdi class="cut">${visible(d.name)}</bdi></button>`,
      )}
    </div>
    ${
      docks.length > TABS &&
      html`<${Picker} label="All docks" align="end" class="icon-button" onChoose=${choose}
      choices=${docks.map((d) => ({ value: d.id, label: visible(d.name), chosen: d.id === current }))}><${Icon}
        name="down" /><//>`
    }`;
}

/** A few characters, or an image as a `data:` URL. @param {{icon: string}} props */
export function DockIcon({ icon }) {
  if (!icon) return html`<${Icon} name="dock" />`;
  return icon.startsWith('data:image/')
    ? html`<img class="dock-icon" src=${icon} alt="" width="16" height="16" />`
    : html`<span class="dock-icon" aria-hidden="true">${icon}</span>`;
}

/** Arrow keys go through the tabs. @param {KeyboardEvent} e */
function arrows(e) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {'ArrowLeft'} */ (e.key)];
  if (!step || !(e.currentTarget instanceof HTMLElement)) return;
  const tabs = [...e.currentTarget.querySelectorAll('button')];
  const next =
    tabs[(tabs.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step + tabs.length) % tabs.length];
  next?.focus();
  next?.click();
  e.preventDefault();
  e.stopPropagation();
}
