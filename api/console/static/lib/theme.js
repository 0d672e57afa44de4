/** Light or dark: the system's choice unless the agent has another. */
import { signal } from './html.js';
import { onRemembered, recall, remember } from './storage.js';

/** @typedef {'system'|'light'|'dark'} Theme */

export const theme = signal(/** @type {Theme} */ (recall('theme', 'system')));

const systemDark = matchMedia('(prefers-color-scheme: dark)');

/** What is really shown; docks are told. */
export const shown = signal(/** @type {'light'|'dark'} */ ('light'));

export function applyTheme() {
  shown.value = theme.value === 'system' ? (systemDark.matches ? 'dark' : 'light') : theme.value;
  document.documentElement.dataset.theme = theme.value;
}

/** @param {Theme} value */
export function chooseTheme(value) {
  theme.value = value;
  remember('theme', value);
  applyTheme();
}

systemDark.addEventListener('change', applyTheme);
onRemembered((key, value) => {
  if (key !== 'theme') return;
  theme.value = value ?? 'system';
  applyTheme();
});
