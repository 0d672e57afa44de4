/**
 * Times as people read them, always in the viewer's zone, and the times that "tomorrow 09:00" means there.
 */
import { computed, signal } from './html.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The time, to the second. What shows it re-renders by itself; nothing else does. */
export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, SECOND);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) now.value = Date.now();
});

/** The beginning of the minute, for what shows no seconds. */
export const minute = computed(() => Math.floor(now.value / MINUTE) * MINUTE);

/** The viewer's time zone, such as `Europe/Copenhagen`. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'short' });

/** @param {string|number|Date} at */
export const exact = (at) => `${exactFormat.format(new Date(at))} (${zone})`;

/** @param {string|number|Date} at */
export const clock = (at) => clockFormat.format(new Date(at));

/**
 * How long ago, as lists show it: "now", "4 min", "3 h", "Tue", "12 Nov".
 * @param {string|number|Date} at
 * @param {number} [nowMs]
 */
export function ago(at, nowMs = Date.now()) {
  const then = new Date(at).getTime();
  const age = nowMs - then;
  if (age < MINUTE) return 'now';
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h`;
  if (age < 6 * DAY) return weekdayFormat.format(then);
  return shortDate(then, nowMs);
}

/** @param {number} at @param {number} nowMs */
function shortDate(at, nowMs) {
  const sameYear = new Date(at).getFullYear() === new Date(nowMs).getFullYear();
  return (sameYear ? dayFormat : yearFormat).format(at);
}

/**
 * A moment to come, or a recent one, as short as it can be said: "14:30", "tomorrow 09:00", "Mon 09:00", "12 Jan 09:00".
 * @param {string|number|Date} at
 * @param {number} [nowMs]
 */
export function moment(at, nowMs = Date.now()) {
  const then = new Date(at);
  const days = dayNumber(then) - dayNumber(new Date(nowMs));
  if (days === 0) return clock(then);
  if (days === 1) return `tomorrow ${clock(then)}`;
  if (days === -1) return `yesterday ${clock(then)}`;
  if (Math.abs(days) < 7) return `${weekdayFormat.format(then)} ${clock(then)}`;
  return `${shortDate(then.getTime(), nowMs)} ${clock(then)}`;
}

/** Days since the epoch in the viewer's zone. @param {Date} d */
const dayNumber = (d) => Math.floor(Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / DAY);

/**
 * A length of time in two units at most: "45 s", "12 min", "2 h 05 min", "3 d 4 h".
 * @param {number} ms
 */
export function span(ms) {
  const t = Math.max(0, Math.round(ms / SECOND)) * SECOND;
  if (t < MINUTE) return `${t / SECOND} s`;
  if (t < HOUR) return `${Math.floor(t / MINUTE)} min`;
  if (t < DAY) return two(Math.floor(t / HOUR), 'h', Math.floor((t % HOUR) / MINUTE), 'min');
  return two(Math.floor(t / DAY), 'd', Math.floor((t % DAY) / HOUR), 'h');
}

/** @param {number} a @param {string} unitA @param {number} b @param {string} unitB */
const two = (a, unitA, b, unitB) => (b ? `${a} ${unitA} ${b} ${unitB}` : `${a} ${unitA}`);

/**
 * A countdown in tabular figures: "0:42", "12:05", "2:10 h", "3 d".
 * @param {number} ms
 */
export function countdown(ms) {
  const s = Math.max(0, Math.floor(ms / SECOND));
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
  if (s < 86_400) return `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} h`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/**
 * The snooze presets, in the viewer's zone.
 * @param {Date} [from]
 * @returns {{label: string, at: Date}[]}
 */
export function snoozePresets(from = new Date()) {
  const morning = (/** @type {number} */ days) =>
    new Date(from.getFullYear(), from.getMonth(), from.getDate() + days, 9, 0, 0, 0);
  const toMonday = (8 - from.getDay()) % 7 || 7;
  return [
    { label: '1 hour', at: new Date(from.getTime() + HOUR) },
    { label: '4 hours', at: new Date(from.getTime() + 4 * HOUR) },
    { label: 'Tomorrow 09:00', at: morning(1) },
    { label: 'Next Monday 09:00', at: morning(toMonday) },
  ];
}

/** A date as `<input type="datetime-local">` has it, in the viewer's zone. @param {Date} d */
export function localInput(d) {
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
}
