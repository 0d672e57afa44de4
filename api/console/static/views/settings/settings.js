/** The settings: a list of pages, as far as the agent may see them, and the page. */
import { html, useEffect } from '../../lib/html.js';
import { route, to } from '../../lib/router.js';
import { may } from '../../store/session.js';
import { Icon } from '../../ui/icons.js';
import { Empty } from '../../ui/parts.js';
import { Agents } from './agents.js';
import { Channels } from './channels.js';
import { Docks } from './docks.js';
import { General } from './general.js';
import { Hours } from './hours.js';
import { Keys } from './keys.js';
import { Sla } from './sla.js';
import { Tags } from './tags.js';
import { Teams } from './teams.js';
import { Webhook } from './webhook.js';
import { Webhooks } from './webhooks.js';

const GROUPS = [
  [
    'Integrations',
    [
      { path: 'keys', icon: 'key', label: 'API keys', scope: 'settings:write', page: Keys },
      { path: 'webhooks', icon: 'hook', label: 'Webhooks', scope: 'webhooks:read', page: Webhooks, one: Webhook },
      { path: 'docks', icon: 'dock', label: 'Dashboard apps', scope: 'docks:read', page: Docks },
    ],
  ],
  [
    'Time',
    [
      { path: 'sla', icon: 'clock', label: 'SLA', scope: 'sla:read', page: Sla },
      { path: 'hours', icon: 'calendar', label: 'Opening hours', scope: 'opening-hours:read', page: Hours },
      { path: 'general', icon: 'settings', label: 'General', scope: 'settings:read', page: General },
    ],
  ],
  [
    'Desk',
    [
      { path: 'agents', icon: 'user', label: 'Agents', scope: 'users:read', page: Agents },
      { path: 'teams', icon: 'team', label: 'Teams', scope: 'teams:read', page: Teams },
      { path: 'tags', icon: 'tag', label: 'Tags', scope: 'tags:read', page: Tags },
      { path: 'channels', icon: 'inbox', label: 'Channels', scope: 'channels:read', page: Channels },
    ],
  ],
];

export function Settings() {
  const [, name, id] = route.value.path;
  const groups = GROUPS.map(([title, pages]) => ({
    title,
    pages: /** @type {any[]} */ (pages).filter((p) => may(p.scope)),
  })).filter((g) => g.pages.length);
  const all = groups.flatMap((g) => g.pages);
  const current = all.find((p) => p.path === name) ?? (name ? undefined : innerWidth > 760 ? all[0] : undefined);
  useEffect(() => {
    document.title = `${current?.label ?? 'Settings'} · Atender`;
  }, [current]);
  const Page = current && (id && current.one ? current.one : current.page);
  return html`<div class=${`settings ${current ? 'with-page' : ''}`}>
    <nav class="settings-nav" aria-label="Settings">
      <h1>Settings</h1>
      ${groups.map(
        (g) => html`<section key=${g.title}><h2>${g.title}</h2>
        ${g.pages.map(
          (p) => html`<a key=${p.path} href=${to('settings', p.path)}
          aria-current=${p === current ? 'page' : undefined}>
          <${Icon} name=${p.icon} />${p.label}</a>`,
        )}</section>`,
      )}
    </nav>
    <main id="main" class="settings-page">
      <a class="settings-back" href=${to('settings')}><${Icon} name="back" />Settings</a>
      ${
        Page
          ? html`<${Page} key=${current.path + (id ?? '')} id=${id} />`
          : name && html`<${Empty} text="There is no such page, or it is not for your role." />`
      }
    </main>
  </div>`;
}
