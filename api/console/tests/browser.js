/**
 * What the front end's modules find in a browser, as far as `lib/` and `store/` need it, so that they run in Node. A test
 * imports this first. Time stands still until {@link pass}; the server is {@link server}; other tabs are {@link otherTab}.
 */
import { mock } from 'node:test';

process.env.TZ = 'Europe/Copenhagen';

/** A Wednesday, 10:00 in Copenhagen. */
export const NOW = Date.parse('2026-05-06T08:00:00.000Z');

mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: NOW });

/** Lets everything happen that waits for nothing but its turn. */
export async function settle() {
  for (let i = 0; i < 20; i++) await new Promise((done) => setImmediate(done));
}

/** Lets time pass, in ms, and what was due happen. @param {number} ms */
export async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

/**
 * @typedef {object} Request
 * @property {string} method
 * @property {string} path
 * @property {URLSearchParams} query
 * @property {Record<string, string>} headers
 * @property {any} body
 *
 * @typedef {{status?: number, body?: unknown, lost?: boolean, later?: Promise<unknown>}} Answer lost: no answer comes;
 *   later: only then
 */

/** The server: what it answers by method and path, and what it was asked. */
export const server = {
  /** @type {Map<string, (request: Request) => Answer>} */
  routes: new Map(),
  /** @type {Request[]} */
  requests: [],
  /** @param {string} route such as `GET /v1/tags` @param {Answer | ((request: Request) => Answer)} answer */
  on(route, answer) {
    this.routes.set(route, typeof answer === 'function' ? answer : () => answer);
  },
  /** The requests for a route. @param {string} route */
  asked(route) {
    return this.requests.filter((r) => `${r.method} ${r.path}` === route);
  },
  /** Forgets routes and requests. */
  reset() {
    this.routes.clear();
    this.requests.length = 0;
  },
};

/** @param {string} url @param {RequestInit} init */
async function fetch(url, init) {
  const { pathname: path, searchParams: query } = new URL(url, 'https://support.example.com');
  const method = init.method ?? 'GET';
  const headers = /** @type {Record<string, string>} */ (init.headers ?? {});
  const request = { method, path, query, headers, body: init.body ? JSON.parse(String(init.body)) : undefined };
  server.requests.push(request);
  /** @type {Answer} */
  const answer =
    server.routes.get(`${method} ${path}`)?.(request) ?? failure(404, 'NOT_FOUND', 'there is no such thing');
  await answer.later;
  init.signal?.throwIfAborted();
  if (answer.lost) throw new TypeError('Failed to fetch');
  const status = answer.status ?? 200;
  if (status === 204) return new Response(null, { status });
  return new Response(JSON.stringify(answer.body), { status, headers: { 'Content-Type': 'application/json' } });
}

/** @param {number} status @param {string} code @param {string} message @param {Record<string, unknown>} [details] */
export const failure = (status, code, message, details) => ({
  status,
  body: { error: { code, message, details }, requestId: 'r1' },
});

/** A page of a list. @param {unknown[]} data @param {string | null} [nextCursor] */
export const page = (data, nextCursor = null) => ({ body: { data, nextCursor } });

/** @returns {{promise: Promise<void>, open: () => void}} a gate that something waits at */
export function gate() {
  let open = () => {};
  const promise = /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      open = resolve;
    })
  );
  return { promise, open };
}

/** What is kept is the storage's own, as in a browser, so that `Object.keys` lists it. */
class Storage {
  /** @param {string} key @returns {string | null} */
  getItem(key) {
    return Object.hasOwn(this, key) ? /** @type {Record<string, string>} */ (/** @type {unknown} */ (this))[key] : null;
  }
  /** @param {string} key @param {string} value */
  setItem(key, value) {
    Object.assign(this, { [key]: String(value) });
  }
  /** @param {string} key */
  removeItem(key) {
    Reflect.deleteProperty(this, key);
  }
  clear() {
    for (const key of Object.keys(this)) this.removeItem(key);
  }
}

/** The channels of this page. A message goes to the other tabs, not to the one that sends it. */
class Channel {
  /** @type {Channel[]} */
  static all = [];
  /** @type {any[]} */
  sent = [];
  onmessage = (/** @type {{data: any}} */ _) => {};
  constructor() {
    Channel.all.push(this);
  }
  /** @param {unknown} message */
  postMessage(message) {
    this.sent.push(structuredClone(message));
  }
}

/** Another tab of this browser. */
export const otherTab = {
  /** @param {{type: string, [more: string]: unknown}} event */
  says(event) {
    for (const channel of Channel.all) channel.onmessage({ data: structuredClone(event) });
  },
  /** What this tab has told it; it forgets it with that. */
  hears() {
    return Channel.all.flatMap((channel) => channel.sent.splice(0));
  },
  /** @param {string} key @param {unknown} value it stores; undefined: removes */
  stores(key, value) {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    const event = new Event('storage');
    dispatchEvent(Object.assign(event, { key, newValue: localStorage.getItem(key) }));
  },
};

/** The connections that this tab has made to the stream, the latest last. */
export class Source {
  static CLOSED = 2;
  /** @type {Source[]} */
  static all = [];
  static get latest() {
    return /** @type {Source} */ (Source.all.at(-1));
  }
  readyState = 0;
  onopen = () => {};
  onerror = () => {};
  onmessage = (/** @type {{data: string}} */ _) => {};
  /** @param {string} url */
  constructor(url) {
    this.url = url;
    Source.all.push(this);
  }
  opens() {
    this.readyState = 1;
    this.onopen();
  }
  /** @param {{type: string, [more: string]: unknown}} event */
  sends(event) {
    this.onmessage({ data: JSON.stringify(event) });
  }
  /** @param {boolean} forGood the browser does not try again */
  breaks(forGood) {
    this.readyState = forGood ? Source.CLOSED : 0;
    this.onerror();
  }
  close() {
    this.readyState = Source.CLOSED;
  }
}

/** The lock that the connection is held under: free, or another tab's. */
export const lock = {
  free: true,
  /** @type {(() => void)[]} */
  waiting: [],
  /** The other tab closes. */
  release() {
    this.free = true;
    for (const next of this.waiting.splice(0)) next();
  },
  /** @param {string} _name @param {{signal: AbortSignal}} options @param {() => Promise<void>} work */
  request(_name, { signal }, work) {
    return new Promise((resolve, reject) => {
      const begin = () => {
        lock.free = false;
        work().then(resolve, reject);
      };
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (lock.free) begin();
      else lock.waiting.push(begin);
    });
  },
};

/** Where the page is, and where it was sent: `reload`, `assign …`, `replace …`. */
export const place = {
  pathname: '/console',
  search: '',
  origin: 'https://support.example.com',
  went: /** @type {string[]} */ ([]),
};

/** @param {string} address */
function moveTo(address) {
  const { pathname, search } = new URL(address, place.origin);
  Object.assign(place, { pathname, search });
}

const windowEvents = new EventTarget();

/** @param {EventTarget} target @param {'addEventListener' | 'removeEventListener' | 'dispatchEvent'} name */
const method = (target, name) => target[name].bind(target);

/** @type {Record<string, unknown>} */
const globals = {
  window: globalThis,
  addEventListener: method(windowEvents, 'addEventListener'),
  removeEventListener: method(windowEvents, 'removeEventListener'),
  dispatchEvent: method(windowEvents, 'dispatchEvent'),
  document: Object.assign(new EventTarget(), {
    hidden: false,
    visibilityState: 'visible',
    documentElement: { dataset: {} },
  }),
  location: Object.assign(place, {
    reload: () => place.went.push('reload'),
    assign: (/** @type {string} */ to) => place.went.push(`assign ${to}`),
    replace: (/** @type {string} */ to) => place.went.push(`replace ${to}`),
  }),
  history: {
    pushState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ to) => moveTo(to),
    replaceState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ to) => moveTo(to),
  },
  navigator: { locks: lock },
  localStorage: new Storage(),
  sessionStorage: new Storage(),
  matchMedia: () => ({ matches: false, addEventListener: () => {} }),
  innerWidth: 1400,
  BroadcastChannel: Channel,
  EventSource: Source,
  fetch,
};
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
