/**
 * The client of the REST API. The console has no API of its own: it signs in with a cookie and calls `/v1` like any
 * other client. Errors come back as {@link ApiError}; the server's message is fit for people.
 */
import { signal } from './html.js';

/** False while the last call could not reach the server; the live connection sets it, too. */
export const online = signal(true);

window.addEventListener('offline', () => {
  online.value = false;
});
window.addEventListener('online', () => {
  online.value = true;
}); // the next call sees whether it is true

/** Called when the server no longer knows the session. Set by the session store. */
let signedOut = () => {};

/** @param {() => void} callback */
export function onSignedOut(callback) {
  signedOut = callback;
}

/** What the server, or the way to it, refused. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 if there was no answer
   * @param {string} code upper snake, from the contract; `OFFLINE` if there was no answer
   * @param {string} message one sentence for people
   * @param {any} [details]
   * @param {string} [requestId]
   */
  constructor(status, code, message, details, requestId) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.details = details ?? {};
    this.requestId = requestId;
  }

  /** Messages by field of a refused form. A field is a path such as `targets.first_reply`. */
  get fields() {
    return new Map((this.details.fields ?? []).map((/** @type {any} */ f) => [f.field, f.message]));
  }
}

/**
 * @typedef {object} Options
 * @property {any} [body] sent as JSON
 * @property {Record<string, any>} [query] null, undefined and '' are left out; a list is repeated
 * @property {number} [version] sent as `If-Match`; another version answers 412
 * @property {AbortSignal} [signal]
 * @property {boolean|string} [once] send an `Idempotency-Key`, this one if it is a string, and repeat the call once when
 *   its answer was lost
 */

/**
 * @param {string} path
 * @param {Record<string, any>} [query]
 */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== null && v !== undefined && v !== '') search.append(name, String(v));
    }
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** For how long a call waits by itself when there were too many; longer, and people had better know. */
const MAX_PATIENCE_SECONDS = 3;

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends the wait, too
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve(undefined);
      },
      { once: true },
    );
  });
}

let writes = 0;

/** Whether something is being written: a page that is left now may never hear whether it was. */
export const writing = () => writes > 0;

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>} the JSON answer, or null if there is none
 * @throws {ApiError}
 */
export async function call(method, path, options = {}) {
  const headers = /** @type {Record<string, string>} */ ({ Accept: 'application/json' });
  // What customers wrote does not stay in the browser's cache, and no answer is older than the question.
  const init = /** @type {RequestInit} */ ({
    method,
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: options.signal,
  });
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json'; // without it the server takes no write that a cookie vouches for
    init.body = options.body === undefined ? undefined : JSON.stringify(options.body);
  }
  if (options.version !== undefined) headers['If-Match'] = `"${options.version}"`;
  if (options.once) headers['Idempotency-Key'] = options.once === true ? newKey() : options.once;
  if (method !== 'GET') writes++;
  try {
    return await send(address(path, options.query), init);
  } catch (error) {
    // A call that came too early was not carried out, whatever it is: it is made again when the server says so, if that is
    // soon. Otherwise the message says when.
    if (
      error instanceof ApiError &&
      error.code === 'RATE_LIMITED' &&
      error.details.window &&
      error.details.retryAfter <= MAX_PATIENCE_SECONDS
    ) {
      await pause(error.details.retryAfter * 1_000, options.signal);
      return await send(address(path, options.query), init);
    }
    // A lost answer says nothing about whether the call was carried out; with its key it can be repeated without harm.
    if (!options.once || !(error instanceof ApiError) || ![0, 502, 503, 504].includes(error.status)) throw error;
    await pause(400);
    return await send(address(path, options.query), init);
  } finally {
    if (method !== 'GET') writes--;
  }
}

/** A fresh `Idempotency-Key`. `crypto.randomUUID` is only there on https and localhost. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} url
 * @param {RequestInit} init
 */
async function send(url, init) {
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    online.value = false;
    throw new ApiError(0, 'OFFLINE', 'The server could not be reached. Nothing you wrote is lost.');
  }
  online.value = true;
  if (response.status === 204 || response.status === 304) return null;
  const text = await response.text();
  const answer = parsed(text, response.headers.get('Content-Type'));
  if (response.ok) return answer;
  const { code, message, details } = answer?.error ?? {};
  if (response.status === 401 && code !== 'SIGN_IN_FAILED') signedOut();
  throw new ApiError(
    response.status,
    code ?? `HTTP_${response.status}`,
    message ? sentence(message) : `The server answered ${response.status}.`,
    details,
    answer?.requestId,
  );
}

/**
 * @param {string} text
 * @param {string | null} type
 */
function parsed(text, type) {
  if (!text || !type?.includes('json')) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The API's messages begin in lower case, as Go's do. @param {string} s */
function sentence(s) {
  const text = s.charAt(0).toUpperCase() + s.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export const api = {
  /** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
  get: (path, query, signal) => call('GET', path, { query, signal }),
  /** @param {string} path @param {any} [body] @param {Options} [options] */
  post: (path, body, options) => call('POST', path, { once: true, ...options, body }),
  /** @param {string} path @param {any} body @param {Options} [options] */
  patch: (path, body, options) => call('PATCH', path, { ...options, body }),
  /** @param {string} path @param {any} [body] */
  put: (path, body) => call('PUT', path, { body }),
  /** @param {string} path */
  del: (path) => call('DELETE', path),
};

/**
 * All pages of a list. For lists that are short by nature: tags, teams, agents, policies.
 * @param {string} path
 * @param {Record<string, any>} [query]
 * @returns {Promise<any[]>}
 */
export async function all(path, query = {}) {
  const rows = [];
  let cursor;
  do {
    const page = await api.get(path, { limit: 200, ...query, cursor });
    rows.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor && rows.length < 10_000);
  return rows;
}
