/** The inbox page: list, thread and docks side by side; one at a time on a phone. */
import { focusOn } from '../../lib/focus.js';
import { cx, html, useEffect, useLayoutEffect, useRef } from '../../lib/html.js';
import { useKeys } from '../../lib/keys.js';
import { go, route, to } from '../../lib/router.js';
import { docksOpen, toggleDocks } from '../../store/view.js';
import { Empty } from '../../ui/parts.js';
import { Conversation } from '../conversation/conversation.js';
import { DockPanel } from '../docks/panel.js';
import { closeSheet, sheet } from '../docks/sheet.js';
import { Filters, filterQuery } from './filters.js';
import { focusRow, List } from './list.js';

export function Inbox() {
  const id = route.value.path[1];
  useEffect(() => {
    document.title = 'Inbox · Atender';
  }, [!id]);
  const before = useRef(id);
  useLayoutEffect(() => {
    if (before.current && !id) focusRow(); // back to where it was opened
    before.current = id;
    return closeSheet;
  }, [id]);
  useKeys({ Escape: () => id && go(to('inbox', filterQuery())), d: docksOpen.value ? closeDocks : toggleDocks });
  return html`<div class=${cx('inbox', id && 'with-thread', docksOpen.value && id && 'with-docks')}>
    <section class="pane list-pane" aria-label="Conversations" inert=${sheet.value}>
      <${Filters} />
      <${List} />
    </section>
    <main id="main" class="pane thread-pane" inert=${sheet.value}>
      ${
        id
          ? html`<${Conversation} key=${id} id=${id} />`
          : html`<${Empty} icon="inbox" text="Choose a conversation. j and k move, Enter opens, ? shows all shortcuts." />`
      }
    </main>
    <${DockPanel} id=${id ?? null} visible=${docksOpen.value && !!id} onClose=${closeDocks} />
  </div>`;
}

/** Closes the docks; who was in them is at what opens them then. */
function closeDocks() {
  const at = document.activeElement;
  toggleDocks();
  if (at && at !== document.body && !at.closest('.docks')) return;
  requestAnimationFrame(() => focusOn(document.querySelector('.docks-toggle')));
}
