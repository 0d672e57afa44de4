/**
 * What an agent does to a conversation. What can be undone is shown at once and taken back if the server refuses; what
 * stops clocks and fires events is shown when it has happened.
 */
import { isolated } from '../lib/text.js';
import { signal } from '../lib/html.js';
import { api } from '../lib/api.js';
import { conversation, guess, take } from './conversations.js';
import { meetTag, nameOf } from './directory.js';
import { notify } from './notices.js';
import { moment } from '../lib/time.js';

/** @typedef {import('../types.js').Conversation} Conversation */

/** Ids of conversations with an action under way that is not shown before it is confirmed. */
export const busy = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** @param {string} id */
const path = (id) => `/v1/conversations/${id}`;

/**
 * @param {string} id
 * @param {((c: Conversation) => Partial<Conversation>) | null} expected what will be different; null to wait and see
 * @param {() => Promise<Conversation>} request
 * @param {string} failed what did not work, for the notice
 * @returns {Promise<boolean>} whether it worked
 */
async function act(id, expected, request, failed) {
  const known = expected ? guess(id, expected) : () => {};
  if (!expected) busy.value = new Set([...busy.peek(), id]);
  try {
    take(await request(), { share: true });
    return true;
  } catch (error) {
    notify({ tone: 'danger', text: `${failed} ${/** @type {Error} */ (error).message}` });
    return false;
  } finally {
    known();
    if (!expected) busy.value = new Set([...busy.peek()].filter((b) => b !== id));
  }
}

/**
 * @param {string} id
 * @param {{assigneeId?: string|null, teamId?: string|null}} to
 * @param {{undoable?: boolean}} [options]
 */
export async function assign(id, to, { undoable = true } = {}) {
  const before = conversation(id).peek();
  if (!before || Object.entries(to).every(([k, v]) => before[/** @type {'teamId'} */ (k)] === v)) return;
  const back = Object.fromEntries(Object.keys(to).map((k) => [k, before[/** @type {'teamId'} */ (k)]]));
  const done = await act(
    id,
    () => to,
    () => api.post(`${path(id)}/assign`, to),
    'It was not assigned.',
  );
  if (!done || !undoable) return;
  const who = to.assigneeId ? nameOf(to.assigneeId) : to.teamId ? nameOf(to.teamId) : null;
  notify({
    key: `assignment/${id}`,
    text: who ? `Assigned to ${isolated(who)}.` : 'Assignment taken away.',
    action: { label: 'Undo', run: () => assign(id, back, { undoable: false }) },
  });
}

/** @param {string} id @param {string} tag @param {{undoable?: boolean}} [options] */
export async function addTag(id, tag, { undoable = true } = {}) {
  const before = conversation(id).peek();
  if (!before || before.tags.includes(tag)) return;
  const done = await act(
    id,
    ({ tags }) => ({ tags: [...new Set([...tags, tag])].sort() }),
    () => api.put(`${path(id)}/tags/${encodeURIComponent(tag)}`),
    'The tag was not added.',
  );
  if (done) meetTag(tag);
  if (done && undoable) {
    notify({
      key: `tag/${id}/${tag}`,
      text: `Tag “${isolated(tag)}” added.`,
      action: { label: 'Undo', run: () => removeTag(id, tag, { undoable: false }) },
    });
  }
}

/** @param {string} id @param {string} tag @param {{undoable?: boolean}} [options] */
export async function removeTag(id, tag, { undoable = true } = {}) {
  const before = conversation(id).peek();
  if (!before?.tags.includes(tag)) return;
  const done = await act(
    id,
    ({ tags }) => ({ tags: tags.filter((t) => t !== tag) }),
    () => api.del(`${path(id)}/tags/${encodeURIComponent(tag)}`),
    'The tag was not removed.',
  );
  if (done && undoable) {
    notify({
      key: `tag/${id}/${tag}`,
      text: `Tag “${isolated(tag)}” removed.`,
      action: { label: 'Undo', run: () => addTag(id, tag, { undoable: false }) },
    });
  }
}

/**
 * Takes a step in the conversation's life, and says so in place of what was said of the step before.
 * @param {string} id
 * @param {string} step of the API
 * @param {string} text
 * @param {string} failed
 * @param {{body?: any, action?: import('./notices.js').Notice['action']}} [more] action: the way back, if there is one
 */
async function go(id, step, text, failed, { body, action } = {}) {
  const done = await act(id, null, () => api.post(`${path(id)}/${step}`, body), failed);
  if (done) notify({ key: `status/${id}`, text, action });
}

/** @param {string} id */
export const resolve = (id) =>
  go(id, 'resolve', 'Resolved.', 'It was not resolved.', { action: { label: 'Reopen', run: () => reopen(id) } });

/** @param {string} id */
export const reopen = (id) => go(id, 'reopen', 'Reopened.', 'It was not reopened.');

/** @param {string} id */
export const archive = (id) => go(id, 'archive', 'Archived.', 'It was not archived.');

/** @param {string} id */
export const unsnooze = (id) => go(id, 'unsnooze', 'Awake again.', 'It was not woken.');

/** @param {string} id @param {Date} until */
export const snooze = (id, until) =>
  go(id, 'snooze', `Snoozed until ${moment(until)}.`, 'It was not snoozed.', { body: { until: until.toISOString() } });

/**
 * Posts a reply or a note.
 * @param {string} id
 * @param {{direction: 'outbound'|'note', text: string, resolve?: boolean}} message
 * @param {string} key makes a repeated call the same call
 * @returns {Promise<import('../types.js').Message>}
 */
export async function post(id, message, key) {
  const answer = await api.post(`${path(id)}/messages`, message, { once: key });
  if (answer.conversation) take(answer.conversation, { share: true });
  return answer;
}
