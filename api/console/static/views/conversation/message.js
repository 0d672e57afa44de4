/**
 * One message. Text is shown as text; HTML that came from outside is shown by the server, cleaned, in a frame without
 * scripts and without an origin.
 */
import { cx, html, useMemo, useRef, useState } from '../../lib/html.js';
import { clock, exact, moment, now } from '../../lib/time.js';
import { me } from '../../store/session.js';
import { Icon } from '../../ui/icons.js';
import { Avatar } from '../../ui/parts.js';

/** @typedef {import('../../types.js').Message} MessageShape */

const KINDS = { inbound: 'customer', outbound: 'ours', note: 'note' };

/** @param {{of: MessageShape, conversation: import('../../types.js').Conversation, follows: boolean}} props */
export function Message({ of: m, conversation: c, follows }) {
  const name = m.author.id === me.value?.id ? `${m.author.name} (me)` : m.author.name || c.contact.name || 'Customer';
  const [formatted, setFormatted] = useState(!m.text && !!m.html);
  return html`<div class=${cx('message', KINDS[m.direction], follows && 'follows')}>
    ${!follows && html`<div class="message-head">
      <${Avatar} name=${m.author.name || c.contact.name} kind=${KINDS[m.direction]} />
      <strong>${name}</strong>
      ${m.direction === 'note' && html`<span class="badge warn"><${Icon} name="note" />Internal note</span>`}
      ${m.automated && html`<span class="badge">Automatic</span>`}
      <time datetime=${m.createdAt} title=${exact(m.createdAt)}>${moment(m.createdAt, now.value)}</time>
    </div>`}
    <div class="bubble" title=${follows ? clock(m.createdAt) : undefined}>
      ${formatted ? html`<${Formatted} of=${m} />` : html`<${Text} text=${m.text ?? ''} />`}
      ${m.html && m.text && html`<button type="button" class="link small" onClick=${() => setFormatted(!formatted)}>
        ${formatted ? 'Show as text' : 'Show as it was sent'}</button>`}
    </div>
  </div>`;
}

/** Text with its addresses as links. @param {{text: string}} props */
function Text({ text }) {
  const parts = useMemo(() => text.split(/(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?])/g), [text]);
  return html`<div class="text">${parts.map((part, i) => (i % 2
    ? html`<a href=${part} target="_blank" rel="noopener noreferrer nofollow">${part}</a>` : part))}</div>`;
}

/** As in the policy that the page is served with: links open in tabs of their own, and nothing else happens. */
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox';

/** @param {{of: MessageShape}} props */
function Formatted({ of: m }) {
  const [images, setImages] = useState(false);
  const [tall, setTall] = useState(false);
  const frame = useRef(/** @type {HTMLIFrameElement | null} */ (null));
  const remote = useMemo(() => /<img|background/i.test(m.html ?? ''), [m.html]);
  const length = (m.html ?? '').length;
  const source = `/v1/conversations/${m.conversationId}/messages/${m.id}/html${images ? '?images=1' : ''}`;
  return html`<div class="formatted">
    <iframe ref=${frame} class=${cx(tall ? 'tall' : length < 600 ? 'low' : '')} sandbox=${SANDBOX}
      referrerpolicy="no-referrer" loading="lazy" title="Message as it was sent" src=${source}></iframe>
    <div class="formatted-foot">
      ${remote && !images && html`<button type="button" class="link small" onClick=${() => setImages(true)}>
        Load remote images</button>`}
      <button type="button" class="link small" onClick=${() => setTall(!tall)}>${tall ? 'Smaller' : 'Larger'}</button>
    </div>
  </div>`;
}

/**
 * A message on its way.
 * @param {{of: import('../../store/thread.js').Sending, thread: any}} props
 */
export function Outgoing({ of: m, thread }) {
  return html`<div class=${cx('message', KINDS[m.direction], 'outgoing', m.error && 'failed')}>
    <div class="message-head">
      <${Avatar} name=${me.value?.name ?? ''} kind=${KINDS[m.direction]} />
      <strong>${me.value?.name} (me)</strong>
      <span class="muted">${m.error ? 'Not sent' : 'Sending…'}</span>
    </div>
    <div class="bubble"><${Text} text=${m.text} /></div>
    ${m.error && html`<div class="message-error" role="alert">
      <span>${m.error.message}</span>
      <button type="button" class="link" onClick=${() => thread.retry(m)}>Try again</button>
      <button type="button" class="link" onClick=${() => thread.discard(m)}>Discard</button>
    </div>`}
  </div>`;
}
