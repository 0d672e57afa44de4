/**
 * When a clock that stands still goes on: when the snooze is over that it waits for, if its policy waits for that, and
 * the opening hours that the conversation goes by are open, unless its policy counts day and night. The API says of a
 * clock that it is paused; until when follows from these.
 */
import { signal } from '../lib/html.js';
import { all, api } from '../lib/api.js';
import { onLive } from '../lib/live.js';
import { may } from './session.js';

/** @typedef {{hours: any[], assignments: any[], policies: any[]}} Rules */

/**
 * When opening hours are open, from a time on: null for never. By their id and the time, which is empty for now; undefined
 * while it is not known.
 */
const openings = signal(/** @type {Record<string, string | null | undefined>} */ ({}));

const known = signal(/** @type {Rules | null} */ (null));
/** @type {Promise<void> | null} */
let reading = null;

/** How long the rules are believed before they are read again, in ms. */
const FRESH = 300_000;

function loadRules() {
  if (reading || !may('opening-hours:read') || !may('sla:read')) return;
  reading = Promise.all([all('/v1/opening-hours'), all('/v1/opening-hours-assignments'), all('/v1/sla-policies')])
    .then(([hours, assignments, policies]) => { known.value = { hours, assignments, policies }; })
    .catch(() => {});
  setTimeout(forget, FRESH);
}

/** The rules may be others: they are read again when they are needed. */
function forget() {
  reading = null;
  asked.clear();
  openings.value = {};
}

/** @type {Set<string>} */
const asked = new Set();

/** @param {string} id @param {string} from */
function loadOpening(id, from) {
  const key = `${id} ${from}`;
  if (asked.has(key)) return;
  asked.add(key);
  api.get(`/v1/opening-hours/${id}/preview`, { n: 1, at: from })
    .then(({ isOpen, windows }) => {
      const opens = isOpen ? from || windows[0]?.opens : windows[0]?.opens;
      openings.value = { ...openings.peek(), [key]: opens ?? null };
    })
    .catch(() => {})
    .finally(() => setTimeout(() => asked.delete(key), 10_000));
}

/**
 * The opening hours of a conversation: those assigned to team and channel, else to the team, else to the channel, else
 * the default.
 * @param {import('../types.js').Conversation} c
 * @param {Rules} rules
 * @returns {string | undefined}
 */
function hoursOf(c, { hours, assignments }) {
  let best = { score: 0, id: hours.find((h) => h.isDefault)?.id };
  for (const a of assignments) {
    const applies = (!a.teamId || a.teamId === c.teamId) && (!a.channel || a.channel === c.channel);
    const score = (a.teamId ? 2 : 0) + (a.channel ? 1 : 0);
    if (applies && score > best.score) best = { score, id: a.openingHoursId };
  }
  return best.id;
}

/**
 * When a clock of a conversation that is paused goes on; null if it never does, or nobody knows.
 * @param {import('../types.js').Conversation} c
 * @param {import('../types.js').SLAMetric} m
 * @param {number} nowMs
 * @returns {string | null}
 */
export function resumesAt(c, m, nowMs) {
  loadRules();
  const policy = known.value?.policies.find((p) => p.id === m.policyId);
  if (!known.value || !policy) return null;
  const woken = c.status === 'snoozed' && policy.pauseWhileSnoozed && Date.parse(c.snoozedUntil ?? '') > nowMs
    ? c.snoozedUntil ?? '' : '';
  const id = policy.ignoreOfficeHours ? undefined : hoursOf(c, known.value);
  if (!id) return woken || null;
  const opens = openings.value[`${id} ${woken}`];
  // Not known yet, or it has opened since.
  if (opens === undefined || (opens && Date.parse(opens) <= nowMs)) queueMicrotask(() => loadOpening(id, woken));
  return opens && Date.parse(opens) > nowMs ? opens : null;
}

onLive((event) => {
  if (event.type === 'time' || event.type === 'resync') forget();
});
