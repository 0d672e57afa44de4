/** Snooze: four presets and a chosen time, all in the agent's zone. */
import { html, useState } from '../../lib/html.js';
import { localInput, moment, now, snoozePresets, zone } from '../../lib/time.js';
import { snooze } from '../../store/actions.js';
import { Icon } from '../../ui/icons.js';
import { Field } from '../../ui/parts.js';
import { Picker } from '../../ui/picker.js';

/**
 * @param {{of: import('../../types.js').Conversation, disabled: boolean, open: boolean, onOpen: (open: boolean) => void}} props
 */
export function SnoozePicker({ of: c, disabled, open, onOpen }) {
  const presets = snoozePresets(new Date(now.value));
  return html`<${Picker} label="Snooze (z)" align="end" class="" disabled=${disabled} open=${open} onOpen=${onOpen}
    choices=${presets.map((p, i) => ({ value: String(i), label: p.label, hint: moment(p.at, now.value) }))}
    onChoose=${(/** @type {string} */ i) => snooze(c.id, presets[Number(i)].at)}
    foot=${(/** @type {() => void} */ close) => html`<${Chosen} id=${c.id} close=${close} />`}>
    <${Icon} name="moon" /><span class="wide-only">Snooze</span>
  <//>`;
}

/** @param {{id: string, close: () => void}} props */
function Chosen({ id, close }) {
  const [text, setText] = useState(() => localInput(new Date(Date.now() + 24 * 3600_000)));
  const at = new Date(text);
  const days = (at.getTime() - now.value) / 86_400_000;
  const wrong = Number.isNaN(days)
    ? 'Choose a date and a time.'
    : days <= 0
      ? 'That time has passed.'
      : days > 366
        ? 'A year ahead at most.'
        : '';
  return html`<form class="chosen-time" onSubmit=${(/** @type {Event} */ e) => {
    e.preventDefault();
    if (wrong) return;
    close();
    snooze(id, at);
  }}>
    <${Field} label=${`A time of your choice (${zone})`} error=${wrong}><input type="datetime-local" value=${text}
      min=${localInput(new Date())} onInput=${(/** @type {any} */ e) => setText(e.target.value)} /><//>
    <button type="submit" aria-disabled=${!!wrong}>Snooze</button>
  </form>`;
}
