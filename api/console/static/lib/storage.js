/**
 * What this browser remembers: view preferences, drafts, what was read. Private browsing and full disks make storage
 * throw; the console then works without memory.
 */
const PREFIX = 'atender.';

/**
 * @template T
 * @param {string} key
 * @param {T} otherwise what there is if nothing is stored, or it cannot be read
 * @returns {T}
 */
export function recall(key, otherwise) {
  try {
    const stored = localStorage.getItem(PREFIX + key);
    return stored === null ? otherwise : JSON.parse(stored);
  } catch {
    return otherwise;
  }
}

/** Nothing is stored any more: the page is about to go. */
let closed = false;

/**
 * @param {string} key
 * @param {unknown} value undefined forgets it
 */
export function remember(key, value) {
  if (closed) return;
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Without storage the value lives as long as the page.
  }
}

/**
 * Calls back when another tab stores something.
 * @param {(key: string, value: any) => void} listener
 * @returns {() => void} stops listening
 */
export function onRemembered(listener) {
  const heard = (/** @type {StorageEvent} */ event) => {
    if (!event.key?.startsWith(PREFIX)) return;
    let value;
    try {
      value = event.newValue === null ? undefined : JSON.parse(event.newValue);
    } catch {
      return;
    }
    listener(event.key.slice(PREFIX.length), value);
  };
  window.addEventListener('storage', heard);
  return () => window.removeEventListener('storage', heard);
}

/** Stores nothing from now on: what is still under way in a page that is about to go leaves no trace. */
export function closeStorage() {
  closed = true;
}

/** What belongs to the person who is signed in: drafts, messages not sent yet, what was read, which dock was open. */
const PERSONAL = /^(draft\.|unsent\.|seen$|docks\.active$|person$)/;

/** Forgets everything that belongs to the person who signed in here. */
export function forgetPerson() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && PERSONAL.test(key.slice(PREFIX.length))) localStorage.removeItem(key);
    }
  } catch {
    // Nothing was stored then.
  }
}

/**
 * Makes what is stored this person's: what another has left here is forgotten. A session that runs out does not take
 * along what its agent has written; it waits for the same agent.
 * @param {string} id the agent's
 */
export function storageOf(id) {
  if (recall('person', null) !== id) forgetPerson();
  remember('person', id);
}
