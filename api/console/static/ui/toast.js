/**
 * Notices at the foot of the page: what happened, and a way back where there is one. While a dialog is open the rest of the
 * page is inert, so that they are in the dialog then.
 */
import { visible } from '../lib/text.js';
import { html, signal, useLayoutEffect, useRef } from '../lib/html.js';
import { dismiss, holdAll, notices } from '../store/notices.js';
import { Icon } from './icons.js';

/** The places where notices can be: the page, and above it the dialogs that are open. */
const places = signal(/** @type {object[]} */ ([]));

/** A place for notices, which are in the uppermost one. It is there before them: what comes into it is read out. */
export function Notices() {
  const place = useRef({}).current;
  const before = useRef(/** @type {Element | null} */ (null));
  useLayoutEffect(() => {
    places.value = [...places.peek(), place];
    return () => {
      places.value = places.peek().filter((p) => p !== place);
      holdAll(false); // what had the pointer has gone
    };
  }, []);
  const shown = places.value.at(-1) === place ? notices.value : [];
  const away = (/** @type {number} */ id) => {
    dismiss(id);
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus();
  };
  return html`<div class="notices" role="status" aria-live="polite"
    onPointerEnter=${() => holdAll(true)} onPointerLeave=${() => holdAll(false)}
    onFocusIn=${(/** @type {FocusEvent} */ e) => {
      holdAll(true);
      if (!within(e)) before.current = /** @type {Element | null} */ (e.relatedTarget);
    }} onFocusOut=${(/** @type {FocusEvent} */ e) => {
      if (!within(e)) holdAll(false);
    }}>
    ${shown.map(
      (n) => html`
      <div key=${n.id} class=${`notice ${n.tone ?? 'plain'}`}>
        <div class="notice-text" dir="auto">${n.title && html`<strong><bdi>${visible(n.title)}</bdi></strong> `}${n.text}</div>
        ${
          n.action &&
          html`<button type="button" class="link" onClick=${() => {
            away(n.id);
            n.action?.run();
          }}>${n.action.label}</button>`
        }
        <button type="button" class="icon-button small" aria-label="Dismiss" onClick=${() => away(n.id)}>
          <${Icon} name="close" />
        </button>
      </div>`,
    )}
  </div>`;
}

/** Whether the focus only goes from one notice to another. @param {FocusEvent} e */
const within = ({ currentTarget, relatedTarget }) =>
  currentTarget instanceof Element && relatedTarget instanceof Node && currentTarget.contains(relatedTarget);
