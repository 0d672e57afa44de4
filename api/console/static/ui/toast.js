/** Notices at the foot of the page: what happened, and a way back where there is one. */
import { html, signal } from '../lib/html.js';
import { Icon } from './icons.js';

/**
 * @typedef {object} Notice
 * @property {string} text
 * @property {'plain'|'ok'|'warn'|'danger'|'info'} [tone]
 * @property {string} [title] who or what it is about, such as a dock's name
 * @property {{label: string, run: () => void}} [action]
 * @property {string} [key] takes the place of an earlier notice with the same key
 * @property {number} [stays] ms; longer by default where there is something to read or to press
 */

/** @type {import('../vendor/signals.js').Signal<(Notice & {id: number})[]>} */
const notices = signal([]);
let last = 0;

/** At most this many are shown; older ones go first. */
const SHOWN = 4;

/** @param {Notice} notice */
export function notify(notice) {
  const id = ++last;
  const others = notices.peek().filter((n) => !notice.key || n.key !== notice.key);
  notices.value = [...others, { ...notice, id }].slice(-SHOWN);
  setTimeout(() => dismiss(id), notice.stays ?? (notice.action || notice.tone === 'danger' ? 8000 : 4000));
}

/** @param {number} id */
function dismiss(id) {
  notices.value = notices.peek().filter((n) => n.id !== id);
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.value.map((n) => html`
      <div key=${n.id} class=${`notice ${n.tone ?? 'plain'}`}>
        <div class="notice-text">${n.title && html`<strong>${n.title}</strong> `}${n.text}</div>
        ${n.action && html`<button type="button" class="link" onClick=${() => {
          dismiss(n.id);
          n.action?.run();
        }}>${n.action.label}</button>`}
        <button type="button" class="icon-button small" aria-label="Dismiss" onClick=${() => dismiss(n.id)}>
          <${Icon} name="close" />
        </button>
      </div>`)}
  </div>`;
}
