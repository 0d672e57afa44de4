/** The thread: messages, and between them quiet lines that say what happened. */
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../lib/html.js';
import { Failed, Skeleton } from '../../ui/parts.js';
import { Entry } from './entry.js';
import { Message, Outgoing } from './message.js';

/** Nearer to the end than this, in px, the thread follows what is new. */
const NEAR = 120;

/** For how long after it has been read the thread is not read out as if it had just been written, in ms. */
const SETTLES = 500;

/**
 * @param {{of: import('../../types.js').Conversation, thread: ReturnType<typeof import('../../store/thread.js').openThread>}} props
 */
export function Thread({ of: c, thread }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const atEnd = useRef(true);
  const items = thread.items.value;
  const sending = thread.sending.value;
  const ready = thread.ready.value;
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    if (!ready) return undefined;
    const timer = setTimeout(() => setSettled(true), SETTLES);
    return () => clearTimeout(timer);
  }, [ready]);

  const toEnd = () => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(toEnd, [items, sending]);
  useEffect(() => {
    const observer = new ResizeObserver(toEnd);
    if (box.current) {
      observer.observe(box.current);
      if (box.current.firstElementChild) observer.observe(box.current.firstElementChild);
    }
    return () => observer.disconnect();
  }, []);

  return html`<div ref=${box} class="thread" tabindex="0" role="log" aria-label="Messages"
    aria-live=${settled ? 'polite' : 'off'} onScroll=${() => {
      const b = /** @type {HTMLDivElement} */ (box.current);
      atEnd.current = b.scrollHeight - b.scrollTop - b.clientHeight < NEAR;
    }}>
    <div class="thread-items">
      ${!ready && !thread.error.value && html`<div class="late"><${Skeleton} rows=${4} /></div>`}
      ${
        thread.error.value &&
        html`<${Failed} error=${thread.error.value} what="The thread could not be read."
        retry=${thread.load} />`
      }
      ${items.map((item, i) =>
        'message' in item
          ? html`<${Message} key=${item.key} of=${item.message} via=${item.via} conversation=${c}
            follows=${follows(items[i - 1], item)} />`
          : html`<${Entry} key=${item.key} of=${item.entry} conversation=${c} />`,
      )}
      ${sending.map((s) => html`<${Outgoing} key=${s.key} of=${s} thread=${thread} />`)}
    </div>
  </div>`;
}

/**
 * Whether a message continues the one before it: same author by the same means, same kind, within five minutes.
 * @param {import('../../store/thread.js').Item | undefined} before
 * @param {import('../../store/thread.js').MessageItem} item
 */
function follows(before, item) {
  if (!before || !('message' in before)) return false;
  const a = before.message;
  const b = item.message;
  return (
    a.direction === b.direction &&
    a.author.id === b.author.id &&
    a.author.name === b.author.name &&
    before.via?.id === item.via?.id &&
    Date.parse(b.createdAt) - Date.parse(a.createdAt) < 300_000
  );
}
