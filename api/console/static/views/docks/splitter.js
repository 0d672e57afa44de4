/** The line at the edge of the dock panel, with which it is made wider or narrower: by pointer or arrow keys. */
import { html, useState } from '../../lib/html.js';
import { recall, remember } from '../../lib/storage.js';

const LEAST = 280;
const MOST = 720;
const USUAL = 360;

/** @returns {[number, (width: number, done?: boolean) => void]} in px; done: it is remembered */
export function useWidth() {
  const [width, setWidth] = useState(() => within(recall('docks.width', USUAL)));
  return [
    width,
    (next, done = true) => {
      setWidth(within(next));
      if (done) remember('docks.width', within(next));
    },
  ];
}

/** @param {number} width */
const within = (width) => Math.round(Math.min(MOST, Math.max(LEAST, width)));

/** @param {{width: number, onWidth: (width: number, done?: boolean) => void}} props done: it is let go */
export function Splitter({ width, onWidth }) {
  const down = (/** @type {PointerEvent} */ e) => {
    const line = /** @type {HTMLElement} */ (e.currentTarget);
    const from = e.clientX;
    line.setPointerCapture(e.pointerId);
    document.body.classList.add('resizing'); // frames would take the pointer
    let moved = width;
    const move = (/** @type {PointerEvent} */ m) => {
      moved = width + from - m.clientX;
      onWidth(moved, false);
    };
    line.addEventListener('pointermove', move);
    line.addEventListener(
      'lostpointercapture',
      () => {
        line.removeEventListener('pointermove', move);
        document.body.classList.remove('resizing');
        if (moved !== width) onWidth(moved);
      },
      { once: true },
    );
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
