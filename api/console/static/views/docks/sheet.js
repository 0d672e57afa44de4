/** Where there is no room beside the thread, the docks are a sheet over it, and what is below is out of reach. */
import { computed, signal } from '../../lib/html.js';
import { route } from '../../lib/router.js';
import { docksOpen } from '../../store/view.js';

/** As in `docks.css`. */
const narrow = matchMedia('(max-width: 1099px)');

const small = signal(narrow.matches);
narrow.addEventListener('change', () => { small.value = narrow.matches; });

/** Whether docks are shown, as a sheet. */
export const sheet = computed(() => small.value && docksOpen.value && route.value.path[0] === 'inbox'
  && !!route.value.path[1]);

/** Closes the docks if they are a sheet: they are asked for again beside another conversation. */
export function closeSheet() {
  if (small.peek()) docksOpen.value = false;
}
