/**
 * Dialogs, on the browser's own `<dialog>`: it keeps the focus inside, makes the rest inert, and gives the focus back to
 * where it was. What was typed into one, or is shown only there, is not lost by a slip: see {@link Dialog}.
 */
import { cx, html, signal, useEffect, useRef, useState } from '../lib/html.js';
import { useKeys } from '../lib/keys.js';
import { CopyButton } from './copy.js';
import { Icon } from './icons.js';
import { Notices } from './toast.js';

/**
 * @param {object} props
 * @param {string} props.title
 * @param {() => void} props.onClose
 * @param {any} props.children
 * @param {boolean} [props.wide]
 * @param {boolean} [props.side] a sheet at the side of the screen, for what is read beside its list
 * @param {{title: string, text: string, confirm: string}} [props.keeps] what is asked before it is closed by Escape or the
 *   cross, where something would be lost; once something was typed it is asked anyhow, and a click beside it does nothing
 */
export function Dialog({ title, onClose, children, wide, side, keeps }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const typed = useRef(false);
  const leave = async () => {
    const question = keeps ?? (typed.current ? DISCARD : null);
    if (!question || (await ask(question))) onClose();
  };
  useKeys({ Escape: leave }, { modal: true });
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    const start = side ? '.dialog-head button' : '.dialog-body :is(input, select, textarea, button, a)'; // one reads from the top
    const first = dialog?.querySelector('[autofocus]') ?? dialog?.querySelector(start);
    if (first instanceof HTMLElement) first.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return html`<dialog ref=${element} class=${cx('dialog', wide && 'wide', side && 'side')} aria-label=${title}
    onInput=${() => {
      typed.current = true;
    }}
    onCancel=${(/** @type {Event} */ e) => {
      if (e.target !== element.current) return; // a chooser of files says so, too
      e.preventDefault();
      leave();
    }}
    onClose=${() => element.current && onClose() /* a browser may skip asking when it is told to go back again */}
    onMouseDown=${(/** @type {MouseEvent} */ e) => {
      if (!beside(e)) return;
      if (!typed.current && !keeps) onClose();
      else e.preventDefault(); // the focus stays where one typed
    }}>
    <div class="dialog-box">
      <header class="dialog-head">
        <h2>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${leave}><${Icon} name="close"
          /></button>
      </header>
      <div class="dialog-body">${children}</div>
    </div>
    <${Notices} />
  </dialog>`;
}

const DISCARD = { title: 'Discard what you typed?', text: 'It has not been saved.', confirm: 'Discard', danger: true };

/** Whether it is the backdrop that is pressed, which is the dialog's own, as its blank parts are. @param {MouseEvent} e */
function beside({ target, currentTarget, clientX: x, clientY: y }) {
  if (target !== currentTarget || !(target instanceof HTMLDialogElement)) return false;
  const { left, right, top, bottom } = target.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {any} [content] what it is about, such as a message that would be sent
 * @property {string} confirm what the button says
 * @property {boolean} [danger]
 * @property {boolean} [careful] it comes unasked, perhaps while the agent types or is about to press something: the focus
 *   is on Cancel, and the other button waits for a moment
 */

/** @typedef {Question & {id: number, answer: (answer: boolean) => void}} Asked */

/** The questions that are open; the first is shown, and the others wait. */
const questions = signal(/** @type {Asked[]} */ ([]));
let last = 0;

/** How long a careful question is there before it can be agreed to, in ms. */
const CARE = 500;

/**
 * Asks before something that cannot be undone. A question that is open stays until it is answered.
 * @param {Question} what
 * @param {AbortSignal} [signal] takes the question back; the answer is no
 * @returns {Promise<boolean>}
 */
export function ask(what, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false);
    const asked = {
      ...what,
      id: ++last,
      answer: (/** @type {boolean} */ answer) => {
        questions.value = questions.peek().filter((q) => q !== asked);
        resolve(answer);
      },
    };
    questions.value = [...questions.peek(), asked];
    signal?.addEventListener('abort', () => asked.answer(false), { once: true });
  });
}

/** Where {@link ask} appears: each question in a dialog of its own, so that no key or click is meant for another. */
export function Questions() {
  const [q] = questions.value;
  return q ? html`<${QuestionDialog} key=${q.id} of=${q} />` : null;
}

/** @param {{of: Asked}} props */
function QuestionDialog({ of: q }) {
  const [ready, setReady] = useState(!q.careful);
  useEffect(() => {
    const timer = setTimeout(() => setReady(true), CARE);
    return () => clearTimeout(timer);
  }, []);
  return html`<${Dialog} title=${q.title} onClose=${() => q.answer(false)}>
    <p>${q.text}</p>
    ${q.content}
    <footer class="dialog-foot answers">
      <button type="button" autofocus=${q.careful} onClick=${() => q.answer(false)}>Cancel</button>
      <button type="button" class=${q.danger ? 'danger' : 'primary'} autofocus=${!q.careful} disabled=${!ready}
        onClick=${() => q.answer(true)}>
        ${q.confirm}
      </button>
    </footer>
  <//>`;
}

/**
 * Something that is shown this once, such as a new secret.
 * @param {{title: string, secret: string, note: string, onClose: () => void}} props
 */
export function SecretDialog({ title, secret, note, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose} keeps=${KEPT}>
    <p>${note}</p>
    <div class="secret"><code>${secret}</code></div>
    <footer class="dialog-foot">
      <${CopyButton} text=${secret} />
      <button type="button" class="primary" onClick=${onClose}>I have kept it</button>
    </footer>
  <//>`;
}

const KEPT = { title: 'Have you kept it?', text: 'It cannot be shown again.', confirm: 'I have kept it' };
