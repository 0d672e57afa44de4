/**
 * A button that opens a list to choose from, with a field that narrows it: the combobox pattern. Used for assignee,
 * team, tags, snooze and filters.
 */
import { cx, html, useEffect, useId, useLayoutEffect, useRef, useState } from '../lib/html.js';
import { useKeys } from '../lib/keys.js';
import { Icon } from './icons.js';

/**
 * @typedef {object} Choice
 * @property {string} value
 * @property {string} label
 * @property {string} [hint] said after it, quietly
 * @property {boolean} [chosen]
 * @property {string} [icon]
 */

/**
 * @param {object} props
 * @param {any} props.children the button's content
 * @param {string} props.label what is chosen here, for those who do not see it
 * @param {Choice[]} props.choices
 * @param {(value: string) => void} props.onChoose
 * @param {(text: string) => void} [props.onCreate] offers to make what was typed
 * @param {boolean} [props.searchable]
 * @param {boolean} [props.open] opened from outside, such as by a key
 * @param {(open: boolean) => void} [props.onOpen]
 * @param {boolean} [props.stay] choosing does not close it
 * @param {'start'|'end'} [props.align]
 * @param {string} [props.class]
 * @param {boolean} [props.disabled]
 * @param {any} [props.foot]
 */
export function Picker(props) {
  const { children, label, disabled, align = 'start', foot } = props;
  const [ownOpen, setOwnOpen] = useState(false);
  const open = props.open ?? ownOpen;
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const setOpen = (/** @type {boolean} */ value, /** @type {boolean} */ focus = true) => {
    setOwnOpen(value);
    props.onOpen?.(value);
    if (!value && focus) button.current?.focus();
  };
  return html`<div class="picker">
    <button ref=${button} type="button" class=${props.class ?? 'quiet'} aria-haspopup="listbox" aria-expanded=${open}
      title=${label} aria-disabled=${!!disabled} onClick=${() => !disabled && setOpen(!open)}>
      <span class="hidden">${label} </span>${children}</button>
    ${
      open &&
      html`<${Options} ...${props} align=${align} foot=${foot} button=${button}
      close=${(/** @type {boolean} */ f) => setOpen(false, f)} />`
    }
  </div>`;
}

/** @param {any} props */
function Options({
  label,
  choices,
  onChoose,
  onCreate,
  searchable = choices.length > 7,
  stay,
  align,
  foot,
  button,
  close,
}) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const id = useId();
  useKeys({ Escape: () => close(true) }, { modal: true });
  useOutside(box, () => close(false));
  const place = () => {
    if (box.current && button.current) beside(box.current, button.current, align);
  };
  useLayoutEffect(() => {
    box.current?.showPopover(); // above everything, and cut by nothing
    place();
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector('input, [role=listbox]'))?.focus();
    addEventListener('resize', place);
    addEventListener('scroll', place, true);
    return () => {
      removeEventListener('resize', place);
      removeEventListener('scroll', place, true);
    };
  }, []);
  useLayoutEffect(place); // what is found changes its height, and what was chosen may move its button

  const wanted = text.trim().toLowerCase();
  /** @type {Choice[]} */
  const found = choices.filter((/** @type {Choice} */ c) => c.label.toLowerCase().includes(wanted));
  const create = onCreate && wanted && !choices.some((/** @type {Choice} */ c) => c.label.toLowerCase() === wanted);
  const count = found.length + (create ? 1 : 0);

  const choose = (/** @type {number} */ index) => {
    if (index < found.length) onChoose(found[index].value);
    else if (create) onCreate(text.trim());
    else return;
    if (!stay) close(true);
    setText('');
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ e) => {
    if (e.target instanceof Element && e.target.closest('.popover-foot')) return; // keys of its own
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: count - 1 };
    if (e.key in moves) {
      const next = count ? (moves[/** @type {'Home'} */ (e.key)] + count) % count : 0;
      setAt(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (e.key === 'Enter') choose(at);
    else return;
    e.preventDefault();
  };
  const onFocusOut = (/** @type {FocusEvent} */ { relatedTarget: next }) => {
    if (next instanceof Node && !box.current?.parentElement?.contains(next)) close(false);
  };

  return html`<div ref=${box} class="popover" popover="manual" tabindex="-1" onKeyDown=${onKeyDown}
    onFocusOut=${onFocusOut}>
    ${
      searchable &&
      html`<input class="popover-search" type="text" role="combobox" aria-expanded="true"
      aria-label=${label}
      aria-controls=${id} aria-activedescendant=${count ? `${id}-${at}` : undefined} placeholder=${label} value=${text}
      autocomplete="off" onInput=${(/** @type {any} */ e) => {
        setText(e.target.value);
        setAt(0);
      }} />`
    }
    <div id=${id} class="options" role="listbox" aria-label=${label} tabindex=${searchable ? -1 : 0}
      aria-activedescendant=${!searchable && count ? `${id}-${at}` : undefined}>
      ${found.map(
        (c, i) => html`<div key=${c.value} id=${`${id}-${i}`} role="option" aria-selected=${!!c.chosen}
        class=${cx('option', i === at && 'at')} onMouseMove=${() => setAt(i)} onClick=${() => choose(i)}>
        <span class="option-mark">${c.chosen && html`<${Icon} name="check" />`}</span>
        <span class="option-label">${c.label}</span>
        ${c.hint && html`<span class="muted small">${c.hint}</span>`}
      </div>`,
      )}
      ${
        create &&
        html`<div id=${`${id}-${found.length}`} role="option" aria-selected="false"
        class=${cx('option', at === found.length && 'at')} onMouseMove=${() => setAt(found.length)}
        onClick=${() => choose(found.length)}>
        <span class="option-mark"><${Icon} name="plus" /></span><span class="option-label">New: ${text.trim()}</span>
      </div>`
      }
      ${count === 0 && html`<div class="option none">Nothing found</div>`}
    </div>
    ${foot && html`<div class="popover-foot">${typeof foot === 'function' ? foot(() => close(true)) : foot}</div>`}
  </div>`;
}

/** What has the focus, within shadow roots as well: the console's frames are in some. */
function focused() {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at;
}

/**
 * Calls back when something outside is pressed, a frame included.
 * @param {{current: HTMLElement | null}} box
 * @param {() => void} outside
 */
export function useOutside(box, outside) {
  const callback = useRef(outside);
  callback.current = outside;
  useEffect(() => {
    const pressed = (/** @type {PointerEvent} */ e) => {
      const around = box.current?.parentElement ?? box.current;
      if (e.target instanceof Node && !around?.contains(e.target)) callback.current();
    };
    const left = () => focused() instanceof HTMLIFrameElement && callback.current();
    document.addEventListener('pointerdown', pressed, true);
    window.addEventListener('blur', left);
    return () => {
      document.removeEventListener('pointerdown', pressed, true);
      window.removeEventListener('blur', left);
    };
  }, []);
}

/** How near to the window's edge a popover comes, in px. */
const EDGE = 8;

/** How far it is from its button. */
const GAP = 4;

/**
 * Places a popover below its button, or above where there is more room, and within the window.
 * @param {HTMLElement} popover
 * @param {HTMLElement} button
 * @param {'start'|'end'} align which of their edges are in line
 */
function beside(popover, button, align) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const left = align === 'end' ? at.right - width : at.left;
  const below = innerHeight - EDGE - at.bottom - GAP;
  const top = height > below && at.top > innerHeight - at.bottom ? at.top - GAP - height : at.bottom + GAP;
  const within = (/** @type {number} */ x, /** @type {number} */ most) => Math.max(EDGE, Math.min(x, most - EDGE));
  popover.style.left = `${within(left, innerWidth - width)}px`;
  popover.style.top = `${within(top, innerHeight - height)}px`;
}
