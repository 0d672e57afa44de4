/** The form of an SLA policy. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { formatDuration, parseDuration } from '../../lib/duration.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Check, Field } from '../../ui/parts.js';
import { sure } from './section.js';

/** @typedef {import('./sla.js').Policy} Policy */
/** @typedef {import('./sla.js').Targets} Targets */

const CLOCKS = [
  { metric: 'first_reply', label: 'First reply', about: 'from the conversation’s beginning to our first answer' },
  { metric: 'all_messages', label: 'Every reply', about: 'from each message of the customer to our next answer' },
  { metric: 'resolution', label: 'Resolution', about: 'from the beginning until it is done' },
];

const TARGETS = [
  ['normalTargetSeconds', 'At risk after'],
  ['highTargetSeconds', 'Urgent after'],
  ['urgentTargetSeconds', 'Breached after'],
];

/** @type {Targets} */
const USUAL = { normalTargetSeconds: 3600, highTargetSeconds: 14_400, urgentTargetSeconds: 28_800 };

/** @param {{policy: Partial<Policy>, onClose: () => void, onSaved: () => void}} props */
export function PolicyDialog({ policy, onClose, onSaved }) {
  const before = {
    name: policy.name ?? '',
    description: policy.description ?? '',
    ignoreOfficeHours: policy.ignoreOfficeHours ?? false,
    pauseWhileSnoozed: policy.pauseWhileSnoozed ?? false,
    targets: policy.targets ?? /** @type {Record<string, Targets>} */ ({}),
  };
  const form = useForm(policy.id ? before : { ...before, targets: { first_reply: USUAL } }, async (values) => {
    const change = changed(before, values);
    if (!policy.id) await api.post('/v1/sla-policies', values);
    else if (Object.keys(change).length) await api.patch(`/v1/sla-policies/${policy.id}`, change);
    onSaved();
  });
  const { values: v, put } = form;
  const remove = async () => {
    if (
      await sure(
        {
          title: `Delete ${isolated(policy.name)}?`,
          confirm: 'Delete',
          text: 'Its clocks go on under the policy that applies next, or stop without an outcome. The report keeps what was recorded.',
        },
        () => api.del(`/v1/sla-policies/${policy.id}`),
        'Policy deleted.',
      )
    )
      onSaved();
  };
  const setClock = (/** @type {string} */ metric, /** @type {Targets | null} */ targets) => {
    const { [metric]: _, ...rest } = v.targets;
    put({ targets: targets ? { ...rest, [metric]: targets } : rest });
  };
  return html`<${Dialog} title=${policy.id ? 'Policy' : 'New policy'} wide onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="200" value=${v.name}
        onInput=${form.input('name')} /><//>
      <${Field} label="About" error=${form.wrong('description')}><input maxlength="1000" value=${v.description}
        onInput=${form.input('description')} /><//>
      ${CLOCKS.map(
        (c) => html`<${Clock} key=${c.metric} ...${c} targets=${v.targets[c.metric]}
        error=${form.wrong(`targets.${c.metric}`)}
        onChange=${(/** @type {Targets | null} */ t) => setClock(c.metric, t)} />`,
      )}
      <${Check} label="Counts day and night, not only in opening hours" checked=${v.ignoreOfficeHours}
        onChange=${(/** @type {boolean} */ ignoreOfficeHours) => put({ ignoreOfficeHours })} />
      <${Check} label="Stands still while the conversation is snoozed" checked=${v.pauseWhileSnoozed}
        onChange=${(/** @type {boolean} */ pauseWhileSnoozed) => put({ pauseWhileSnoozed })} />
      ${
        policy.id &&
        html`<p class="muted small">Clocks that run go by the new targets at once; what has been passed
        stays passed.</p>`
      }
      <${FormFoot} form=${form} label="Save" onCancel=${onClose}
        known=${['name', 'description', ...CLOCKS.map((c) => `targets.${c.metric}`)]}>
        ${policy.id && html`<button type="button" onClick=${remove}><${Icon} name="trash" />Delete</button>`}<//>
    </form>
  <//>`;
}

/**
 * @param {{label: string, about: string, targets?: Targets, error?: string, onChange: (targets: Targets | null) => void}} props
 */
function Clock({ label, about, targets, error, onChange }) {
  return html`<fieldset class="clock">
    <${Check} label=${html`<strong>${label}</strong> <span class="muted">${about}</span>`} checked=${!!targets}
      onChange=${(/** @type {boolean} */ on) => onChange(on ? USUAL : null)} />
    ${
      targets &&
      html`<div class="form-triple">${TARGETS.map(
        ([name, title]) =>
          html`<${Duration} key=${name} label=${title}
      seconds=${targets[/** @type {'normalTargetSeconds'} */ (name)]}
      onChange=${(/** @type {number} */ seconds) => onChange({ ...targets, [name]: seconds })} />`,
      )}</div>`
    }
    ${error && html`<span class="field-error" role="alert">${error}</span>`}
  </fieldset>`;
}

/** @param {{label: string, seconds: number, onChange: (seconds: number) => void}} props */
function Duration({ label, seconds, onChange }) {
  const [text, setText] = useState(formatDuration(seconds));
  const wrong = parseDuration(text) === null;
  return html`<${Field} label=${label} error=${wrong ? 'Such as 30 min or 1 h 30 min.' : undefined}><input required
    value=${text}
    onInput=${(/** @type {any} */ e) => {
      setText(e.target.value);
      const parsed = parseDuration(e.target.value);
      e.target.setCustomValidity(parsed === null ? 'Such as 30 min or 1 h 30 min.' : '');
      if (parsed !== null) onChange(parsed);
    }} /><//>`;
}
