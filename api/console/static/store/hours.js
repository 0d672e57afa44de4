/**
 * When a clock that stands still goes on: at the next opening of the hours that the conversation goes by. The API says
 * of a clock that it is paused; until when follows from the opening hours.
 */
import { signal } from '../lib/html.js';
import { all, api } from '../lib/api.js';
import { may } from './session.js';

/** @typedef {{opens: string, closes: string}} Window */

/** Their next window by the id of opening hours; undefined while it is not known. */
const next = signal(/** @type {Record<string, Window | null | undefined>} */ ({}));

/** @type {Promise<{hours: any[], assignments: any[]}> | null} */
let rules = null;
const known = signal(/** @type {{hours: any[], assignments: any[]} | null} */ (null));

/** How long the rules are believed before they are read again, in ms. */
const FRESH = 300_000;

function loadRules() {
  if (rules || !may('opening-hours:read')) return;
  rules = Promise.all([all('/v1/opening-hours'), all('/v1/opening-hours-assignments')])
    .then(([hours, assignments]) => (known.value = { hours, assignments }));
  rules.catch(() => {});
  setTimeout(() => {
    rules = null;
    next.value = {};
  }, FRESH);
}

/** @type {Set<string>} */
const asked = new Set();

/** @param {string} id */
function loadNext(id) {
  if (asked.has(id)) return;
  asked.add(id);
  api.get(`/v1/opening-hours/${id}/preview`, { n: 1 })
    .then((preview) => {
      next.value = { ...next.peek(), [id]: preview.isOpen ? null : preview.windows[0] ?? null };
    })
    .catch(() => {})
    .finally(() => setTimeout(() => asked.delete(id), 10_000));
}

/**
 * The opening hours of a conversation: those assigned to team and channel, else to the team, else to the channel, else
 * the default.
 * @param {import('../types.js').Conversation} c
 */
function hoursOf(c) {
  const { hours, assignments } = /** @type {{hours: any[], assignments: any[]}} */ (known.value);
  let best = { score: 0, id: hours.find((h) => h.isDefault)?.id };
  for (const a of assignments) {
    const applies = (!a.teamId || a.teamId === c.teamId) && (!a.channel || a.channel === c.channel);
    const score = (a.teamId ? 2 : 0) + (a.channel ? 1 : 0);
    if (applies && score > best.score) best = { score, id: a.openingHoursId };
  }
  return best.id;
}

/**
 * When the conversation's paused clocks go on; null if nobody knows.
 * @param {import('../types.js').Conversation} c
 * @param {number} nowMs
 * @returns {string | null}
 */
export function resumesAt(c, nowMs) {
  loadRules();
  if (!known.value) return null;
  const id = hoursOf(c);
  const window = id ? next.value[id] : null;
  if (id && window === undefined) {
    queueMicrotask(() => loadNext(id));
    return null;
  }
  if (window && Date.parse(window.opens) > nowMs) return window.opens;
  if (id && window) queueMicrotask(() => loadNext(id)); // it has opened since
  return c.snoozedUntil; // it is open, so it is the snooze that the clocks wait for
}
