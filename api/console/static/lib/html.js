/**
 * The view library in one place: Preact with htm templates, hooks and signals. Views import from here, so that a change
 * of version or library touches one file.
 *
 * Text reaches the page only as text nodes and attributes; nothing in the console sets inner HTML.
 */
import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export const html = htm.bind(h);
export { cloneElement, render, toChildArray } from '../vendor/preact.js';
export {
  useState,
  useEffect,
  useLayoutEffect,
  useRef,
  useMemo,
  useCallback,
  useId,
  useErrorBoundary,
} from '../vendor/preact-hooks.js';
export { batch, computed, effect, signal } from '../vendor/signals.js';

/**
 * Class names from strings and conditions.
 * @param {...(string|false|null|undefined)} names
 * @returns {string}
 */
export const cx = (...names) => names.filter(Boolean).join(' ');
