/** The inbox's filters. They live in the address, so that a view can be kept, shared and gone back to. */
import { html, useEffect, useRef, useState } from '../../lib/html.js';
import { useKeys } from '../../lib/keys.js';
import { go, route, to } from '../../lib/router.js';
import { agents, loadAgents, loadTags, loadTeams, quietly, tags, teams } from '../../store/directory.js';
import { Icon } from '../../ui/icons.js';
import { Picker } from '../../ui/picker.js';
import { CHANNEL_NAMES } from '../../vocabulary.js';

/** @typedef {import('../../store/list.js').Filter} Filter */

/** @type {Filter} */
const DEFAULTS = {
  status: 'active',
  assignee: '',
  team: '',
  channel: '',
  tag: '',
  sla: '',
  turn: '',
  sort: '-lastMessageAt',
  q: '',
};

const VIEWS = [
  ['active', 'Open'],
  ['snoozed', 'Snoozed'],
  ['done', 'Done'],
  ['any', 'All'],
];

const SORTS = [
  ['-lastMessageAt', 'Latest message'],
  ['-updatedAt', 'Latest change'],
  ['createdAt', 'Oldest first'],
  ['slaDueAt', 'SLA due next'],
];

/** The filter that the address asks for. @returns {Filter} */
export function currentFilter() {
  const { query } = route.value;
  const filter = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS))
    filter[/** @type {keyof Filter} */ (key)] = query.get(key) ?? DEFAULTS[/** @type {keyof Filter} */ (key)];
  if (filter.status === 'any') filter.status = '';
  return filter;
}

/** The query that keeps the filter while the page changes. @param {Partial<Record<keyof Filter, string>>} [change] */
export function filterQuery(change = {}) {
  const query = /** @type {Record<string, string>} */ ({});
  for (const [key, value] of route.peek().query) if (key in DEFAULTS) query[key] = value;
  for (const [key, value] of Object.entries(change)) {
    if (value && value !== DEFAULTS[/** @type {keyof Filter} */ (key)]) query[key] = value;
    else delete query[key];
  }
  return query;
}

/** @param {Partial<Record<keyof Filter, string>>} change */
function choose(change) {
  go(to('inbox', route.peek().path[1], filterQuery(change)), { replace: 'q' in change });
}

export function Filters() {
  const filter = currentFilter();
  const [more, setMore] = useState(false);
  const wide = more || filter.channel || filter.turn;
  const status = filter.status || 'any';
  return html`<div class="filters">
    <${Search} q=${filter.q} />
    <div class="filter-row">
      <div class="segments" role="group" aria-label="Status">
        ${VIEWS.map(
          ([value, label]) => html`<button key=${value} type="button" aria-pressed=${status === value}
          onClick=${() => choose({ status: value })}>${label}</button>`,
        )}
      </div>
      <${Picker} label="Sort" align="end" class="icon-button" choices=${SORTS.map(([value, label]) => ({ value, label, chosen: value === filter.sort }))} onChoose=${(/** @type {string} */ sort) => choose({ sort })}>
        <${Icon} name="filter" /><//>
    </div>
    <div class="filter-row chips">
      <${Chip} label="Assignee" value=${filter.assignee} name="assignee" load=${loadAgents} choices=${[
        { value: 'me', label: 'Me' },
        ...agents.value.filter((a) => a.isActive).map((a) => ({ value: a.id, label: a.name })),
      ]} />
      <${Chip} label="Team" value=${filter.team} name="team" load=${loadTeams}
        choices=${teams.value.map((t) => ({ value: t.id, label: t.name }))} />
      <${Chip} label="Tag" value=${filter.tag} name="tag" load=${loadTags}
        choices=${tags.value.map((t) => ({ value: t.name, label: t.name }))} />
      <${Chip} label="SLA" value=${filter.sla} name="sla" choices=${[
        { value: 'breached', label: 'Breached' },
        { value: 'urgent', label: 'Urgent' },
        { value: 'at_risk', label: 'At risk' },
        { value: 'ok', label: 'On time' },
        { value: 'any', label: 'Breached and open' },
        { value: 'first_reply', label: 'First reply breached and open' },
        { value: 'all_messages', label: 'Reply breached and open' },
        { value: 'resolution', label: 'Resolution breached and open' },
      ]} />
      ${
        !wide &&
        html`<button type="button" class="chip" aria-label="More filters" title="More filters"
        onClick=${() => setMore(true)}>…</button>`
      }
      ${
        wide &&
        html`<${Chip} label="Channel" value=${filter.channel} name="channel"
        choices=${Object.entries(CHANNEL_NAMES).map(([value, label]) => ({ value, label }))} />
      <${Chip} label="Turn" value=${filter.turn} name="turn" choices=${[
        { value: 'pending', label: 'Ours' },
        { value: 'engaged', label: "The customer's" },
      ]} />`
      }
    </div>
  </div>`;
}

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.name of the filter
 * @param {string} props.value
 * @param {{value: string, label: string}[]} props.choices
 * @param {() => Promise<any[]>} [props.load] reads the choices again, for when it is opened
 */
function Chip({ label, name, value, choices, load }) {
  const chosen = choices.find((c) => c.value === value);
  const all = [{ value: '', label: 'Any' }, ...choices].map((c) => ({ ...c, chosen: c.value === value }));
  return html`<${Picker} label=${label} class=${`chip ${value ? 'on' : ''}`} choices=${all}
    onOpen=${(/** @type {boolean} */ open) => open && load && quietly(load)}
    onChoose=${(/** @type {string} */ v) => choose({ [name]: v })}>
    ${value ? (chosen?.label ?? value) : html`<span aria-hidden="true">${label}</span>`}<${Icon} name="down" />
  <//>`;
}

/** @param {{q: string}} props */
function Search({ q }) {
  const [text, setText] = useState(q);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const chosen = useRef(q);
  useEffect(() => {
    // what came from here is there as it was typed, and perhaps more
    if (q === chosen.current) return;
    chosen.current = q;
    setText(q);
  }, [q]);
  useEffect(() => {
    if (text.trim() === q) return undefined;
    const timer = setTimeout(() => {
      chosen.current = text.trim();
      choose({ q: chosen.current });
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  useKeys({ '/': () => field.current?.focus() });
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input ref=${field} type="search" placeholder="Search conversations"
      aria-label="Search subject, name, e-mail or number"
      value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key === 'Escape') setText('');
      }} />
    ${!text && html`<kbd aria-hidden="true">/</kbd>`}
  </div>`;
}

/** Whether anything but the status narrows the list. @param {Filter} f */
export const narrowed = (f) => !!(f.assignee || f.team || f.channel || f.tag || f.sla || f.turn || f.q);

/** Takes every filter away. */
export const clearFilters = () => go(to('inbox', route.peek().path[1]));
