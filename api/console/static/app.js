/** The console's entry: chooses the page by session and address. */
import { html, render, useErrorBoundary } from './lib/html.js';
import { keepFocus } from './lib/focus.js';
import { reloadForNewFrames } from './lib/framing.js';
import { go, route, startRouter, to } from './lib/router.js';
import { applyTheme } from './lib/theme.js';
import { loadSession, may, session, sessionError } from './store/session.js';
import { Questions } from './ui/dialog.js';
import { Failed } from './ui/parts.js';
import { Notices } from './ui/toast.js';
import { Inbox } from './views/inbox/inbox.js';
import { Report } from './views/report/report.js';
import { Settings } from './views/settings/settings.js';
import { Shell } from './views/shell.js';
import { SignIn } from './views/signin.js';

function App() {
  const [crash, recover] = useErrorBoundary((error) => console.error(error));
  if (crash) {
    return html`<${Failed} error=${{ message: 'Nothing you wrote is lost.' }} what="This page has failed."
      retry=${recover} />`;
  }
  if (sessionError.value) {
    return html`<${Failed} error=${sessionError.value} what="The console could not start." retry=${loadSession} />`;
  }
  if (session.value === undefined) return null;
  return html`
    ${session.value ? html`<${Shell}><${Page} /><//>` : html`<${SignIn} />`}
    <${Questions} />
    <${Notices} />`;
}

function Page() {
  const [page] = route.value.path;
  if (page === 'settings' && may('conversations:read')) return html`<${Settings} />`;
  if (page === 'reports' && may('analytics:read')) return html`<${Report} />`;
  if (page === 'inbox' && may('conversations:read')) return html`<${Inbox} />`;
  queueMicrotask(() => go(may('conversations:read') ? to('inbox') : to('reports'), { replace: true }));
  return null;
}

applyTheme();
reloadForNewFrames();
startRouter();
loadSession();
const page = /** @type {HTMLElement} */ (document.getElementById('app'));
keepFocus(page);
render(html`<${App} />`, page);
