/** One message. Text is shown as text; HTML as the page that the server makes of it. */
import { isolated, visible } from '../../lib/text.js';
import { cx, html, useMemo, useState } from '../../lib/html.js';
import { clock, exact, minute, moment } from '../../lib/time.js';
import { me } from '../../store/session.js';
import { Formatted } from '../../ui/formatted.js';
import { Icon } from '../../ui/icons.js';
import { Avatar } from '../../ui/parts.js';

/** @typedef {import('../../types.js').Message} MessageShape */

const KINDS = { inbound: 'customer', outbound: 'ours', note: 'note' };

/**
 * @param {object} props
 * @param {MessageShape} props.of
 * @param {import('../../types.js').Actor['via']} [props.via] what its author wrote it through, such as a dock
 * @param {import('../../types.js').Conversation} props.conversation
 * @param {boolean} props.follows
 */
export function Message({ of: m, via, conversation: c, follows }) {
  const name =
    m.author.id === me.value?.id
      ? `${isolated(m.author.name)} (me)`
      : visible(m.author.name || c.contact.name || 'Customer');
  const [formatted, setFormatted] = useState(!m.text && !!m.html);
  return html`<div class=${cx('message', KINDS[m.direction], follows && 'follows')}>
    ${
      !follows &&
      html`<div class="message-head">
      <${Avatar} name=${m.author.name || c.contact.name} kind=${KINDS[m.direction]} />
      <strong><bdi>${name}</bdi></strong>
      ${via && html`<span class="message-via">via <bdi>${visible(via.name)}</bdi></span>`}
      ${m.direction === 'note' && html`<span class="badge warn"><${Icon} name="note" />Internal note</span>`}
      ${m.automated && html`<span class="badge">Automatic</span>`}
      <time datetime=${m.createdAt} title=${exact(m.createdAt)}>${moment(m.createdAt, minute.value)}</time>
    </div>`
    }
    <div class="bubble" title=${follows ? clock(m.createdAt) : undefined}>
      ${
        formatted
          ? html`<${Formatted} source=${m.html ?? ''} title="Message as it was sent" src=${`/v1/conversations/${m.conversationId}/messages/${m.id}/html`} />`
          : html`<${Text} text=${m.text ?? ''} />`
      }
      ${
        m.html &&
        m.text &&
        html`<button type="button" class="link small" onClick=${() => setFormatted(!formatted)}>
        ${formatted ? 'Show as text' : 'Show as it was sent'}</button>`
      }
    </div>
  </div>`;
}

/** Text with its addresses as links. @param {{text: string}} props */
function Text({ text }) {
  const parts = useMemo(() => text.split(/(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?])/g), [text]);
  return html`<div class="text" dir="auto">${parts.map((part, i) =>
    i % 2 ? html`<a href=${part} target="_blank" rel="noopener noreferrer nofollow">${part}</a>` : part,
  )}</div>`;
}

/** Does what takes the button away; the focus stays with the messages. @param {() => void} action */
const after = (action) => (/** @type {MouseEvent} */ e) => {
  const button = /** @type {HTMLElement} */ (e.currentTarget);
  /** @type {HTMLElement | null} */ (button.closest('.thread'))?.focus({ preventScroll: true });
  action();
};

/**
 * A message on its way.
 * @param {{of: import('../../store/thread.js').Sending, thread: any}} props
 */
export function Outgoing({ of: m, thread }) {
  return html`<div class=${cx('message', KINDS[m.direction], 'outgoing', m.error && 'failed')}>
    <div class="message-head">
      <${Avatar} name=${me.value?.name ?? ''} kind=${KINDS[m.direction]} />
      <strong><bdi>${visible(me.value?.name)}</bdi> (me)</strong>
      <span class="muted">${m.error ? 'Not sent' : 'Sending…'}</span>
    </div>
    <div class="bubble"><${Text} text=${m.text} /></div>
    ${
      m.error &&
      html`<div class="message-error" role="alert">
      <span>${m.error.message}</span>
      <button type="button" class="link" onClick=${after(() => thread.retry(m))}>Try again</button>
      <button type="button" class="link" onClick=${after(() => thread.discard(m))}>Discard</button>
    </div>`
    }
  </div>`;
}
