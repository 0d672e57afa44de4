/**
 * The icons: 16 px, drawn with the text's colour. They never stand for something alone; a label or a name goes with them.
 */
import { html } from '../lib/html.js';

const PATHS = {
  inbox:
    'M2.5 9.5h3l1 2h3l1-2h3M2.5 9.5 4.6 3.6a1 1 0 0 1 .9-.6h5a1 1 0 0 1 .9.6l2.1 5.9v3a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1z',
  chart: 'M2.5 13.5h11M4.5 11V7.5M8 11V3.5M11.5 11V6',
  settings: 'M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 3v3M6 10v3',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2',
  filter: 'M2.5 4h11M4.5 8h7M6.5 12h3',
  check: 'm3 8.5 3.2 3.2L13 4.8',
  clock: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3.2l2 1.3',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z',
  archive: 'M2.5 3.5h11v2.6h-11zM3.5 6.1v6.4h9V6.1M6.5 8.7h3',
  reopen: 'M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3',
  user: 'M8 8.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM3 13.5c.5-2.3 2.5-3.4 5-3.4s4.5 1.1 5 3.4',
  team: 'M6 8a2.2 2.2 0 1 0 0-4.4A2.2 2.2 0 0 0 6 8zM2 13c.4-2 2-3 4-3s3.6 1 4 3M10.5 4a2 2 0 0 1 0 3.9M11.5 10.2c1.4.3 2.3 1.3 2.6 2.8',
  tag: 'M2.5 7.7V3.5a1 1 0 0 1 1-1h4.2l5.6 5.6a1 1 0 0 1 0 1.4l-3.8 3.8a1 1 0 0 1-1.4 0zM5.5 5.5h.01',
  note: 'M3.5 2.5h9v7l-4 4h-5zM12.5 9.5h-4v4M6 5.5h4',
  send: 'M2.5 8 13.5 3l-4 10.5L7.5 9z',
  plus: 'M8 3v10M3 8h10',
  close: 'm4 4 8 8M12 4l-8 8',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  next: 'M6.5 3.5 11 8l-4.5 4.5',
  down: 'm4 6 4 4 4-4',
  dock: 'M2.5 3h11v10h-11zM9.5 3v10',
  refresh: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  link: 'M6.5 3.5h-3a1 1 0 0 0-1 1v8a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-3M9 2.5h4.5V7M13.5 2.5 7.5 8.5',
  key: 'M10.5 9a3.5 3.5 0 1 0-3.3-2.3L2.5 11.4v2.1h2.1v-1.6h1.6v-1.6L8 8.5A3.5 3.5 0 0 0 10.5 9zM11 5.4h.01',
  hook: 'M6.3 6.6a2.5 2.5 0 1 1 3.2-2.9M6.3 6.6 4.5 10M9.8 9.3a2.5 2.5 0 1 1-.6 4M9.5 3.7l2 3.6M4.5 12.3h5M4.5 12.3a2 2 0 1 1-2-2',
  calendar: 'M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2.5V5M10.5 2.5V5',
  alert: 'M8 2.8 14 13.2H2zM8 6.5v3M8 11.4h.01',
  help: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM6.3 6.5a1.7 1.7 0 1 1 2.3 1.6c-.4.2-.6.5-.6.9v.3M8 11.2h.01',
  trash: 'M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9',
  edit: 'm3 13 .6-2.8 7-7 2.2 2.2-7 7z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5 12 8l-7 4.5z',
  exit: 'M9.5 2.5h-6v11h6M7 8h6.5M11 5.5 13.5 8 11 10.5',
};

/** @param {{name: keyof typeof PATHS, label?: string}} props label: what it says to those who do not see it */
export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor"
    stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round"
    role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}>
    <path d=${PATHS[name]} />
  </svg>`;
}
