/**
 * The inbox list: the ids that match the filters, in order, as far as they were read. Live changes are sorted in where
 * they belong, but never while the pointer is over the list: then they wait, and a button says how many.
 */
import { batch, signal } from '../lib/html.js';
import { api } from '../lib/api.js';
import { conversation, onBurst, onConversation, take } from './conversations.js';
import { me } from './session.js';

/** @typedef {import('../types.js').Conversation} Conversation */

/**
 * @typedef {object} Filter
 * @property {string} status active, snoozed, done, archived or '' for every one
 * @property {string} assignee an agent's id, `me` or ''
 * @property {string} team
 * @property {string} channel
 * @property {string} tag
 * @property {string} sla
 * @property {string} turn pending, engaged or ''
 * @property {string} sort
 * @property {string} q
 */

/** Rows of one page. */
const PAGE = 100;

export const ids = signal(/** @type {string[]} */ ([]));
export const complete = signal(false);
export const loading = signal(false);
export const listError = signal(/** @type {any} */ (null));
/** How many conversations wait to be sorted in. */
export const waiting = signal(0);

/** @type {Filter | null} */
let filter = null;
/** @type {string | null} */
let cursor = null;
/** @type {AbortController | null} */
let running = null;
let held = false;
/** So much changed while the order was held that the list must be read anew. */
let outdated = false;
/** @type {Set<string>} */
const pending = new Set();

/** @param {Filter} f */
function query(f) {
  return {
    status: f.status, channel: f.channel, teamId: f.team, tag: f.tag, slaState: f.sla, engagement: f.turn, q: f.q,
    sort: f.sort, assigneeId: f.assignee === 'me' ? me.peek()?.id : f.assignee, limit: PAGE,
  };
}

/** Reads the list from its beginning. @param {Filter} f */
export async function show(f) {
  filter = f;
  outdated = false;
  pending.clear();
  batch(() => {
    waiting.value = 0;
    ids.value = [];
    complete.value = false;
  });
  cursor = null;
  await more(true);
}

/** Reads the list anew without emptying it first. */
export async function refresh() {
  if (!filter) return;
  cursor = null;
  outdated = false;
  pending.clear();
  waiting.value = 0;
  await more(true);
}

/** Reads the next page. @param {boolean} [fresh] what was there is replaced */
export async function more(fresh = false) {
  if (!filter || (!fresh && (loading.peek() || complete.peek()))) return;
  running?.abort();
  const controller = new AbortController();
  running = controller;
  loading.value = true;
  listError.value = null;
  try {
    const page = await api.get('/v1/conversations', { ...query(filter), cursor }, controller.signal);
    if (controller.signal.aborted) return;
    batch(() => {
      for (const c of page.data) take(c);
      const rows = page.data.map((/** @type {Conversation} */ c) => c.id);
      ids.value = fresh ? rows : [...new Set([...ids.peek(), ...rows])];
      cursor = page.nextCursor;
      complete.value = cursor === null;
      loading.value = false;
    });
  } catch (error) {
    if (controller.signal.aborted) return;
    batch(() => {
      listError.value = error;
      loading.value = false;
    });
  }
}

/** Holds the order while the pointer is over the list. @param {boolean} hold */
export function hold(hold) {
  held = hold;
  if (!hold) settle();
}

/** Sorts in what has been waiting. */
export function settle() {
  if (outdated) refresh();
  if (outdated || !pending.size) return;
  const changed = [...pending];
  pending.clear();
  waiting.value = 0;
  let next = ids.peek();
  for (const id of changed) next = sortIn(next, id);
  ids.value = next;
}

/** @param {string[]} list @param {string} id */
function sortIn(list, id) {
  const c = conversation(id).peek();
  const rest = list.filter((i) => i !== id);
  if (!c || !filter || !matches(c, filter)) return rest;
  const order = orders[filter.sort] ?? orders['-updatedAt'];
  const at = rest.findIndex((i) => {
    const other = conversation(i).peek();
    return other && order(c, other) < 0;
  });
  if (at >= 0) return [...rest.slice(0, at), id, ...rest.slice(at)];
  return complete.peek() ? [...rest, id] : rest; // it belongs to a page that was not read yet
}

/** @type {Record<string, (a: Conversation, b: Conversation) => number>} */
const orders = {
  '-updatedAt': (a, b) => cmp(b.updatedAt, a.updatedAt) || cmp(b.id, a.id),
  createdAt: (a, b) => cmp(a.createdAt, b.createdAt) || cmp(a.id, b.id),
  slaDueAt: (a, b) => cmp(nextDue(a), nextDue(b)) || cmp(a.id, b.id),
};

/** @param {string} a @param {string} b */
const cmp = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The next tripwire that no clock of the conversation has passed; far away if there is none.
 * @param {Conversation} c
 */
export function nextDue(c) {
  const passed = { ok: 0, at_risk: 1, urgent: 2, breached: 3 };
  let next = '9';
  for (const m of c.sla?.metrics ?? []) {
    if (m.stoppedAt) continue;
    const due = [m.dueAt.atRisk, m.dueAt.urgent, m.dueAt.breached][passed[m.state]];
    if (due && due < next) next = due;
  }
  return next;
}

/**
 * Whether the conversation is in the list. A search is the server's to judge.
 * @param {Conversation} c
 * @param {Filter} f
 */
function matches(c, f) {
  const assignee = f.assignee === 'me' ? me.peek()?.id : f.assignee;
  return (!f.status || c.status === f.status) && (!f.channel || c.channel === f.channel)
    && (!assignee || c.assigneeId === assignee) && (!f.team || c.teamId === f.team)
    && (!f.tag || c.tags.includes(f.tag)) && (!f.turn || c.engagement === f.turn)
    && (!f.sla || c.sla?.state === f.sla) && (!f.q || ids.peek().includes(c.id));
}

onConversation((c) => {
  if (!filter || (loading.peek() && !ids.peek().length)) return;
  const list = ids.peek();
  const next = sortIn(list, c.id);
  if (next.length === list.length && next.every((id, i) => id === list[i])) {
    if (pending.delete(c.id)) waiting.value = pending.size;
    return;
  }
  if (held) {
    pending.add(c.id);
    waiting.value = pending.size;
  } else ids.value = next;
});

onBurst((changed) => {
  if (!held) {
    refresh();
    return;
  }
  outdated = true;
  waiting.value = Math.max(waiting.peek(), changed.length, 1);
});
