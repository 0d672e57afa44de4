/** The line at the edge of the dock panel, with which it is made wider or narrower: by pointer or arrow keys. */
import { html, useState } from '../../lib/html.js';
import { recall, remember } from '../../lib/storage.js';

const LEAST = 280;
const MOST = 720;
const USUAL = 360;

/** @returns {[number, (width: number) => void]} in px, remembered */
export function useWidth() {
  const [width, setWidth] = useState(() => within(recall('docks.width', USUAL)));
  return [width, (next) => {
    setWidth(within(next));
    remember('docks.width', within(next));
  }];
}

/** @param {number} width */
const within = (width) => Math.round(Math.min(MOST, Math.max(LEAST, width)));

/** @param {{width: number, onWidth: (width: number) => void}} props */
export function Splitter({ width, onWidth }) {
  const down = (/** @type {PointerEvent} */ e) => {
    const line = /** @type {HTMLElement} */ (e.currentTarget);
    const from = e.clientX;
    line.setPointerCapture(e.pointerId);
    document.body.classList.add('resizing'); // frames would take the pointer
    const move = (/** @type {PointerEvent} */ m) => onWidth(width + from - m.clientX);
    line.addEventListener('pointermove', move);
    line.addEventListener('lostpointercapture', () => {
      line.removeEventListener('pointermove', move);
      document.body.classList.remove('resizing');
    }, { once: true });
  };
  const key = (/** @type {KeyboardEvent} */ e) => {
    const step = { ArrowLeft: 24, ArrowRight: -24 }[/** @type {'ArrowLeft'} */ (e.key)];
    if (!step) return;
    e.preventDefault();
    e.stopPropagation();
    onWidth(width + step);
  };
  return html`<div class="splitter" role="separator" aria-orientation="vertical" aria-label="Width of the docks"
    tabindex="0"
    aria-valuenow=${width} aria-valuemin=${LEAST} aria-valuemax=${MOST} onPointerDown=${down} onKeyDown=${key}
    onDblClick=${() => onWidth(USUAL)}></div>`;
}
