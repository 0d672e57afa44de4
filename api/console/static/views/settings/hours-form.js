/** The form of opening hours, with what they mean beside it. */
import { isolated } from '../../lib/text.js';
import { html, useEffect, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { zone } from '../../lib/time.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Check, Field } from '../../ui/parts.js';
import { Preview } from './hours-preview.js';
import { sure } from './section.js';

/** @typedef {import('./hours.js').OpeningHours} OpeningHours */
/** @typedef {import('./hours.js').Slot} Slot */

export const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

const WORKDAY = [{ from: '09:00', to: '17:00' }];

/** @param {{hours: Partial<OpeningHours>, onClose: () => void, onSaved: () => void}} props */
export function HoursDialog({ hours, onClose, onSaved }) {
  const before = {
    name: hours.name ?? '',
    timeZone: hours.timeZone ?? zone,
    holidays: hours.holidays ?? null,
    isDefault: hours.isDefault ?? false,
    weekly: hours.weekly ?? Object.fromEntries(DAYS.slice(0, 5).map((d) => [d, WORKDAY])),
    overrides: hours.overrides ?? [],
  };
  const form = useForm(before, async (values) => {
    const change = changed(before, values);
    if (!hours.id) await api.post('/v1/opening-hours', values);
    else if (Object.keys(change).length) await api.patch(`/v1/opening-hours/${hours.id}`, change);
    onSaved();
  });
  const { values: v, put } = form;
  const remove = async () => {
    if (
      await sure(
        {
          title: `Delete ${isolated(hours.name)}?`,
          text: 'Its assignments go with it; clocks go on by the hours that apply next.',
          confirm: 'Delete',
        },
        () => api.del(`/v1/opening-hours/${hours.id}`),
        'Opening hours deleted.',
      )
    )
      onSaved();
  };
  const rule = { timeZone: v.timeZone, weekly: v.weekly, holidays: v.holidays, overrides: v.overrides };
  const settled = useSettled(rule);
  return html`<${Dialog} title=${hours.id ? 'Opening hours' : 'New opening hours'} wide onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="200" value=${v.name}
        onInput=${form.input('name')} /><//>
      <div class="form-pair">
        <${Field} label="Time zone" error=${form.wrong('timeZone')}><input list="zones" required value=${v.timeZone}
          onInput=${form.input('timeZone')} />
          <datalist id="zones">${Intl.supportedValuesOf('timeZone').map(
            (z) => html`<option key=${z} value=${z} />`,
          )}</datalist><//>
        <${Field} label="Closed on the holidays of" error=${form.wrong('holidays')}
          hint="A country or region, such as DK or DE-BY; empty for none.">
          <input maxlength="20" value=${v.holidays ?? ''}
            onInput=${(/** @type {any} */ e) => put({ holidays: e.target.value.trim() || null })} /><//>
      </div>
      <div class="hours">
        <fieldset><legend>The week</legend>
          ${DAYS.map(
            (day) => html`<div key=${day} class="day"><span
            class="day-name">${day[0].toUpperCase() + day.slice(1)}</span>
            <${Slots} slots=${v.weekly[day] ?? []} label=${day}
              onChange=${(/** @type {Slot[]} */ slots) => put({ weekly: { ...v.weekly, [day]: slots } })} /></div>`,
          )}
          ${form.wrong('weekly') && html`<span class="field-error" role="alert">${form.wrong('weekly')}</span>`}
        </fieldset>
        <div class="hours-preview"><h3>Open next</h3>
          <${Preview} of=${settled} zone=${v.timeZone}
            load=${() => api.post('/v1/opening-hours/preview?n=8', settled, { once: false })} /></div>
      </div>
      <${Overrides} overrides=${v.overrides} error=${form.wrong('overrides')}
        onChange=${(/** @type {any} */ overrides) => put({ overrides })} />
      <${Check} label="The default, for conversations that no assignment applies to" checked=${v.isDefault}
        disabled=${before.isDefault}
        onChange=${(/** @type {boolean} */ isDefault) => put({ isDefault })} />
      <${FormFoot} form=${form} label="Save" onCancel=${onClose}
        known=${['name', 'timeZone', 'holidays', 'weekly', 'overrides']}>
        ${hours.id && html`<button type="button" onClick=${remove}><${Icon} name="trash" />Delete</button>`}<//>
    </form>
  <//>`;
}

/** A value once it has not changed for a moment. @template T @param {T} value @returns {T} */
function useSettled(value) {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 350);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** @param {{slots: Slot[], label: string, onChange: (slots: Slot[]) => void}} props */
function Slots({ slots, label, onChange }) {
  const set = (/** @type {number} */ i, /** @type {Partial<Slot>} */ change) =>
    onChange(slots.map((s, j) => (i === j ? { ...s, ...change } : s)));
  const time = (/** @type {number} */ i, /** @type {'from'|'to'} */ end) =>
    html`<input class="time" required maxlength="5"
    pattern="([01][0-9]|2[0-3]):[0-5][0-9]|24:00" placeholder="HH:MM" aria-label=${`${label}, ${end}`}
      value=${slots[i][end]}
    onInput=${(/** @type {any} */ e) => set(i, { [end]: e.target.value })} />`;
  return html`<div class="slots">
    ${slots.map(
      (_, i) => html`<span key=${i} class="slot">${time(i, 'from')}–${time(i, 'to')}
      <button type="button" class="icon-button small" aria-label=${`Remove hours on ${label}`}
        onClick=${() => onChange(slots.filter((__, j) => j !== i))}>
        <${Icon} name="close" /></button></span>`,
    )}
    ${!slots.length && html`<span class="muted">Closed</span>`}
    <button type="button" class="icon-button small" aria-label=${`Add hours on ${label}`} title="Add hours"
      onClick=${() =>
        onChange([...slots, slots.length ? { from: slots[slots.length - 1].to, to: '24:00' } : { ...WORKDAY[0] }])}>
      <${Icon} name="plus" /></button>
  </div>`;
}

/**
 * @param {{overrides: OpeningHours['overrides'], error?: string, onChange: (o: OpeningHours['overrides']) => void}} props
 */
function Overrides({ overrides, error, onChange }) {
  const set = (/** @type {number} */ i, /** @type {any} */ change) =>
    onChange(overrides.map((o, j) => (i === j ? { ...o, ...change } : o)));
  return html`<fieldset><legend>Dates that are different</legend>
    ${overrides.map(
      (o, i) => html`<div key=${i} class="override">
      <input type="date" required aria-label="Date" value=${o.date}
        onInput=${(/** @type {any} */ e) => set(i, { date: e.target.value })} />
      <input placeholder="Name" aria-label="Name" maxlength="200" value=${o.name ?? ''}
        onInput=${(/** @type {any} */ e) => set(i, { name: e.target.value })} />
      <${Slots} slots=${o.slots} label=${o.date || 'that date'}
        onChange=${(/** @type {Slot[]} */ slots) => set(i, { slots })} />
      <button type="button" class="icon-button small" aria-label="Remove date"
        onClick=${() => onChange(overrides.filter((_, j) => j !== i))}>
        <${Icon} name="trash" /></button>
    </div>`,
    )}
    ${error && html`<span class="field-error" role="alert">${error}</span>`}
    <button type="button" class="link"
      onClick=${() => onChange([...overrides, { date: '', slots: [], name: '' }])}>Add a date</button>
  </fieldset>`;
}
