/**
 * The focus, when what has it goes away. A browser gives it to the body then, and who goes by keyboard begins at the top of
 * the page again; here it goes to what comes next in the place that was changed. A view that knows better moves it itself.
 */

const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]';

/** What holds others together, and takes the focus if nothing in it can. */
const PLACES = 'dialog, main, aside, article, nav, section[aria-label]';

/** What has the focus, or had it until it was taken out. @type {HTMLElement | null} */
let held = null;

const lost = () => !document.activeElement || document.activeElement === document.body;

/** @param {Element} element */
export function canTake(element) {
  return (
    element instanceof HTMLElement &&
    element.tabIndex >= 0 &&
    !element.matches(':disabled, [inert] *') &&
    element.getClientRects().length > 0
  );
}

/**
 * Gives an element the focus, whether or not it is one that Tab goes to.
 * @param {Element | null | undefined} element
 */
export function focusOn(element) {
  if (!(element instanceof HTMLElement)) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/**
 * What is next in a place: what can take the focus after this point, or else before it, or else further out.
 * @param {Element} place
 * @param {Node | null} after null: from its beginning
 * @returns {Element | undefined}
 */
function nearest(place, after) {
  const all = [...place.querySelectorAll(FOCUSABLE)].filter(canTake);
  const next = all.find(
    (e) => !after || (after.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING && !after.contains(e)),
  );
  if (next || all.length) return next ?? all.at(-1);
  if (place.matches(PLACES)) return place;
  return place.parentElement && place !== document.body ? nearest(place.parentElement, place) : undefined;
}

/** @param {MutationRecord[]} changes */
function found(changes) {
  const gone = held;
  if (!gone || !lost()) return;
  const change = changes.find(
    ({ target, removedNodes }) => target.isConnected && [...removedNodes].some((n) => n.contains(gone)),
  );
  if (!change) return;
  if (gone.isConnected) return gone.focus({ preventScroll: true }); // it was only moved
  const { target, previousSibling } = change;
  const place = target instanceof Element ? target : document.body;
  focusOn(nearest(place, previousSibling?.isConnected ? previousSibling : null));
}

/** Keeps the focus on the page from now on. @param {Element} page */
export function keepFocus(page) {
  document.addEventListener('focusin', ({ target }) => {
    held = target instanceof HTMLElement ? target : null;
  });
  document.addEventListener('focusout', ({ target }) => {
    // A browser tells so of what it is about to take out, too: the change is seen before the timer.
    setTimeout(() => {
      if (held === target && document.activeElement !== target) held = null;
    });
  });
  new MutationObserver(found).observe(page, { childList: true, subtree: true });
}
