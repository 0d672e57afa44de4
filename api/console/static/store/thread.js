/**
 * The thread of one conversation: its messages, and what else happened, in one line of time. Lists come oldest first, so
 * news is found by reading the last page again.
 */
import { batch, computed, effect, signal } from '../lib/html.js';
import { api, newKey } from '../lib/api.js';
import { broadcast, onStream } from '../lib/stream.js';
import { onRemembered, recall, remember } from '../lib/storage.js';
import { conversation, keepFresh, read } from './conversations.js';
import { post } from './actions.js';

/** @typedef {import('../types.js').Message} Message */
/** @typedef {import('../types.js').TimelineEntry} TimelineEntry */

/**
 * A message on its way, or one that did not arrive.
 * @typedef {object} Sending
 * @property {string} key
 * @property {'outbound'|'note'} direction
 * @property {string} text
 * @property {boolean} resolve
 * @property {any} error
 * @property {string} createdAt
 */

/** Entries that say what a message beside them says. */
const SAID = new Set(['message_received', 'message_sent', 'note_added']);

const PAGE = 200;

/**
 * The messages of one conversation that are on their way.
 * @typedef {object} Outbox
 * @property {import('../vendor/signals.js').Signal<Sending[]>} sending
 * @property {() => Promise<void>} [load] reads what is new in the thread, while it is open
 */

/**
 * By conversation: messages go on when their thread is closed, and are there when it is opened again.
 * @type {Map<string, Outbox>}
 */
const outboxes = new Map();

/** What was not confirmed when the page was left is offered again; for a day its key keeps it from being sent twice. */
const LEFT = new Error('The page was left before it was confirmed.');

/** @param {string} id @returns {Sending[]} what the browser remembers as not confirmed */
const unsent = (id) => recall(`unsent.${id}`, []);

/**
 * Remembers a message until it is forgotten, or forgets it. Other tabs have theirs in the same place.
 * @param {string} id @param {string} key @param {Sending} [message]
 */
function keepUnsent(id, key, message) {
  const kept = unsent(id).filter((s) => s.key !== key);
  if (message) kept.push({ ...message, error: null });
  remember(`unsent.${id}`, kept.length ? kept : undefined);
}

/** @param {string} id @returns {Outbox} */
function outboxOf(id) {
  const outbox = outboxes.get(id) ?? { sending: signal(unsent(id).map((s) => ({ ...s, error: LEFT }))) };
  outboxes.set(id, outbox);
  return outbox;
}

/** @param {string} a @param {string} b */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * What a thread shows: a message, or an entry of the timeline.
 * @typedef {{at: string, key: string, message: Message, via: Via | undefined}} MessageItem
 * @typedef {{at: string, key: string, entry: TimelineEntry}} EntryItem
 * @typedef {MessageItem | EntryItem} Item
 * @typedef {TimelineEntry['actor']['via']} Via what it was written through
 * @typedef {ReturnType<typeof openThread>} Thread
 */

/** The beginning comes before the message that began it, at the same time. @param {Item} item */
const first = (item) => Number('entry' in item && item.entry.kind === 'created');

/** A list of the API that grows at its end. @param {string} path */
function tail(path) {
  /** @type {Map<string, any>} */
  const rows = new Map();
  let cursor = /** @type {string | undefined} */ (undefined);
  return {
    /** Reads what is new. @param {AbortSignal} abort */
    async read(abort) {
      for (;;) {
        const page = await api.get(path, { limit: PAGE, cursor }, abort);
        for (const row of page.data) rows.set(row.id, row);
        if (!page.nextCursor) return [...rows.values()];
        cursor = page.nextCursor;
      }
    },
  };
}

/**
 * Opens a thread and keeps it up to date until it is closed.
 * @param {string} id
 */
export function openThread(id) {
  const messages = signal(/** @type {Message[]} */ ([]));
  const timeline = signal(/** @type {TimelineEntry[]} */ ([]));
  /** What messages were written through, by their ids: the timeline knows. */
  const vias = signal(/** @type {Map<string, Via>} */ (new Map()));
  const outbox = outboxOf(id);
  outbox.load = load;
  const { sending } = outbox;
  const ready = signal(false);
  const error = signal(/** @type {any} */ (null));

  const messageTail = tail(`/v1/conversations/${id}/messages`);
  const timelineTail = tail(`/v1/conversations/${id}/timeline`);
  const closing = new AbortController();
  let reading = /** @type {Promise<void> | null} */ (null);
  let again = false;

  /** Reads what is new; a call while it reads makes it read once more. @returns {Promise<void>} */
  function load() {
    if (reading) {
      again = true;
      return reading;
    }
    reading = (async () => {
      do {
        again = false;
        const [m, t] = await Promise.all([messageTail.read(closing.signal), timelineTail.read(closing.signal)]);
        batch(() => {
          messages.value = m;
          timeline.value = t.filter((entry) => !SAID.has(entry.kind));
          vias.value = new Map(
            t
              .filter(({ kind, actor }) => SAID.has(kind) && actor.via && actor.type !== 'customer')
              .map((entry) => [entry.data.messageId, entry.actor.via]),
          );
          ready.value = true;
          error.value = null;
        });
      } while (again && !closing.signal.aborted);
    })()
      .catch((e) => {
        if (!closing.signal.aborted) error.value = e;
      })
      .finally(() => {
        reading = null;
      });
    return reading;
  }

  const release = keepFresh(id);
  read(id, closing.signal).catch((e) => {
    if (!closing.signal.aborted) error.value = e;
  });
  let version = -1;
  const stopWatching = effect(() => {
    const current = conversation(id).value?.version ?? 0;
    if (current === version) return;
    version = current;
    queueMicrotask(load);
  });
  const stopListening = onStream((event) => {
    // The stream tells of a note as of a conversation in which nothing else happened; a tab of this browser says it first.
    const note = event.type === 'note' || (event.type === 'conversation' && !event.events?.length);
    if (event.type === 'resync' || (note && event.id === id)) load();
  });
  const refocused = () => document.visibilityState === 'visible' && load();
  document.addEventListener('visibilitychange', refocused);

  /** What another tab has sent meanwhile is not offered here any more. */
  const stopRecalling = onRemembered((key) => {
    if (key !== `unsent.${id}`) return;
    const kept = new Set(unsent(id).map((s) => s.key));
    sending.value = sending.peek().filter((s) => s.error !== LEFT || kept.has(s.key));
  });

  /** Takes a message out of the thread. @param {Sending} message */
  function forget(message) {
    sending.value = sending.peek().filter((s) => s.key !== message.key);
    if (!outbox.load && !sending.peek().length) outboxes.delete(id);
  }

  /** @param {Sending} message */
  async function send(message) {
    try {
      await post(
        id,
        { direction: message.direction, text: message.text, ...(message.resolve && { resolve: true }) },
        message.key,
      );
      keepUnsent(id, message.key);
      if (message.direction === 'note') broadcast({ type: 'note', id });
      await outbox.load?.(); // of this thread, or of the one that was opened since
      forget(message);
      return true;
    } catch (e) {
      sending.value = sending.peek().map((s) => (s.key === message.key ? { ...s, error: e } : s));
      return false;
    }
  }

  return {
    id,
    messages,
    sending,
    ready,
    error,
    load,
    /** Messages and entries by time. */
    items: computed(() =>
      /** @type {Item[]} */ ([
        ...messages.value.map((m) => ({ at: m.createdAt, key: m.id, message: m, via: vias.value.get(m.id) })),
        ...timeline.value.map((t) => ({ at: t.createdAt, key: t.id, entry: t })),
      ]).sort((a, b) => compare(a.at, b.at) || first(b) - first(a) || compare(a.key, b.key)),
    ),
    /**
     * Shows the message at once and sends it.
     * @param {'outbound'|'note'} direction @param {string} text @param {boolean} resolve
     */
    post(direction, text, resolve) {
      const message = { key: newKey(), direction, text, resolve, error: null, createdAt: new Date().toISOString() };
      sending.value = [...sending.peek(), message];
      keepUnsent(id, message.key, message);
      return send(message);
    },
    /**
     * Sends a message again that did not arrive; if it did after all, it is not sent twice.
     * @param {Sending} message
     */
    retry(message) {
      sending.value = sending.peek().map((s) => (s.key === message.key ? { ...s, error: null } : s));
      return send(message);
    },
    /** Takes a message that did not arrive out of the thread. @param {Sending} message */
    discard(message) {
      keepUnsent(id, message.key);
      forget(message);
    },
    close() {
      closing.abort();
      release();
      stopWatching();
      stopListening();
      stopRecalling();
      if (outbox.load === load) outbox.load = undefined;
      if (!outbox.load && !sending.peek().length) outboxes.delete(id);
      document.removeEventListener('visibilitychange', refocused);
    },
  };
}
