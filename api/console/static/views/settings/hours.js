/** Opening hours: when time counts. */
import { html, useState } from '../../lib/html.js';
import { all, api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { may } from '../../store/session.js';
import { Badge, Empty, Loaded } from '../../ui/parts.js';
import { Assignments } from './assignments.js';
import { DAYS, HoursDialog } from './hours-form.js';
import { Preview } from './hours-preview.js';
import { Add, Section, Table } from './section.js';

/**
 * @typedef {{from: string, to: string}} Slot
 * @typedef {object} OpeningHours
 * @property {string} id @property {string} name @property {boolean} isDefault @property {string} timeZone
 * @property {Record<string, Slot[]>} weekly @property {string|null} holidays
 * @property {{date: string, slots: Slot[], name?: string}[]} overrides
 */

export function Hours() {
  const hours = useResource('hours', () => all('/v1/opening-hours'));
  const [edited, setEdited] = useState(/** @type {Partial<OpeningHours> | null} */ (null));
  const write = may('opening-hours:write');
  const add = write && html`<${Add} onClick=${() => setEdited({})}>Add opening hours<//>`;
  return html`<${Section} title="Opening hours" action=${add}
    about="When time counts, for SLA clocks and archiving. Without any, always.">
    <${Loaded} of=${hours} what="The opening hours could not be read.">${(/** @type {OpeningHours[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Opening hours" head=${['Name', 'Hours', 'Open next', '']} rows=${list.map((h) => ({
        key: h.id,
        onOpen: write ? () => setEdited(h) : undefined,
        cells: [
          html`${h.name}<span class="muted small block">${h.timeZone}${
            h.holidays && `, holidays ${h.holidays}`
          }</span>`,
          html`<span class="small">${weekly(h.weekly).map(
            (line) => html`<span key=${line} class="block">${line}</span>`,
          )}</span>`,
          html`<${Preview} key=${JSON.stringify(h)}
            load=${() => api.get(`/v1/opening-hours/${h.id}/preview`, { n: 1 })} zone=${h.timeZone} />`,
          h.isDefault && html`<${Badge} tone="info">Default<//>`,
        ],
      }))} />
      <${Assignments} title="Whose hours they are" path="/v1/opening-hours-assignments" field="openingHoursId"
        scope="opening-hours:write"
        things=${list} about="Team and channel together win over the team, the team over the channel. Everything else goes by the default." />`
        : html`<${Empty} icon="calendar" text="There are no opening hours: time counts day and night.">${add}<//>`}<//>
    ${
      edited &&
      html`<${HoursDialog} hours=${edited} onClose=${() => setEdited(null)} onSaved=${() => {
        setEdited(null);
        hours.reload();
      }} />`
    }
  <//>`;
}

/** The week in few lines: days with the same slots together. @param {Record<string, Slot[]>} week */
function weekly(week) {
  const slots = DAYS.map((d) => (week[d] ?? []).map((s) => `${s.from}–${s.to}`).join(', '));
  const lines = [];
  for (let i = 0; i < DAYS.length; ) {
    let end = i;
    while (end + 1 < DAYS.length && slots[end + 1] === slots[i]) end++;
    if (slots[i]) lines.push(`${short(i)}${end > i ? `–${short(end)}` : ''} ${slots[i]}`);
    i = end + 1;
  }
  return lines.length ? lines : ['Never open'];
}

/** @param {number} day */
const short = (day) => DAYS[day][0].toUpperCase() + DAYS[day].slice(1, 3);
