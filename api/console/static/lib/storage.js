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

/**
 * @param {string} key
 * @param {unknown} value undefined forgets it
 */
export function remember(key, value) {
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

/** Forgets everything that belongs to the person who signed in here: drafts and what they had read. */
export function forgetPerson() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(`${PREFIX}draft.`) || key === `${PREFIX}seen`) localStorage.removeItem(key);
    }
  } catch {
    // Nothing was stored then.
  }
}
