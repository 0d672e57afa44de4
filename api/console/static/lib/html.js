/**
 * The view library in one place: Preact with htm templates, hooks and signals. Views import from here, so that a change
 * of version or library touches one file.
 *
 * Text reaches the page only as text nodes and attributes; nothing in the console sets inner HTML.
 */
import { h, render, Fragment, cloneElement, createRef, createPortal, toChildArray } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export { h, render, Fragment, cloneElement, createRef, createPortal, toChildArray };
export {
  useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useId, useErrorBoundary,
} from '../vendor/preact-hooks.js';
export {
  signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect,
} from '../vendor/signals.js';

/**
 * Class names from strings and conditions.
 * @param {...(string|false|null|undefined)} names
 * @returns {string}
 */
export const cx = (...names) => names.filter(Boolean).join(' ');
