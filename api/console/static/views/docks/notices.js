/**
 * Notices about what docks do, one for each action. The host of a dock tells of its own, with what was done; the server
 * tells of all, whoever's they are and however late they were carried out.
 */
import { moment } from '../../lib/time.js';
import { go, route, to } from '../../lib/router.js';
import { nameOf } from '../../store/directory.js';
import { me } from '../../store/session.js';
import { notify } from '../../ui/toast.js';

/**
 * What an action does: to be done, and done.
 * @param {string} action @param {Record<string, any>} params @returns {{todo: string, done: string}}
 */
export function words(action, params) {
  const to = [params.agentId ? nameOf(params.agentId) : params.agentEmail,
    params.teamId ? nameOf(params.teamId) : params.teamName]
    .filter(Boolean).join(', ');
  const until = params.until ? moment(params.until) : 'later';
  switch (action) {
    case 'addTag': return { todo: `add the tag “${params.tag}”.`, done: `added tag ${params.tag}` };
    case 'assign': return { todo: `assign the conversation to ${to}.`, done: `assigned the conversation to ${to}` };
    case 'resolve': return { todo: 'resolve the conversation.', done: 'resolved the conversation' };
    case 'snooze': return { todo: `snooze the conversation until ${until}.`, done: `snoozed until ${until}` };
    case 'sendMessage': return { todo: 'send this message to the customer:', done: 'sent a message to the customer' };
    default: return { todo: `do ${action}.`, done: action };
  }
}

/** What an action was, where it is not known with what it was done. @type {Record<string, string>} */
const DONE = {
  addTag: 'added a tag', assign: 'assigned the conversation', resolve: 'resolved the conversation',
  snooze: 'snoozed the conversation', sendMessage: 'sent a message to the customer',
};

/** Ids of actions that were told of; the host and the server may come in either order. @type {Set<string>} */
const shown = new Set();

/** How many ids are remembered. */
const REMEMBERED = 200;

/** @param {string | undefined} id @returns {boolean} whether it is the first time */
function first(id) {
  if (!id) return true;
  if (shown.has(id)) return false;
  shown.add(id);
  if (shown.size > REMEMBERED) shown.delete(/** @type {string} */ (shown.values().next().value));
  return true;
}

/** @param {string | undefined} id @param {string | undefined} name */
const who = (id, name) => (id && id === me.peek()?.id ? 'You' : name ?? 'Somebody');

/** What the host of a dock tells (`/sdk/dock-host.js`). @param {any} notice */
export function announce(notice) {
  if (notice.type === 'text') return notify({ title: notice.dock.name, text: notice.text, stays: 8000 });
  if (notice.type === 'pending') {
    return notify({ tone: 'info', title: notice.dock.name, stays: 8000,
      text: `What it asked for waits for the server: ${words(notice.action, notice.params ?? {}).todo}` });
  }
  const text = `${who(notice.agent?.id, notice.agent?.name)} ${words(notice.action, notice.params ?? {}).done}.`;
  // The same key: it says more than what the server may have told before.
  first(notice.id);
  notify({ title: notice.dock.name, text, stays: 6000, key: notice.id });
}

/**
 * What the server tells: of the agent's own actions, and of others' in the conversation that is open. What was refused
 * is the dock's to show, which is told why; not so what was never carried out.
 * @param {import('../../lib/live.js').LiveEvent} event
 */
export function heard(event) {
  const own = event.agentId === me.peek()?.id;
  const [page, open] = route.peek().path;
  const here = page === 'inbox' && open === event.conversationId;
  if (!own && !here) return;
  const action = here ? undefined : { label: 'Look', run: () => go(to('inbox', event.conversationId)) };
  if (event.status === 'applied' && first(event.id)) {
    const text = `${who(event.agentId, nameOf(event.agentId))} ${DONE[event.action] ?? event.action}.`;
    notify({ title: event.dock, text, stays: 6000, key: event.id, action });
  }
  if (event.status === 'expired' && own && first(event.id)) {
    notify({ title: event.dock, tone: 'warn', stays: 10_000, action,
      text: 'What you asked for was not done: it could not be carried out in time.' });
  }
}
