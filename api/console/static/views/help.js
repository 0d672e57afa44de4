/** The keyboard shortcuts. */
import { html } from '../lib/html.js';
import { Dialog } from '../ui/dialog.js';

const KEYS = [
  [
    'Everywhere',
    [
      ['g i', 'Inbox'],
      ['g r', 'Reports'],
      ['g s', 'Settings'],
      ['?', 'These shortcuts'],
      ['Esc', 'Close, or go back'],
    ],
  ],
  [
    'List',
    [
      ['j  k', 'Next, previous'],
      ['Enter', 'Open'],
      ['u', 'Show updates'],
      ['/', 'Search'],
    ],
  ],
  [
    'Conversation',
    [
      ['r', 'Reply'],
      ['n', 'Note'],
      ['e', 'Resolve, or reopen'],
      ['z', 'Snooze'],
      ['a', 'Assign'],
      ['t', 'Tag'],
      ['i', 'Details'],
      ['d', 'Docks'],
    ],
  ],
  [
    'Composer',
    [
      ['Ctrl Enter', 'Send'],
      ['Ctrl Shift Enter', 'Send and resolve'],
      ['Esc', 'Leave the field; the draft stays'],
    ],
  ],
];

/** @param {{onClose: () => void}} props */
export function Help({ onClose }) {
  return html`<${Dialog} title="Keyboard shortcuts" wide onClose=${onClose}>
    <div class="keys">${KEYS.map(
      ([title, keys]) => html`<section key=${title}>
      <h3>${title}</h3>
      <dl>${
        /** @type {string[][]} */ (keys).map(
          ([key, meaning]) => html`<div key=${key}>
        <dt>${key
          .split(' ')
          .filter(Boolean)
          .map((k) => html`<kbd>${k}</kbd>`)}</dt><dd>${meaning}</dd></div>`,
        )
      }</dl>
    </section>`,
    )}</div>
  <//>`;
}
