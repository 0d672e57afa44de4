/** Notices: what happened, and a way back where there is one. They go by themselves; `ui/toast.js` shows them. */
import { signal } from '../lib/html.js';

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
export const notices = signal([]);
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
  timers.set(
    id,
    window.setTimeout(() => dismiss(id), stays ?? (action || tone === 'danger' ? 8000 : 4000)),
  );
}

/** @param {boolean} hold whether they stay; once let go each has all its time again */
export function holdAll(hold) {
  if (held === hold) return;
  held = hold;
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  if (!hold) notices.peek().forEach(passAway);
}

/** @param {number} id */
export function dismiss(id) {
  clearTimeout(timers.get(id));
  timers.delete(id);
  notices.value = notices.peek().filter((n) => n.id !== id);
  if (!notices.peek().length) holdAll(false);
}
