/**
 * The conversations this tab knows, one signal each, so that what shows one re-renders when it changes and nothing
 * else does. The version decides which of two copies is the newer, wherever it came from.
 */
import { computed, effect, signal } from '../lib/html.js';
import { api } from '../lib/api.js';
import { broadcast, onStream } from '../lib/stream.js';
import { recall, onRemembered, remember } from '../lib/storage.js';
import { now } from '../lib/time.js';
import { me } from './session.js';

/** @typedef {import('../types.js').Conversation} Conversation */
/** @typedef {import('../vendor/signals.js').Signal<Conversation | undefined>} Known */

/** The one that was used longest ago comes first. @type {Map<string, Known>} */
const known = new Map();

/** @type {Set<(conversation: Conversation, before: Conversation | undefined) => void>} */
const watchers = new Set();

/** How many conversations are kept that nothing shows. */
const KEPT = 5000;
/** With as many as this it is time to let some go. */
let most = KEPT;

/** The signal of a conversation; its value is undefined until it has been read. @param {string} id @returns {Known} */
export function conversation(id) {
  let s = known.get(id);
  if (s) known.delete(id);
  else {
    if (known.size >= most) makeRoom();
    s = signal(undefined);
  }
  known.set(id, s);
  return s;
}

/** What is known of a conversation now, for those who only compare. @param {string} id */
export const peek = (id) => known.get(id)?.peek();

/**
 * Lets those go that were not used for longest. What is shown stays, however much that is: those who show it hold its signals.
 */
function makeRoom() {
  const shown = new Set([...open.keys(), ...guesses.keys(), ...listed()]);
  let surplus = known.size - shown.size - (KEPT * 4) / 5;
  for (const id of known.keys()) {
    if (surplus <= 0) break;
    if (!shown.has(id) && known.delete(id)) surplus--;
  }
  most = known.size + KEPT / 5;
}

/** The ids that the list shows. @type {() => readonly string[]} */
let listed = () => [];
/** Whether the list may come to show a conversation that it does not show now. */
let listGrows = () => false;

/**
 * Says what the list shows: it is kept, and it is read again when it changes.
 * @param {() => readonly string[]} ids @param {() => boolean} grows
 */
export function keepListed(ids, grows) {
  listed = ids;
  listGrows = grows;
}

/** @param {(conversation: Conversation, before: Conversation | undefined) => void} watcher */
export function onConversation(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/**
 * Takes a copy that came from the server.
 * @param {Conversation} copy
 * @param {{share?: boolean}} [options] share: tell the other tabs
 */
export function take(copy, { share = false } = {}) {
  const s = conversation(copy.id);
  const before = guesses.get(copy.id)?.confirmed ?? s.peek();
  // Not older only: whether a clock is paused is of the time of the read, so that one of the same version can be fresher.
  if (!before || copy.version >= before.version) {
    // Its contact is read by itself when it changes, and may have been read since.
    const newer = before && before.contact.id === copy.contact.id && before.contact.updatedAt > copy.contact.updatedAt;
    show(s, newer ? { ...copy, contact: before.contact } : copy);
  }
  if (share) broadcast({ type: 'copy', conversation: copy });
}

/**
 * Shows what the server has confirmed, with what is guessed on top of it.
 * @param {Known} s @param {Conversation} confirmed
 */
function show(s, confirmed) {
  const before = s.peek();
  const guess = guesses.get(confirmed.id);
  if (guess) guess.confirmed = confirmed;
  s.value = guess ? guessed(guess) : confirmed;
  for (const watcher of watchers) watcher(s.value, before);
}

/** @typedef {(c: Conversation) => Partial<Conversation>} Change */

/**
 * Changes that are shown before the server has confirmed them, in their order, and what it has confirmed.
 * @type {Map<string, {confirmed: Conversation, changes: Change[]}>}
 */
const guesses = new Map();

/** @param {{confirmed: Conversation, changes: Change[]}} guess @returns {Conversation} */
function guessed({ confirmed, changes }) {
  const shown = { ...confirmed };
  for (const change of changes) Object.assign(shown, change(shown));
  return shown;
}

/**
 * Shows a change before the server has confirmed it.
 * @param {string} id
 * @param {Change} change may be asked more than once, and of a conversation that has it already
 * @returns {() => void} ends the guess, when the answer was taken or there is none: shows what the server has confirmed,
 *   with the other guesses on top of it
 */
export function guess(id, change) {
  const s = conversation(id);
  const before = s.peek();
  if (!before) return () => {};
  const guess = guesses.get(id) ?? { confirmed: before, changes: [] };
  guesses.set(id, guess);
  guess.changes.push(change);
  s.value = guessed(guess);
  return () => {
    guess.changes.splice(guess.changes.indexOf(change), 1);
    if (!guess.changes.length) guesses.delete(id);
    show(s, guess.confirmed);
  };
}

/** @param {string} id @param {AbortSignal} [abort] @returns {Promise<Conversation>} */
export async function read(id, abort) {
  const copy = await api.get(`/v1/conversations/${id}`, undefined, abort);
  take(copy);
  return copy;
}

/** Ids that changed elsewhere and are about to be read. @type {Set<string>} */
const stale = new Set();
/** Contacts that did. @type {Set<string>} */
const staleContacts = new Set();
let timer = 0;

/** Changes are gathered for this long before they are read, in ms. */
const GATHER = 80;

/** More changes than this at once, and lists are read anew instead. */
export const BURST = 25;

/** @type {Set<(ids: string[]) => void>} */
const burstWatchers = new Set();

/** Calls back when so much changed at once that a list should be read anew. @param {(ids: string[]) => void} watcher */
export function onBurst(watcher) {
  burstWatchers.add(watcher);
  return () => burstWatchers.delete(watcher);
}

function gather() {
  if (!timer) timer = window.setTimeout(readStale, GATHER);
}

function readStale() {
  timer = 0;
  const ids = [...stale];
  stale.clear();
  const grows = listGrows();
  const shown = new Set(grows ? [] : listed()); // what is not shown is not read
  const wanted = ids.filter((id) => grows || shown.has(id) || open.has(id));
  const burst = wanted.length > BURST;
  if (burst) for (const watcher of burstWatchers) watcher(wanted);
  for (const id of burst ? wanted.filter((i) => open.has(i)) : wanted) read(id).catch(() => {});
  const contacts = byContact(staleContacts);
  staleContacts.clear();
  if (contacts.size > BURST) return readAll();
  for (const [id, theirs] of contacts) readContact(id, theirs).catch(() => {});
}

/** The conversations of these contacts that are known. @param {Set<string>} ids @returns {Map<string, Known[]>} */
function byContact(ids) {
  const found = new Map();
  if (!ids.size) return found;
  for (const s of known.values()) {
    const id = s.peek()?.contact.id;
    if (id && ids.has(id)) found.set(id, [...(found.get(id) ?? []), s]);
  }
  return found;
}

/**
 * Reads a contact and shows it in its conversations, whose versions, one higher, come with what changes next in them.
 * @param {string} id @param {Known[]} conversations
 */
async function readContact(id, conversations) {
  const contact = await api.get(`/v1/contacts/${id}`);
  for (const s of conversations) {
    const shown = s.peek();
    const c = shown && (guesses.get(shown.id)?.confirmed ?? shown);
    if (c && c.contact.updatedAt < contact.updatedAt) show(s, { ...c, contact });
  }
}

/** Conversations that are open: they are kept, and read whatever else happens. */
const open = /** @type {Set<string>} */ (new Set());

/** @param {string} id */
export function keepFresh(id) {
  open.add(id);
  return () => open.delete(id);
}

/** Reads everything that is shown. */
function readAll() {
  for (const watcher of burstWatchers) watcher([]);
  for (const id of open) read(id).catch(() => {});
}

/** All consoles are told of an edit at once: this is within how long they read what it changed, in ms. */
const SPREAD = 1500;

onStream((event) => {
  if (event.type === 'copy') take(event.conversation);
  if (event.type === 'conversation') {
    if ((peek(event.id)?.version ?? -1) >= event.version) return;
    stale.add(event.id);
    gather();
  }
  if (event.type === 'contact') {
    staleContacts.add(event.id);
    gather();
  }
  if (event.type === 'resync') readAll();
  if (event.type === 'time') setTimeout(readAll, Math.random() * SPREAD); // deadlines have moved, without an event each
});

const loadedAt = now.peek();
/** Minutes since the page was loaded: consoles do not all read at once. */
const minutes = computed(() => Math.floor((now.value - loadedAt) / 60_000));

/** What only the passing of time changes, such as whether a clock stands still, no event tells. */
effect(() => {
  if (!minutes.value) return;
  for (const id of open) {
    if (peek(id)?.sla?.metrics.some((m) => !m.stoppedAt)) read(id).catch(() => {});
  }
});

/**
 * When the agent last looked at each conversation: its `lastMessageAt` then. Kept by the browser.
 * @type {import('../vendor/signals.js').Signal<Record<string, string>>}
 */
const seen = signal(/** @type {Record<string, string>} */ ({}));

effect(() => {
  // once it is known whose it is
  seen.value = me.value ? recall('seen', {}) : {};
});

onRemembered((key, value) => {
  if (key === 'seen' && value) seen.value = value;
});

/** Whether the customer wrote something that was not looked at yet. @param {Conversation} c */
export function isUnread(c) {
  return (
    c.engagement === 'pending' &&
    c.status !== 'archived' &&
    !!c.lastMessageAt &&
    (seen.value[c.id] ?? '') < c.lastMessageAt
  );
}

/** @param {Conversation} c */
export function markSeen(c) {
  if (!c.lastMessageAt || (seen.peek()[c.id] ?? '') >= c.lastMessageAt) return;
  const entries = Object.entries({ ...seen.peek(), [c.id]: c.lastMessageAt });
  entries.sort((a, b) => (a[1] < b[1] ? 1 : -1));
  seen.value = Object.fromEntries(entries.slice(0, 3000));
  remember('seen', seen.value);
}
