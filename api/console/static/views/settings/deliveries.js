/** The delivery log of a webhook, and one delivery with all its attempts. */
import { html, useRef, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { to } from '../../lib/router.js';
import { exact, moment, now } from '../../lib/time.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Ago, Badge, Code, Empty, Loaded } from '../../ui/parts.js';
import { EVENT_TYPES } from '../../vocabulary.js';
import { AttemptBody, Outcome } from './attempt.js';
import { attempt, Part, Table } from './section.js';

/**
 * @typedef {object} Delivery
 * @property {string} id @property {string} webhookId @property {string} eventId @property {string} event
 * @property {string|null} conversationId
 * @property {string} status
 * @property {number} attempts
 * @property {string|null} nextAttemptAt
 * @property {string|null} reason @property {string} createdAt @property {string|null} finishedAt
 * @property {import('./attempt.js').AttemptShape|null} lastAttempt
 * @property {import('./attempt.js').AttemptShape[]} [attemptLog] @property {any} [payload]
 */

/** @type {Record<string, string>} */
const TONES = { delivered: 'ok', failed: 'danger', pending: 'warn', sending: 'info', cancelled: 'plain' };

/** @param {{id: string}} props */
export function Deliveries({ id }) {
  const [filter, setFilter] = useState({ status: '', event: '' });
  const [pages, setPages] = useState(/** @type {Delivery[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  const [opened, setOpened] = useState(/** @type {string | null} */ (null));
  const path = `/v1/webhooks/${id}/deliveries`;
  const asked = useRef(0); // an answer counts only if nothing was asked for since
  const first = useResource([path, filter], async (signal) => {
    asked.current++;
    const page = await api.get(path, { ...filter, limit: 25 }, signal);
    setPages([]);
    setNext(page.nextCursor);
    return page.data;
  });
  const more = () =>
    attempt(async () => {
      const question = ++asked.current;
      const page = await api.get(path, { ...filter, limit: 50, cursor: next });
      if (question !== asked.current) return;
      setPages([...pages, ...page.data]);
      setNext(page.nextCursor);
    }, '');
  const set = (/** @type {'status'|'event'} */ name) => (/** @type {any} */ e) =>
    setFilter({ ...filter, [name]: e.target.value });
  return html`<${Part} title="Deliveries" action=${html`<div class="part-tools">
      <select aria-label="Status" value=${filter.status} onChange=${set('status')}><option value="">Any status</option>
        ${Object.keys(TONES).map((s) => html`<option key=${s} value=${s}>${s}</option>`)}</select>
      <select aria-label="Event" value=${filter.event} onChange=${set('event')}><option value="">Any event</option>
        ${EVENT_TYPES.map((e) => html`<option key=${e} value=${e}>${e}</option>`)}</select>
      <button type="button" class="icon-button" aria-label="Refresh" title="Refresh"
        onClick=${first.reload}><${Icon} name="refresh" /></button>
    </div>`}>
    <${Loaded} of=${first} what="The log could not be read."
      rows=${5}>${(/** @type {Delivery[]} */ page) =>
        page.length || next
          ? html`
      <${Table} label="Deliveries" head=${['Event', 'Status', 'Last answer', 'Attempts', 'When']}
        rows=${[...page, ...pages].map((d) => ({
          key: d.id,
          onOpen: () => setOpened(d.id),
          cells: [
            html`<code>${d.event}</code>`,
            html`<${Status} of=${d} />`,
            d.lastAttempt && html`<${Outcome} of=${d.lastAttempt} />`,
            html`<span class="figures">${d.attempts}</span>`,
            html`<${Ago} at=${d.createdAt} />`,
          ],
        }))} />
      ${next && html`<button type="button" onClick=${more}>Show more</button>`}`
          : html`<${Empty} text="No delivery matches." />`}<//>
    ${
      opened &&
      html`<${DeliveryDialog} path=${`${path}/${opened}`} onClose=${() => setOpened(null)}
      onChanged=${first.reload} />`
    }
  <//>`;
}

/** @param {{of: Delivery}} props */
function Status({ of: d }) {
  return html`<${Badge} tone=${TONES[d.status]}>${d.status}<//>${
    d.status === 'pending' &&
    d.nextAttemptAt &&
    html`
    <span class="muted small" title=${exact(d.nextAttemptAt)}> next ${moment(d.nextAttemptAt, now.value)}</span>`
  }`;
}

/** @param {{path: string, onClose: () => void, onChanged: () => void}} props */
function DeliveryDialog({ path, onClose, onChanged }) {
  const delivery = useResource(path, (signal) => api.get(path, undefined, signal));
  const redeliver = async (/** @type {Delivery} */ d) => {
    if (underWay(d)) return;
    if (!(await attempt(() => api.post(`${path}/redeliver`), 'On its way again.'))) return;
    await delivery.reload();
    onChanged();
  };
  return html`<${Dialog} title="Delivery" side wide onClose=${onClose}>
    <${Loaded} of=${delivery} what="The delivery could not be read.">${(/** @type {Delivery} */ d) => html`
      <section class="facts"><dl>
        <div><dt>Event</dt><dd><code>${d.event}</code></dd></div>
        <div><dt>Status</dt><dd><${Status} of=${d} />${d.reason && ` ${d.reason}`}</dd></div>
        <div><dt>webhook-id</dt><dd class="mono">${d.eventId}</dd></div>
        <div><dt>Delivery</dt><dd class="mono">${d.id}</dd></div>
        ${
          d.conversationId &&
          html`<div><dt>Conversation</dt><dd><a
          href=${to('inbox', d.conversationId)}>Open</a></dd></div>`
        }
        <div><dt>Happened</dt><dd>${exact(d.createdAt)}</dd></div>
      </dl></section>
      <div class="part-tools">
        ${
          may('webhooks:write') || may('webhooks:redeliver')
            ? html`<button type="button" aria-disabled=${underWay(d)}
          onClick=${() => redeliver(d)}><${Icon} name="refresh" />Redeliver</button>`
            : null
        }
        <button type="button" onClick=${delivery.reload}>Refresh</button>
      </div>
      <section class="facts"><h3>Attempts</h3>
        ${
          d.attemptLog?.length
            ? d.attemptLog.toReversed().map(
                (a) =>
                  html`<details key=${a.startedAt} class="attempt-line" open=${a === d.attemptLog?.at(-1)}>
          <summary><span class="figures">#${a.number}</span> <${Outcome} of=${a} /> <span
            class="muted">${a.durationMs} ms, <${Ago} at=${a.startedAt} /></span></summary>
          <${AttemptBody} of=${a} /></details>`,
              )
            : html`<p class="muted">None yet.</p>`
        }
      </section>
      ${
        d.payload
          ? html`
        <${Code} label="Payload" text=${JSON.stringify(d.payload, null, 2)} />
        <${Code} label="As curl, against a receiver of yours" text=${curl(d)} />`
          : html`<p class="muted">The event is older than what is kept.</p>`
      }`}<//>
  <//>`;
}

/** @param {Delivery} d */
const underWay = (d) => d.status === 'pending' || d.status === 'sending';

/** @param {Delivery} d */
function curl(d) {
  const body = JSON.stringify(d.payload).replaceAll("'", String.raw`'\''`);
  return `curl http://localhost:8080/ \\\n  -H 'Content-Type: application/json' \\\n  -H 'webhook-id: ${d.eventId}' \\\n  -d '${body}'`;
}
