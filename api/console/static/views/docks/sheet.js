/** Where there is no room beside the thread, the docks are a sheet over it, and what is below is out of reach. */
import { batch, computed, signal } from '../../lib/html.js';
import { route } from '../../lib/router.js';
import { recall } from '../../lib/storage.js';
import { docksOpen } from '../../store/view.js';

/** As in `docks.css`. */
const narrow = matchMedia('(max-width: 1099px)');

const small = signal(narrow.matches);
narrow.addEventListener('change', () => {
  // a sheet is asked for; a panel is there as the agent left it
  batch(() => {
    small.value = narrow.matches;
    docksOpen.value = !narrow.matches && recall('docks.open', true);
  });
});

/** Whether docks are shown, as a sheet. */
export const sheet = computed(
  () => small.value && docksOpen.value && route.value.path[0] === 'inbox' && !!route.value.path[1],
);

/** Closes the docks if they are a sheet: they are asked for again beside another conversation. */
export function closeSheet() {
  if (small.peek()) docksOpen.value = false;
}
