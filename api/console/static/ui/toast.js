/**
 * Notices at the foot of the page: what happened, and a way back where there is one. While a dialog is open the rest of the
 * page is inert, so that they are in the dialog then.
 */
import { html, signal, useLayoutEffect, useRef } from '../lib/html.js';
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

/** @type {Map<number, number>} */
const timers = new Map();

/** Whether the pointer or the focus is on one: they stay as long. */
let held = false;

/** @param {Notice} notice */
export function notify(notice) {
  const id = ++last;
  const others = notices.peek().filter((n) => !notice.key || n.key !== notice.key);
  notices.value = [...others, { ...notice, id }].slice(-SHOWN);
  if (!held) passAway({ ...notice, id });
}

/** @param {Notice & {id: number}} notice */
function passAway({ id, stays, action, tone }) {
  timers.set(id, window.setTimeout(() => dismiss(id), stays ?? (action || tone === 'danger' ? 8000 : 4000)));
}

/** @param {boolean} hold whether they stay; once let go each has all its time again */
function holdAll(hold) {
  if (held === hold) return;
  held = hold;
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  if (!hold) notices.peek().forEach(passAway);
}

/** @param {number} id */
function dismiss(id) {
  clearTimeout(timers.get(id));
  timers.delete(id);
  notices.value = notices.peek().filter((n) => n.id !== id);
  if (!notices.peek().length) holdAll(false);
}

/** The places where notices can be: the page, and above it the dialogs that are open. */
const places = signal(/** @type {object[]} */ ([]));

/** A place for notices, which are in the uppermost one. It is there before them: what comes into it is read out. */
export function Notices() {
  const place = useRef({}).current;
  const before = useRef(/** @type {Element | null} */ (null));
  useLayoutEffect(() => {
    places.value = [...places.peek(), place];
    return () => {
      places.value = places.peek().filter((p) => p !== place);
      holdAll(false); // what had the pointer has gone
    };
  }, []);
  const shown = places.value.at(-1) === place ? notices.value : [];
  const away = (/** @type {number} */ id) => {
    dismiss(id);
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus();
  };
  return html`<div class="notices" role="status" aria-live="polite"
    onPointerEnter=${() => holdAll(true)} onPointerLeave=${() => holdAll(false)}
    onFocusIn=${(/** @type {FocusEvent} */ e) => {
      holdAll(true);
      if (!within(e)) before.current = /** @type {Element | null} */ (e.relatedTarget);
    }} onFocusOut=${(/** @type {FocusEvent} */ e) => { if (!within(e)) holdAll(false); }}>
    ${shown.map((n) => html`
      <div key=${n.id} class=${`notice ${n.tone ?? 'plain'}`}>
        <div class="notice-text" dir="auto">${n.title && html`<strong><bdi>${n.title}</bdi></strong> `}${n.text}</div>
        ${n.action && html`<button type="button" class="link" onClick=${() => {
          away(n.id);
          n.action?.run();
        }}>${n.action.label}</button>`}
        <button type="button" class="icon-button small" aria-label="Dismiss" onClick=${() => away(n.id)}>
          <${Icon} name="close" />
        </button>
      </div>`)}
  </div>`;
}

/** Whether the focus only goes from one notice to another. @param {FocusEvent} e */
const within = ({ currentTarget, relatedTarget }) => currentTarget instanceof Element && relatedTarget instanceof Node
  && currentTarget.contains(relatedTarget);
