/** One conversation: head, thread, composer. */
import { isolated } from '../../lib/text.js';
import { focusOn } from '../../lib/focus.js';
import { html, useEffect, useLayoutEffect, useMemo } from '../../lib/html.js';
import { useKeys } from '../../lib/keys.js';
import { go, to } from '../../lib/router.js';
import { resolve, reopen } from '../../store/actions.js';
import { conversation, isUnread, markSeen } from '../../store/conversations.js';
import { loadAgents, loadTags, loadTeams, quietly } from '../../store/directory.js';
import { may } from '../../store/session.js';
import { openThread } from '../../store/thread.js';
import { menu } from '../../store/view.js';
import { Failed, Skeleton } from '../../ui/parts.js';
import { notify } from '../../store/notices.js';
import { filterQuery } from '../inbox/filters.js';
import { Composer, focusComposer } from './composer.js';
import { Head } from './head.js';
import { Thread } from './thread.js';

/** @param {{id: string}} props */
export function Conversation({ id }) {
  const thread = useMemo(() => openThread(id), [id]);
  useEffect(
    () => () => {
      thread.close();
      menu.value = null;
    },
    [thread],
  );

  const c = conversation(id).value;
  const write = may('conversations:write');
  useEffect(() => {
    if (!c) return undefined;
    document.title = `${isolated(c.subject || 'Conversation')} · Atender`;
    const see = () => document.visibilityState === 'visible' && isUnread(c) && markSeen(c);
    see();
    document.addEventListener('visibilitychange', see);
    return () => document.removeEventListener('visibilitychange', see);
  }, [c]);
  useEffect(() => {
    // nothing tells of new ones
    const load = { assign: loadAgents, team: loadTeams, tag: loadTags }[/** @type {'tag'} */ (menu.value)];
    if (load) quietly(load);
  }, [menu.value]);
  useLayoutEffect(() => {
    if (c && following()) focusOn(document.querySelector('.head h1')); // which says what was opened
  }, [!c]);
  useKeys(
    {
      i: () => {
        menu.value = 'details';
      },
    },
    { enabled: !!c },
  );
  useKeys(
    {
      r: () => focusComposer('outbound'),
      n: () => focusComposer('note'),
      e: () => {
        if (c) turn(c);
      },
      z: () => {
        if (c && isOpen(c)) menu.value = 'snooze';
      },
      a: () => {
        menu.value = 'assign';
      },
      t: () => {
        menu.value = 'tag';
      },
    },
    { enabled: write && !!c },
  );

  const error = thread.error.value;
  if (!c) {
    if (!error) return html`<${Waiting} />`;
    return error.status === 404
      ? html`<div class="empty" role="alert"><p>There is no such conversation.</p>
          <button type="button" onClick=${() => go(to('inbox', filterQuery()))}>Back to the list</button></div>`
      : html`<${Failed} error=${error} what="The conversation could not be read." retry=${() => location.reload()} />`;
  }
  return html`<article class="conversation" aria-label=${c.subject}>
    <${Head} of=${c} write=${write} />
    <${Thread} of=${c} thread=${thread} />
    ${write && html`<${Composer} of=${c} thread=${thread} />`}
  </article>`;
}

/** Whether the focus comes along from what led here, the list or the conversation before. */
function following() {
  const at = document.activeElement;
  return !at || at === document.body || at.matches('.row.open, .thread-pane');
}

/** @param {import('../../types.js').Conversation} c */
const isOpen = (c) => c.status === 'active' || c.status === 'snoozed';

/** Resolves what is open and reopens what is done. @param {import('../../types.js').Conversation} c */
function turn(c) {
  if (isOpen(c)) resolve(c.id);
  else if (c.status === 'done') reopen(c.id);
  else
    notify({
      text: 'It is archived, and nothing leads back. If the customer writes again, a new conversation continues it.',
    });
}

/** Skeletons, after a moment: CSS brings them in late. */
function Waiting() {
  return html`<div class="conversation late"><${Skeleton} rows=${1} class="head-skeleton" /><${Skeleton} rows=${4}
    /></div>`;
}
