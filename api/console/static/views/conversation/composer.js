/** The composer at the foot of the thread. What is written survives a reload, and is the same in every tab. */
import { cx, html, signal, useEffect, useLayoutEffect, useRef, useState } from '../../lib/html.js';
import { onRemembered, recall, remember } from '../../lib/storage.js';
import { busy } from '../../store/actions.js';
import { Icon } from '../../ui/icons.js';

/** @typedef {'outbound'|'note'} Direction */
/** @typedef {{text: string, direction: Direction}} Draft */

/** Asks the composer on the page for the focus. */
const wanted = signal(/** @type {{direction: Direction} | null} */ (null));

/** @param {Direction} direction */
export function focusComposer(direction) {
  wanted.value = { direction };
}

/** @param {string} id @returns {[Draft, (draft: Draft) => void]} */
function useDraft(id) {
  const key = `draft.${id}`;
  const [draft, setDraft] = useState(() => recall(key, /** @type {Draft} */ ({ text: '', direction: 'outbound' })));
  useEffect(
    () =>
      onRemembered((changed, value) => {
        if (changed === key) setDraft(value ?? { text: '', direction: 'outbound' });
      }),
    [key],
  );
  return [
    draft,
    (next) => {
      setDraft(next);
      remember(key, next.text || next.direction === 'note' ? next : undefined);
    },
  ];
}

/** @param {{of: import('../../types.js').Conversation, thread: any}} props */
export function Composer({ of: c, thread }) {
  const [draft, setDraft] = useDraft(c.id);
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const archived = c.status === 'archived';
  const direction = archived ? 'note' : draft.direction;
  const note = direction === 'note';
  const empty = !draft.text.trim();
  const canResolve = !note && (c.status === 'active' || c.status === 'snoozed');

  useEffect(() => {
    if (!wanted.value) return;
    setDraft({ ...draft, direction: wanted.value.direction });
    wanted.value = null;
    field.current?.focus();
  }, [wanted.value]);
  useLayoutEffect(() => {
    const f = field.current;
    if (!f) return;
    f.style.height = 'auto';
    f.style.height = `${Math.min(f.scrollHeight + 2, innerHeight * 0.4)}px`;
  }, [draft.text, note]);

  const send = (/** @type {boolean} */ resolve) => {
    if (empty) return;
    const { text } = draft;
    setDraft({ text: '', direction: 'outbound' });
    thread.post(direction, text.trim(), resolve && canResolve);
    field.current?.focus();
  };

  return html`<form class=${cx('composer', note && 'as-note')} onSubmit=${(/** @type {Event} */ e) => {
    e.preventDefault();
    send(false);
  }}>
    <div class="composer-modes" role="group" aria-label="What is written">
      <button type="button" aria-pressed=${!note} disabled=${archived}
        onClick=${() => focusComposer('outbound')}>Reply</button>
      <button type="button" aria-pressed=${note} onClick=${() => focusComposer('note')}>Note</button>
      <span class="muted small composer-to">${
        archived
          ? 'Archived: only notes can be added'
          : note
            ? 'Only colleagues see it'
            : `To ${c.contact.name ?? c.contact.email ?? 'the customer'}`
      }</span>
    </div>
    <textarea ref=${field} rows="2" dir="auto" value=${draft.text} aria-label=${note ? 'Internal note' : 'Reply'}
      placeholder=${note ? 'Write a note…' : 'Write a reply…'} maxlength="262144"
      onInput=${(/** @type {any} */ e) => setDraft({ text: e.target.value, direction })}
      onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key !== 'Enter' || !(e.metaKey || e.ctrlKey)) return;
        e.preventDefault();
        send(e.shiftKey);
      }}></textarea>
    <div class="composer-foot">
      <span class="muted small wide-only">${empty ? 'Ctrl+Enter sends' : 'Draft kept'}</span>
      ${
        canResolve &&
        html`<button type="button" disabled=${empty} aria-disabled=${busy.value.has(c.id)}
        title="Ctrl+Shift+Enter" onClick=${() => !busy.value.has(c.id) && send(true)}>
        <${Icon} name="check" />Send and resolve</button>`
      }
      <button type="submit" class="primary" disabled=${empty} title="Ctrl+Enter">
        <${Icon} name=${note ? 'note' : 'send'} />${note ? 'Add note' : 'Send'}</button>
    </div>
  </form>`;
}
