/**
 * Keyboard shortcuts. A view says which keys it knows while it is shown; a key pressed in a field, or with a modifier,
 * belongs to the field or the browser, and so does one that the focused element is used with. Escape leaves the field, and
 * nothing else; in a menu or dialog it closes that. While a dialog is open only its own keys count.
 */
import { useLayoutEffect, useRef } from './html.js';

/** @typedef {Record<string, (event: KeyboardEvent) => void>} Bindings */

/** @type {{bindings: Bindings, modal: boolean}[]} */
const layers = [];

/** How long the second key of a pair such as `g i` may take, in ms. */
const PAIR = 1200;

let first = '';
let firstAt = 0;

/** @param {EventTarget | null} target */
function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/**
 * Whether a key is what the focused element is used with: Enter presses a button, arrows scroll. Rows of a list are gone
 * through by keys, so theirs are the list's.
 * @param {KeyboardEvent} event
 */
function taken({ target, key }) {
  if (!(target instanceof Element)) return false;
  if (key === 'Enter') return !!target.closest('a[href]:not(.row), button, summary');
  return key.startsWith('Arrow') && !!target.closest('[tabindex="0"]');
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
  const inField = typing(event.target);
  if (inField && event.key !== 'Escape') return;
  if (taken(event)) return;
  const pair = Date.now() - firstAt < PAIR ? `${first} ${event.key}` : '';
  first = event.key;
  firstAt = Date.now();
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    if (inField && !layer.modal) continue;
    const action = (pair && layer.bindings[pair]) || layer.bindings[event.key];
    if (action) {
      event.preventDefault();
      first = '';
      action(event);
      return;
    }
    if (layer.modal) return;
  }
  if (inField) /** @type {HTMLElement} */ (event.target).blur();
});

/**
 * Binds keys while the component is mounted.
 * @param {Bindings} bindings by `KeyboardEvent.key`, or two keys with a space between them
 * @param {{modal?: boolean, enabled?: boolean}} [options] modal: keys of views below do not count
 */
export function useKeys(bindings, { modal = false, enabled = true } = {}) {
  const current = useRef(bindings);
  current.current = bindings;
  useLayoutEffect(() => {
    // with the view, not a moment later: who is quick is heard
    if (!enabled) return undefined;
    const layer = {
      modal,
      bindings: new Proxy({}, { get: (_, key) => current.current[String(key)] }),
    };
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  }, [modal, enabled]);
}
