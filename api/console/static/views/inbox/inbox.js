/** The inbox page: list, thread and docks side by side; one at a time on a phone. */
import { cx, html, useEffect } from '../../lib/html.js';
import { useKeys } from '../../lib/keys.js';
import { go, route, to } from '../../lib/router.js';
import { docksOpen, toggleDocks } from '../../store/view.js';
import { Empty } from '../../ui/parts.js';
import { Conversation } from '../conversation/conversation.js';
import { DockPanel } from '../docks/panel.js';
import { Filters, filterQuery } from './filters.js';
import { List } from './list.js';

export function Inbox() {
  const id = route.value.path[1];
  useEffect(() => {
    document.title = 'Inbox · Atender';
  }, [!id]);
  useKeys({ Escape: () => id && go(to('inbox', filterQuery())), d: toggleDocks });
  return html`<div class=${cx('inbox', id && 'with-thread', docksOpen.value && id && 'with-docks')}>
    <section class="pane list-pane" aria-label="Conversations">
      <${Filters} />
      <${List} />
    </section>
    <main class="pane thread-pane">
      ${id ? html`<${Conversation} key=${id} id=${id} />`
        : html`<${Empty} icon="inbox" text="Choose a conversation. j and k move, Enter opens, ? shows all keys." />`}
    </main>
    <${DockPanel} id=${id ?? null} visible=${docksOpen.value && !!id} onClose=${toggleDocks} />
  </div>`;
}
