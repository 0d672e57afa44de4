/**
 * Notices about what docks do, one for each action. The host of a dock tells of its own, with what was done; the server
 * tells of all of them: those of other agents, and those that were carried out late.
 */
import { isolated, visible } from '../../lib/text.js';
import { moment } from '../../lib/time.js';
import { go, route, to } from '../../lib/router.js';
import { nameOf } from '../../store/directory.js';
import { me } from '../../store/session.js';
import { notify } from '../../store/notices.js';
import { DOCK_ACTION_KIND_DONE, DOCK_ACTION_KIND_HAPPENED, DOCK_ACTION_KIND_TODO } from '../../vocabulary.js';

/** @typedef {import('../../types.js').DockActionKind} DockActionKind */

/**
 * What an action does: to be done, and done.
 * @param {DockActionKind} action @param {Record<string, any>} params @returns {{todo: string, done: string}}
 */
export function words(action, params) {
  return {
    todo: filled(DOCK_ACTION_KIND_TODO[action] ?? `do ${isolated(action)}.`, params),
    done: filled(DOCK_ACTION_KIND_DONE[action] ?? action, params),
  };
}

/**
 * Words with parameters in the place of {…}: of several with | between them the one that is given, and of those with a
 * comma between them all. @param {string} template @param {Record<string, any>} params
 */
const filled = (template, params) =>
  template.replace(/\{([^}]*)\}/g, (_, names) =>
    names
      .split(', ')
      .map((/** @type {string} */ either) => either.split('|').find((name) => params[name]))
      .filter(Boolean)
      .map((/** @type {string} */ name) => shownAs(name, params[name]))
      .join(', '),
  );

/** A parameter as agents read it: ids by name, times as they write them. @param {string} name @param {any} value */
function shownAs(name, value) {
  if (/Id$/.test(name)) return isolated(nameOf(value));
  return name === 'until' ? moment(value) : isolated(value);
}

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
const who = (id, name) => (id && id === me.peek()?.id ? 'You' : isolated(name ?? 'Somebody'));

/** What the host of a dock tells (`/sdk/dock-host.js`). @param {any} notice */
export function announce(notice) {
  if (notice.type === 'text') return notify({ title: notice.dock.name, text: visible(notice.text), stays: 8000 });
  if (notice.type === 'pending') {
    return notify({
      tone: 'info',
      title: notice.dock.name,
      stays: 8000,
      text: `What it asked for waits for the server: ${words(notice.action, notice.params ?? {}).todo}`,
    });
  }
  const text = `${who(notice.agent?.id, notice.agent?.name)} ${words(notice.action, notice.params ?? {}).done}.`;
  // The same key: it says more than what the server may have told before.
  first(notice.id);
  notify({ title: notice.dock.name, text, stays: 6000, key: notice.id });
}

/**
 * What the server tells: of the agent's own actions, and of others' in the conversation that is open. What was refused
 * is the dock's to show, which is told why; not so what was never carried out.
 * @param {import('../../lib/stream.js').StreamEvent} event
 */
export function heard(event) {
  const own = event.agentId === me.peek()?.id;
  const [page, open] = route.peek().path;
  const here = page === 'inbox' && open === event.conversationId;
  if (!own && !here) return;
  const action = here ? undefined : { label: 'Look', run: () => go(to('inbox', event.conversationId)) };
  if (event.status === 'applied' && first(event.id)) {
    const text = `${who(event.agentId, nameOf(event.agentId))} ${DOCK_ACTION_KIND_HAPPENED[/** @type {DockActionKind} */ (event.action)] ?? event.action}.`;
    notify({ title: event.dock, text, stays: 6000, key: event.id, action });
  }
  if (event.status === 'expired' && own && first(event.id)) {
    notify({
      title: event.dock,
      tone: 'warn',
      stays: 10_000,
      action,
      text: 'What you asked for was not done: it could not be carried out in time.',
    });
  }
}
