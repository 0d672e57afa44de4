/**
 * What is around every page: the rail, the bar that says when the server is out of reach, and the keys that work everywhere.
 */
import { isolated } from '../lib/text.js';
import { html, signal, useEffect, useState } from '../lib/html.js';
import { focusOn } from '../lib/focus.js';
import { online } from '../lib/api.js';
import { useKeys } from '../lib/keys.js';
import { connected, onStream } from '../lib/stream.js';
import { go, route, to } from '../lib/router.js';
import { chooseTheme, theme } from '../lib/theme.js';
import { loadDirectory } from '../store/directory.js';
import { may, me, session, signOut } from '../store/session.js';
import { Icon } from '../ui/icons.js';
import { Avatar } from '../ui/parts.js';
import { Picker } from '../ui/picker.js';
import { notify } from '../store/notices.js';
import { heard } from './docks/notices.js';
import { sheet } from './docks/sheet.js';
import { Help } from './help.js';
import { PasswordDialog } from './password.js';

const helping = signal(false);
const changingPassword = signal(false);

/** @param {{children: any}} props */
export function Shell({ children }) {
  useEffect(() => {
    loadDirectory();
    return onStream(announce);
  }, [session.value?.agent.id]);
  useKeys({
    '?': () => {
      helping.value = true;
    },
    'g i': () => go(to('inbox')),
    'g r': () => may('analytics:read') && go(to('reports')),
    'g s': () => go(to('settings')),
  });
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ e) => {
      e.preventDefault();
      focusOn(document.querySelector('.page main'));
    }}>Skip to the content</a>
    <${Offline} />
    <${Rail} />
    <div class="page">${children}</div>
    ${
      helping.value &&
      html`<${Help} onClose=${() => {
        helping.value = false;
      }} />`
    }
    ${
      changingPassword.value &&
      html`<${PasswordDialog} onClose=${() => {
        changingPassword.value = false;
      }} />`
    }
  </div>`;
}

/** Notices about what happened elsewhere. @param {import('../lib/stream.js').StreamEvent} event */
function announce(event) {
  if (event.type === 'dock_action') heard(event);
  if (event.type === 'webhook' && may('webhooks:read')) {
    notify({
      tone: 'warn',
      title: event.name ?? 'A webhook',
      text: event.message ?? 'needs attention.',
      stays: 10_000,
      action: { label: 'Look', run: () => go(to('settings', 'webhooks', event.id)) },
    });
  }
}

function Rail() {
  const [page] = route.value.path;
  const links = [
    { page: 'inbox', icon: 'inbox', label: 'Inbox', shown: may('conversations:read') },
    { page: 'reports', icon: 'chart', label: 'Reports', shown: may('analytics:read') },
    { page: 'settings', icon: 'settings', label: 'Settings', shown: may('conversations:read') },
  ];
  return html`<nav class="rail" aria-label="Main" inert=${sheet.value}>
    <a class="rail-logo" href=${to('inbox')} aria-label="Atender"><img src="/console/icon.svg" alt="" width="26"
      height="26" /></a>
    ${links
      .filter((l) => l.shown)
      .map(
        (l) => html`<a key=${l.page} class="rail-link" href=${to(l.page)}
      aria-current=${page === l.page ? 'page' : undefined}><${Icon} name=${l.icon} /><span>${l.label}</span></a>`,
      )}
    <span class="rail-space" />
    <button type="button" class="rail-link" title="Keyboard shortcuts (?)" onClick=${() => {
      helping.value = true;
    }}>
      <${Icon} name="help" /><span>Shortcuts</span></button>
    <${Account} />
  </nav>`;
}

function Account() {
  const choices = [
    ...['system', 'light', 'dark'].map((t) => ({
      value: t,
      label: { system: 'Theme of the system', light: 'Light', dark: 'Dark' }[/** @type {'dark'} */ (t)],
      chosen: theme.value === t,
    })),
    { value: 'password', label: 'Change password…' },
    { value: 'out', label: 'Sign out' },
  ];
  return html`<${Picker} label=${`${isolated(me.value?.name)}, ${isolated(session.value?.tenant?.name)}`} class="rail-link"
    choices=${choices}
    onChoose=${(/** @type {string} */ v) => {
      if (v === 'out') signOut().catch((error) => notify({ tone: 'danger', text: error.message }));
      else if (v === 'password')
        setTimeout(() => {
          changingPassword.value = true;
        });
      else chooseTheme(/** @type {any} */ (v));
    }}><${Avatar} name=${me.value?.name ?? ''} kind="ours" /><//>`;
}

/** Says so when the server has been out of reach for a moment; everything recovers by itself. */
function Offline() {
  const lost = !online.value || (!connected.value && may('conversations:read'));
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!lost) return setShown(false);
    const timer = setTimeout(() => setShown(true), 4000);
    return () => clearTimeout(timer);
  }, [lost]);
  if (!shown) return null;
  return html`<div class="offline" role="status"><${Icon} name="alert" />
    ${
      online.value
        ? 'No live updates: reconnecting. What you do still works.'
        : 'The server is out of reach. Drafts are kept; it goes on by itself.'
    }
  </div>`;
}
