/** What of the inbox page is open; keys and buttons in several views change it. */
import { signal } from '../lib/html.js';
import { recall, remember } from '../lib/storage.js';

/** Which menu of the open conversation is shown. */
export const menu = signal(/** @type {'assign'|'team'|'tag'|'snooze'|'more'|'details'|null} */ (null));

/** Narrower than this, in px, the docks are a sheet over the thread, which begins closed. */
const DESK = 1100;

/** Whether the dock panel is shown. */
export const docksOpen = signal(recall('docks.open', true) && innerWidth >= DESK);

export function toggleDocks() {
  docksOpen.value = !docksOpen.peek();
  if (innerWidth >= DESK) remember('docks.open', docksOpen.value);
}
