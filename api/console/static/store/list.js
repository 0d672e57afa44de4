/**
 * The inbox list: the ids that match the filters, in order, as far as they were read. Live changes are sorted in where
 * they belong, but never while the agent works in the list: then they wait, and a button says how many. Under the pointer
 * no row moves. Who goes through the list by keys is on a row, not at a place: for them a row that matches no more goes at
 * once, and nothing moves or comes.
 */
import { batch, signal } from '../lib/html.js';
import { api } from '../lib/api.js';
import { keepListed, onBurst, onConversation, peek, take } from './conversations.js';
import { me } from './session.js';

/** @typedef {import('../types.js').Conversation} Conversation */

/**
 * @typedef {object} Filter
 * @property {string} status active, snoozed, done, archived or '' for every one
 * @property {string} assignee an agent's id, `me` or ''
 * @property {string} team
 * @property {string} channel
 * @property {string} tag
 * @property {string} sla a state, a metric of which a clock is breached and runs, `any` for such a clock of any metric, or ''
 * @property {string} turn pending, engaged or ''
 * @property {string} sort
 * @property {string} q
 */

/** Rows of the first page. */
const FIRST = 100;
/** Rows of those that follow, and of a list that is read anew: as many as the server gives. */
const PAGE = 200;

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
/**
 * The last row of the pages that were read, as it was then: what comes after it is on a page that was not.
 * @type {Conversation | null}
 */
let edge = null;
/** What is being read; fresh: from the beginning. @type {{fresh: boolean, abort: AbortController} | null} */
let running = null;
/** It has to be read from the beginning once more: so much has changed meanwhile. */
let again = false;
/** Whether it was a reading from the beginning that failed. */
let failedFresh = false;
/** Whether the pointer is over the list. */
let pointed = false;
/** Whether the agent goes through it by keys. */
let keyed = false;
/** So much changed while the order was held that the list must be read anew. */
let outdated = false;
let filling = false;
/** What has changed since a page was asked for, which may not know of it. @type {Set<string>} */
const arrived = new Set();
/** @type {Set<string>} */
const pending = new Set();

keepListed(
  () => ids.peek(),
  () => !!filter && !filter.q,
);

/** The states that the list can be narrowed to; what else `sla` has is about clocks that are breached and run. */
const STATES = new Set(['ok', 'at_risk', 'urgent', 'breached']);

/** @param {Filter} f */
function query(f) {
  return {
    status: f.status,
    channel: f.channel,
    teamId: f.team,
    tag: f.tag,
    slaState: STATES.has(f.sla) ? f.sla : '',
    breachedMetric: STATES.has(f.sla) ? '' : f.sla,
    engagement: f.turn,
    q: f.q,
    sort: f.sort,
    assigneeId: f.assignee === 'me' ? me.peek()?.id : f.assignee,
  };
}

/** Reads the list from its beginning. @param {Filter} f */
export async function show(f) {
  empty();
  keyed = false;
  filter = f;
  await read(true, FIRST);
}

/** Ends the list: it is not on the page any more, so no pointer keeps it still. */
export function hide() {
  empty();
  pointed = keyed = false;
}

function empty() {
  running?.abort.abort();
  running = null;
  filter = null;
  edge = null;
  cursor = null;
  again = outdated = false;
  pending.clear();
  batch(() => {
    waiting.value = 0;
    ids.value = [];
    complete.value = false;
    loading.value = false;
    listError.value = null;
  });
}

/** Reads the list anew, as far as it was read, without emptying it first. */
export async function refresh() {
  if (!filter) return;
  outdated = false;
  pending.clear();
  waiting.value = 0;
  if (running?.fresh) again = true;
  else await read(true, Math.max(ids.peek().length, FIRST));
}

/** Reads the next page. */
export async function more() {
  if (filter && !loading.peek() && !complete.peek()) await read(false, 1);
}

/** Reads what could not be read. */
export const retry = () => (failedFresh ? refresh() : more());

/**
 * Reads pages.
 * @param {boolean} fresh from the beginning; what was there is replaced
 * @param {number} rows at least so many, if there are
 * @returns {Promise<void>}
 */
async function read(fresh, rows) {
  running?.abort.abort();
  const abort = new AbortController();
  running = { fresh, abort };
  arrived.clear();
  loading.value = true;
  listError.value = null;
  const limit = fresh && rows <= FIRST ? FIRST : PAGE;
  const copies = /** @type {Conversation[]} */ ([]);
  let next = fresh ? null : cursor;
  try {
    do {
      const page = await api.get(
        '/v1/conversations',
        { ...query(/** @type {Filter} */ (filter)), limit, cursor: next },
        abort.signal,
      );
      if (abort.signal.aborted) return;
      copies.push(...page.data);
      next = page.nextCursor;
    } while (next && copies.length < rows);
  } catch (error) {
    if (!abort.signal.aborted) fail(error, fresh);
    return;
  }
  cursor = next;
  fill(copies, fresh);
  if (again) {
    again = false;
    await refresh();
  }
}

/** @param {any} error @param {boolean} fresh */
function fail(error, fresh) {
  running = null;
  failedFresh = fresh;
  again = false;
  batch(() => {
    listError.value = error;
    loading.value = false;
  });
}

/** Shows what was read. @param {Conversation[]} copies @param {boolean} fresh */
function fill(copies, fresh) {
  running = null;
  batch(() => {
    filling = true; // pages come in their order
    for (const c of copies) take(c);
    filling = false;
    loading.value = false;
    complete.value = cursor === null;
    edge = copies.at(-1) ?? (fresh ? null : edge);
    const rows = copies.map((c) => c.id);
    ids.value = withArrivals(fresh ? rows : [...new Set([...ids.peek(), ...rows])], new Set(rows), fresh);
  });
}

/**
 * The list with what has changed while it was read where it belongs now. What waits goes on waiting, unless it is in the
 * list no more.
 * @param {string[]} list @param {Set<string>} rows those just read @param {boolean} fresh
 */
function withArrivals(list, rows, fresh) {
  for (const id of arrived) {
    if (!fresh && !rows.has(id)) continue;
    const next = sortIn(list, id);
    if (fresh || !waits(next, id)) list = next;
  }
  return list;
}

/** Holds the order while the pointer is over the list. @param {boolean} hold */
export function hold(hold) {
  pointed = hold;
  release();
}

/** Holds the order while the agent goes through the list by keys. @param {boolean} hold */
export function holdByKeys(hold) {
  keyed = hold;
  release();
}

function release() {
  if (!pointed && !keyed) sortInPending();
}

/** Whether a change waits that makes this of the list. @param {string[]} next @param {string} id of what has changed */
const waits = (next, id) => pointed || (keyed && next.includes(id));

/** Sorts in what has been waiting. */
export function sortInPending() {
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
  const c = peek(id);
  const rest = list.filter((i) => i !== id);
  if (!c || !filter || !matches(c, filter, list)) return rest;
  const order = orders[filter.sort] ?? orders['-lastMessageAt'];
  const at = rest.findIndex((i) => {
    const other = peek(i);
    return other && order(c, other) < 0;
  });
  if (at >= 0) return [...rest.slice(0, at), id, ...rest.slice(at)];
  // After the edge it belongs to a page that was not read yet; one before it is on none that is to come.
  return complete.peek() || (edge && order(c, edge) <= 0) ? [...rest, id] : rest;
}

/** @type {Record<string, (a: Conversation, b: Conversation) => number>} */
const orders = {
  '-lastMessageAt': (a, b) => cmp(lastMessage(b), lastMessage(a)) || cmp(b.id, a.id),
  '-updatedAt': (a, b) => cmp(b.updatedAt, a.updatedAt) || cmp(b.id, a.id),
  createdAt: (a, b) => cmp(a.createdAt, b.createdAt) || cmp(a.id, b.id),
  slaDueAt: (a, b) => cmp(slaTurn(a), slaTurn(b)) || cmp(a.id, b.id),
};

/** @param {string} a @param {string} b */
const cmp = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** When the latest message came; without any, when the conversation began. @param {Conversation} c */
const lastMessage = (c) => c.lastMessageAt ?? c.createdAt;

/** Later than every time there is. */
const NEVER = '9';

/**
 * Where a conversation is in the order by what is due: first those with a breached clock that runs, the longest overdue on
 * top, then those with a tripwire ahead.
 * @param {Conversation} c
 */
function slaTurn(c) {
  const late = (c.sla?.metrics ?? []).filter(breachedOpen).map((m) => m.dueAt.breached ?? m.startedAt);
  return late.length ? `0 ${late.sort()[0]}` : `1 ${nextDue(c)}`;
}

/** @param {import('../types.js').SLAMetric} m */
const breachedOpen = (m) => !m.stoppedAt && m.state === 'breached';

/** @param {Conversation} c @param {string} sla of the filter */
function matchesSla(c, sla) {
  if (STATES.has(sla)) return c.sla?.state === sla;
  return !!c.sla?.metrics.some((m) => breachedOpen(m) && (sla === 'any' || m.metric === sla));
}

/**
 * The next tripwire that no clock of the conversation has passed; never, if there is none.
 * @param {Conversation} c
 */
function nextDue(c) {
  const passed = { ok: 0, at_risk: 1, urgent: 2, breached: 3 };
  let next = NEVER;
  for (const m of c.sla?.metrics ?? []) {
    if (m.stoppedAt) continue;
    const due = [m.dueAt.atRisk, m.dueAt.urgent, m.dueAt.breached][passed[m.state]];
    if (due && due < next) next = due;
  }
  return next;
}

/**
 * Whether the conversation is in the list. A search is the server's to judge; what is never due is in no list by that time.
 * @param {Conversation} c
 * @param {Filter} f
 * @param {string[]} list
 */
function matches(c, f, list) {
  const assignee = f.assignee === 'me' ? me.peek()?.id : f.assignee;
  return (
    (!f.status || c.status === f.status) &&
    (!f.channel || c.channel === f.channel) &&
    (!assignee || c.assigneeId === assignee) &&
    (!f.team || c.teamId === f.team) &&
    (!f.tag || c.tags.includes(f.tag)) &&
    (!f.turn || c.engagement === f.turn) &&
    (!f.sla || matchesSla(c, f.sla)) &&
    (!f.q || list.includes(c.id)) &&
    (f.sort !== 'slaDueAt' || slaTurn(c) !== `1 ${NEVER}`)
  );
}

onConversation((c) => {
  if (!filter || filling) return;
  if (running) arrived.add(c.id);
  const list = ids.peek();
  if (running && !list.length) return;
  const next = sortIn(list, c.id);
  if (next.length === list.length && next.every((id, i) => id === list[i])) {
    if (pending.delete(c.id)) waiting.value = pending.size;
    return;
  }
  if (waits(next, c.id)) {
    pending.add(c.id);
    waiting.value = pending.size;
  } else {
    if (pending.delete(c.id)) waiting.value = pending.size;
    ids.value = next;
  }
});

onBurst((changed) => {
  if (!pointed && !keyed) {
    refresh();
    return;
  }
  outdated = true;
  waiting.value = Math.max(waiting.peek(), changed.length, 1);
});
