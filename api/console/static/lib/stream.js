/**
 * What happens elsewhere, as it happens. However many tabs are open, the browser holds one connection: the tab that has
 * the lock listens to the server and passes on what it receives. When that tab closes, the lock goes to another.
 */
import { signal } from './html.js';
import { online } from './api.js';

/** @typedef {{type: string, [key: string]: any}} StreamEvent */

/** Whether a tab of this browser is connected to the server. */
export const connected = signal(false);

/** Waits before connecting anew, in ms; the last one repeats. */
const WAITS = [500, 1000, 2000, 5000, 10_000];

const channel = new BroadcastChannel('atender.console');

/** @type {Set<(event: StreamEvent) => void>} */
const listeners = new Set();

/**
 * @param {(event: StreamEvent) => void} listener also gets `{type: 'resync'}` when something may have been missed, and
 *   `{type: 'refused'}` when the server has turned the connection down
 * @returns {() => void} stops listening
 */
export function onStream(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Tells the other tabs of this browser. @param {StreamEvent} event */
export function broadcast(event) {
  channel.postMessage(event);
}

/** @param {StreamEvent} event */
function receive(event) {
  if (event.type === 'connection') connected.value = event.connected;
  else if (event.type === 'connection?') leading && broadcast({ type: 'connection', connected: connected.value });
  else for (const listener of listeners) listener(event);
}

channel.onmessage = (message) => receive(message.data);

let leading = false;

/** @type {AbortController | null} */
let started = null;

/**
 * Listens until {@link stopStream}.
 * @param {string} after where the feed was at before anything that is shown was read
 */
export function startStream(after) {
  if (started) return;
  started = new AbortController();
  const { signal: stop } = started;
  broadcast({ type: 'connection?' });
  navigator.locks
    .request('atender.stream', { signal: stop }, () => lead(stop, after))
    .catch((error) => {
      if (error.name !== 'AbortError') throw error;
    });
}

/** Closes the connection, for when the agent signs out. */
export function stopStream() {
  started?.abort();
  started = null;
  connected.value = false;
}

/** @param {boolean} value */
function setConnected(value) {
  if (connected.value === value) return;
  connected.value = value;
  broadcast({ type: 'connection', connected: value });
}

/**
 * Holds the connection until it is told to stop. The browser reconnects by itself and says what it heard last; only
 * when the server refuses outright is a new connection made here, and all tabs read anew what they show.
 * @param {AbortSignal} stop
 * @param {string} after
 */
async function lead(stop, after) {
  leading = true;
  const follows = connected.peek(); // on a tab that has closed: what happened since then no tab was told
  for (let failures = 0; !stop.aborted; failures++) {
    const opened = await connect(stop, after, follows || failures > 0);
    setConnected(false);
    if (stop.aborted) break;
    if (opened) failures = 0;
    await pause(WAITS[Math.min(failures, WAITS.length - 1)], stop);
  }
  leading = false;
}

/**
 * @param {AbortSignal} stop
 * @param {string} after
 * @param {boolean} again it is not the browser's first connection
 * @returns {Promise<boolean>} whether it had been open
 */
function connect(stop, after, again) {
  return new Promise((resolve) => {
    // Where it was cut off the browser says by itself; until it is connected for the first time, the address does.
    const source = new EventSource(`/console/events${again ? '' : `?after=${encodeURIComponent(after)}`}`);
    let opened = false;
    const end = () => {
      stop.removeEventListener('abort', end);
      source.close();
      resolve(opened);
    };
    stop.addEventListener('abort', end, { once: true });
    source.onopen = () => {
      if (again && !opened) receiveAndBroadcast({ type: 'resync' });
      opened = true;
      online.value = true;
      setConnected(true);
    };
    source.onerror = () => {
      setConnected(false);
      if (source.readyState !== EventSource.CLOSED) return;
      receive({ type: 'refused' }); // the session may have ended
      end();
    };
    source.onmessage = (message) => {
      receiveAndBroadcast(JSON.parse(message.data));
    };
  });
}

/** @param {StreamEvent} event */
function receiveAndBroadcast(event) {
  receive(event);
  broadcast(event);
}

/** @param {number} ms @param {AbortSignal} stop @returns {Promise<void>} */
function pause(ms, stop) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener('online', done);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done, { once: true });
    window.addEventListener('online', done);
  });
}
