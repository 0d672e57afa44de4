/** Who is signed in, and what they may do. */
import { computed, signal } from '../lib/html.js';
import { api, ApiError, onSignedOut } from '../lib/api.js';
import { broadcast, onStream, startStream, stopStream } from '../lib/stream.js';
import { documentOutdated, to } from '../lib/router.js';
import { closeStorage, forgetPerson, storageOf } from '../lib/storage.js';

/**
 * @typedef {object} Session
 * @property {import('../types.js').Agent} agent
 * @property {{id: string, number: number, name: string, environment: string}} tenant
 * @property {string} role
 * @property {string[]} scopes
 * @property {string | null} temporalUiUrl for owners
 * @property {string} version
 * @property {string} eventsAfter
 */

/** Undefined until it is known, null without one. */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));

/** Why the session could not be read, if it could not. */
export const sessionError = signal(/** @type {any} */ (null));

export const me = computed(() => session.value?.agent ?? null);

/**
 * Whether the agent has a scope. `write` implies `read`. What is shown goes by it; what is allowed the server decides.
 * @param {string} scope such as `conversations:write`
 */
export function may(scope) {
  const scopes = session.value?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes('full_access') || scopes.includes(scope.replace(/:read$/, ':write'));
}

/** The page is being left: it belongs to no session any more. */
let gone = false;

/**
 * Reads the session, at the start and when it may have changed. A page is one person's: what it knows, and the policy it
 * was served with. For another person, or after a sign-in, it is loaded anew.
 */
export async function loadSession() {
  sessionError.value = null;
  try {
    const found = await api.get('/console/session');
    const before = session.peek();
    if (gone) return;
    if (before === null) return reload();
    if (before && before.agent.id !== found.agent.id) return leave();
    if (!before) {
      storageOf(found.agent.id);
      broadcast({ type: 'signed-in', agentId: found.agent.id });
    }
    session.value = found;
    if (may('conversations:read')) startStream(found.eventsAfter); // there is nothing to hear for others
  } catch (error) {
    if (gone) return;
    if (error instanceof ApiError && error.status === 401) session.value = null;
    else if (!session.peek()) sessionError.value = error;
  }
}

/**
 * @param {{email: string, password: string, tenant?: number}} credentials
 * @throws {ApiError} 401 if they are not right, 429 after too many tries
 */
export async function signIn(credentials) {
  await api.post('/console/session', credentials, { once: false });
  reload();
}

export async function signOut() {
  await api.del('/console/session');
  broadcast({ type: 'signed-out' });
  forgetPerson();
  leave();
}

/** Loads the page for the agent who is signed in now; the address stays. */
function reload() {
  gone = true;
  location.reload();
}

/** Leaves everything of the person who was signed in: what is on the page, what it knows, and where it is. */
function leave() {
  gone = true;
  stopStream();
  closeStorage();
  session.value = undefined; // which shows nothing
  location.replace(to());
}

onSignedOut(() => {
  if (!session.peek()) return;
  broadcast({ type: 'refused' }); // the other tabs see for themselves
  leave();
});

onStream((event) => {
  if (event.type === 'signed-out' && session.peek()) {
    forgetPerson();
    leave();
  }
  if (event.type === 'docks') documentOutdated();
  const other = event.type === 'signed-in' && event.agentId !== me.peek()?.id;
  if (other || (session.peek() && (event.type === 'refused' || event.type === 'resync'))) loadSession();
});

// The browser may bring back a page that was left, as it was.
window.addEventListener('pageshow', (event) => event.persisted && location.reload());
