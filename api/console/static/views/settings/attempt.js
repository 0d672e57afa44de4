/** One attempt, as it was: what was sent, what came back. */
import { html } from '../../lib/html.js';
import { Dialog } from '../../ui/dialog.js';
import { exact } from '../../lib/time.js';
import { Badge, Code } from '../../ui/parts.js';

/**
 * @typedef {object} AttemptShape
 * @property {number} number @property {string} startedAt @property {number} durationMs @property {number|null} status
 * @property {string} class @property {string|null} error @property {string|null} excerpt
 * @property {Record<string, string>} [requestHeaders]
 */

const CLASSES = {
  ok: 'Delivered',
  http_3xx: 'Redirected',
  http_4xx: 'Refused',
  http_5xx: 'Failed',
  timeout: 'Timed out',
  connect: 'No connection',
  dns: 'No usable address',
  tls: 'TLS failed',
  blocked: 'URL not allowed',
  reset: 'Broken off',
  protocol: 'Not HTTP',
  own_fault: 'Our fault',
};

/** @param {{of: AttemptShape}} props */
export function Outcome({ of: a }) {
  const tone = a.class === 'ok' ? 'ok' : a.class === 'own_fault' ? 'plain' : 'danger';
  return html`<${Badge} tone=${tone}>${a.status ?? CLASSES[/** @type {'ok'} */ (a.class)] ?? a.class}<//>`;
}

/** @param {{title: string, of: AttemptShape, onClose: () => void}} props */
export function Attempt({ title, of: a, onClose }) {
  return html`<${Dialog} title=${title} wide onClose=${onClose}><${AttemptBody} of=${a} /><//>`;
}

/** @param {{of: AttemptShape}} props */
export function AttemptBody({ of: a }) {
  return html`<div class="attempt">
    <p><${Outcome} of=${a} /> <strong>${CLASSES[/** @type {'ok'} */ (a.class)] ?? a.class}</strong>
      <span class="muted"> after ${a.durationMs.toLocaleString()} ms, ${exact(a.startedAt)}</span></p>
    ${a.error && html`<p>${a.error}</p>`}
    ${
      a.requestHeaders &&
      html`<${Code} label="Request headers"
      text=${Object.entries(a.requestHeaders)
        .map(([k, v]) => `${k}: ${v}`)
        .join('\n')} />`
    }
    ${a.excerpt && html`<${Code} label="Beginning of the answer" text=${a.excerpt} />`}
  </div>`;
}
