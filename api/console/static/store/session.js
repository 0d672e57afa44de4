/** Who is signed in, and what they may do. */
import { computed, signal } from '../lib/html.js';
import { api, ApiError, onSignedOut } from '../lib/api.js';
import { onLive, startLive, stopLive, tell } from '../lib/live.js';
import { documentOutdated } from '../lib/router.js';
import { forgetPerson } from '../lib/storage.js';

/**
 * @typedef {object} Session
 * @property {import('../types.js').Agent} agent
 * @property {{id: string, number: number, name: string, environment: string}} tenant
 * @property {string} role
 * @property {string[]} scopes
 * @property {string | null} temporalUiUrl for owners
 * @property {string} version
 */

/** Undefined until it is known, null when nobody is signed in. */
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

/** Reads the session, at the start and when it may have changed. */
export async function loadSession() {
  sessionError.value = null;
  try {
    session.value = await api.get('/console/session');
    startLive();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.value = null;
    else sessionError.value = error;
  }
}

/**
 * @param {{email: string, password: string, tenant?: number}} credentials
 * @throws {ApiError} 401 if they are not right, 429 after too many tries
 */
export async function signIn(credentials) {
  await api.post('/console/session', credentials, { once: false });
  await loadSession();
  tell({ type: 'signed-in' });
}

export async function signOut() {
  await api.del('/console/session');
  forgetPerson();
  tell({ type: 'signed-out' });
  left();
}

function left() {
  stopLive();
  session.value = null;
}

onSignedOut(() => {
  if (session.value) left();
});

onLive((event) => {
  if (event.type === 'signed-out') left();
  if (event.type === 'docks') documentOutdated();
  if (event.type === 'signed-in' || (event.type === 'resync' && session.value)) loadSession();
});
