/**
 * The list of conversations. Only the rows in sight are in the page, so that thousands scroll as easily as ten.
 */
import { isolated } from '../../lib/text.js';
import { cx, effect, html, signal, useEffect, useLayoutEffect, useRef, useState } from '../../lib/html.js';
import { useKeys } from '../../lib/keys.js';
import { go, route, to } from '../../lib/router.js';
import { conversation, isUnread } from '../../store/conversations.js';
import { channelName, nameOf } from '../../store/directory.js';
import * as list from '../../store/list.js';
import { Icon } from '../../ui/icons.js';
import { Ago, Empty, Failed, Skeleton } from '../../ui/parts.js';
import { SlaBadge, StatusBadge } from './badges.js';
import { clearFilters, currentFilter, filterQuery, narrowed } from './filters.js';

/** Height of a row in px; `list.css` has the same. */
const ROW = 82;
/** Rows beyond the visible ones. */
const MARGIN = 6;

/** The row the keyboard is on: the one that Tab goes to. */
export const cursor = signal(/** @type {string | null} */ (null));

/** Where that row was last: what comes after it takes its place when it goes, such as when it is resolved. */
let place = { id: '', index: 0 };

effect(() => {
  const id = cursor.value ?? '';
  const index = list.ids.value.indexOf(id);
  if (index >= 0) place = { id, index };
});

/** Whether the focus is to be on that row, once it is on the page. */
const wanted = signal(false);

/** After so long without a key or a click the agent does not work in the list any more, in ms. */
const IDLE = 120_000;

/** Gives the focus to the row that the keyboard is on. */
export function focusRow() {
  wanted.value = true;
}

export function List() {
  const filter = currentFilter();
  const [showSkeleton, setShowSkeleton] = useState(false);
  const open = route.value.path[1];
  const name = JSON.stringify(filter);
  useEffect(() => list.hide, []);
  useEffect(() => {
    place = { id: '', index: 0 };
    list.show(filter);
    const timer = setTimeout(() => setShowSkeleton(true), 150);
    return () => clearTimeout(timer);
  }, [name]);
  useEffect(() => {
    if (open) cursor.value = open;
  }, [open]);
  useEffect(() => {
    let timer = 0;
    const active = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => list.holdByKeys(false), IDLE);
    };
    addEventListener('keydown', active, true);
    addEventListener('pointerdown', active, true);
    return () => {
      clearTimeout(timer);
      removeEventListener('keydown', active, true);
      removeEventListener('pointerdown', active, true);
    };
  }, []);
  useKeys({
    u: list.sortInPending,
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    Enter: () => {
      if (!cursor.value) return;
      list.holdByKeys(true);
      go(to('inbox', cursor.value, filterQuery()));
    },
  });

  const ids = list.ids.value;
  const waiting = list.waiting.value;
  return html`<div class="list-box"
    onPointerEnter=${(/** @type {PointerEvent} */ e) => e.pointerType === 'mouse' && list.hold(true)}
    onPointerLeave=${() => list.hold(false)}>
    ${
      waiting > 0 &&
      html`<button type="button" class="list-news" aria-keyshortcuts="u" onClick=${list.sortInPending}>
      <${Icon} name="refresh" /> ${waiting === 1 ? '1 update' : `${waiting} updates`}</button>`
    }
    ${
      list.listError.value && !ids.length
        ? html`<${Failed} error=${list.listError.value} what="The list could not be read." retry=${list.refresh} />`
        : list.loading.value && !ids.length
          ? showSkeleton && html`<${Skeleton} rows=${8} class="list-skeleton" />`
          : ids.length
            ? html`<${Rows} ids=${ids} />`
            : list.complete.value && html`<${Nothing} filter=${filter} />`
    }
  </div>`;
}

/** @param {{filter: import('../../store/list.js').Filter}} props */
function Nothing({ filter }) {
  if (narrowed(filter)) {
    return html`<${Empty} icon="search" text="No conversation matches.">
      <button type="button" onClick=${clearFilters}>Clear filters</button><//>`;
  }
  if (!filter.status) {
    return html`<${Empty} icon="inbox" text="There are no conversations yet. Your systems bring them in.">
      <a class="button" href="/docs" target="_blank">How they do</a><//>`;
  }
  const texts = {
    active: 'Nothing is open. All answered.',
    snoozed: 'Nothing is snoozed.',
    done: 'Nothing is done yet.',
  };
  return html`<${Empty} icon="inbox" text=${texts[/** @type {'done'} */ (filter.status)]}>
    <a class="button" href=${to('inbox', { status: 'any' })}>Show all</a><//>`;
}

/** @param {1 | -1} by */
function move(by) {
  const ids = list.ids.peek();
  if (!ids.length) return;
  list.holdByKeys(true);
  const id = cursor.peek() ?? '';
  const at = ids.indexOf(id);
  const gone = id === place.id ? place.index - Number(by < 0) : 0;
  cursor.value = ids[Math.min(ids.length - 1, Math.max(0, at < 0 ? gone : at + by))];
  focusRow();
}

/** @param {{ids: string[]}} props */
function Rows({ ids }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [range, setRange] = useState({ from: 0, to: 30 });
  const open = route.value.path[1];
  const at = cursor.value;

  const measure = () => {
    const element = box.current;
    if (!element) return;
    const from = Math.max(0, Math.floor(element.scrollTop / ROW) - MARGIN);
    const end = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + MARGIN;
    setRange((r) => (r.from === from && r.to === end ? r : { from, to: end }));
    if (end > ids.length - 20) list.more();
  };
  useLayoutEffect(measure, [ids]);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [ids]);
  useEffect(() => {
    const index = ids.indexOf(at ?? '');
    const element = box.current;
    if (index < 0 || !element) return;
    if (index * ROW < element.scrollTop) element.scrollTop = index * ROW;
    else if ((index + 1) * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = (index + 1) * ROW - element.clientHeight;
    }
  }, [at]);

  // What has the focus, or would have it, stays on the page wherever one scrolls.
  const index = ids.indexOf(at ?? '');
  const shown = ids.slice(range.from, range.to).map((id, i) => ({ id, i: range.from + i }));
  if (index >= 0 && (index < range.from || index >= range.to)) shown.push({ id: ids[index], i: index });
  const stop = index >= 0 ? at : shown[0]?.id;
  return html`<div ref=${box} class="list" onScroll=${measure}>
    <ul style=${{ height: `${ids.length * ROW}px` }} aria-label="Conversations">
      ${shown.map(
        ({ id, i }) => html`<li key=${id} style=${{ top: `${i * ROW}px` }}
        aria-setsize=${list.complete.value ? ids.length : -1} aria-posinset=${i + 1}>
        <${Row} id=${id} open=${id === open} at=${id === at} stop=${id === stop} />
      </li>`,
      )}
    </ul>
    ${
      list.listError.value &&
      html`<button type="button" class="link list-more" onClick=${list.retry}>
      More could not be read. Try again</button>`
    }
  </div>`;
}

/** @param {{id: string, open: boolean, at: boolean, stop: boolean}} props stop: Tab goes to it, and to no other row */
function Row({ id, open, at, stop }) {
  const c = conversation(id).value;
  const link = useRef(/** @type {HTMLAnchorElement | null} */ (null));
  const takesFocus = at && wanted.value;
  useLayoutEffect(() => {
    if (!takesFocus || !link.current) return;
    wanted.value = false;
    if (!document.activeElement?.matches('input, textarea, select, dialog *'))
      link.current.focus({ preventScroll: true });
  });
  if (!c) return null;
  const unread = isUnread(c);
  return html`<a ref=${link} class=${cx('row', open && 'open', at && 'at', unread && 'unread')}
    href=${to('inbox', id, filterQuery())}
    tabindex=${stop ? undefined : -1} aria-current=${open ? 'true' : undefined} onFocus=${() => {
      cursor.value = id;
    }}>
    <span class="row-top">
      ${unread && html`<span class="dot" title="Unread"><span class="hidden">Unread</span></span>`}
      <span class="row-name" dir="auto">${c.contact.name ?? c.contact.email ?? c.contact.phone ?? 'Somebody'}</span>
      <${Ago} at=${c.lastMessageAt ?? c.createdAt} class="row-time" />
    </span>
    <span class="row-subject" dir="auto">${c.subject || 'No subject'}</span>
    <span class="row-meta">
      ${c.status !== 'active' && html`<${StatusBadge} of=${c} />`}
      <${SlaBadge} of=${c} />
      <span class="row-rest" dir="auto">${[
        channelName(c.channel),
        c.assigneeId && nameOf(c.assigneeId),
        !c.assigneeId && c.teamId && nameOf(c.teamId),
        ...c.tags,
      ]
        .filter(Boolean)
        .map(isolated)
        .join(' · ')}</span>
    </span>
  </a>`;
}
