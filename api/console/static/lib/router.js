/**
 * Where the console is: the page's path below `/console`, and its query. Links are ordinary links; a click on one is
 * taken over here, unless it wants a new tab or leads elsewhere.
 */
import { signal } from './html.js';
import { writing } from './api.js';

const BASE = '/console';

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/** @type {import('../vendor/signals.js').Signal<Route>} */
export const route = signal(read());

/** @returns {Route} */
function read() {
  const path = location.pathname.slice(BASE.length).split('/').filter(Boolean).map(decodeURIComponent);
  return { path, query: new URLSearchParams(location.search) };
}

/**
 * The address of a page.
 * @param {...(string|Record<string, string|undefined>|undefined)} parts path segments, and at the end possibly a query
 * @returns {string}
 */
export function to(...parts) {
  const query = new URLSearchParams();
  const segments = [];
  for (const part of parts) {
    if (typeof part === 'string') segments.push(encodeURIComponent(part));
    else for (const [k, v] of Object.entries(part ?? {})) if (v) query.set(k, v);
  }
  const search = query.toString();
  return [BASE, ...segments].join('/') + (search ? `?${search}` : '');
}

/**
 * @param {string} address made by {@link to}
 * @param {{replace?: boolean}} [options] replace the entry in the history rather than add one
 */
export function go(address, { replace = false } = {}) {
  if (address === location.pathname + location.search) return;
  if (outdated && !writing()) {
    location.assign(address);
    return;
  }
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  route.value = read();
}

let outdated = false;

/**
 * Has the next page loaded as a document, or the first one after what is being written now: which origins may be framed is
 * said once, with the document, and changes with the tenant's docks.
 */
export function documentOutdated() {
  outdated = true;
}

/** Follows links and the history's buttons from now on. */
export function startRouter() {
  window.addEventListener('popstate', () => {
    if (outdated && !writing()) location.reload();
    else route.value = read();
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
