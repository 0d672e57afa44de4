/** SLA policies, and which conversations they are for. */
import { html, useState } from '../../lib/html.js';
import { all } from '../../lib/api.js';
import { formatDuration } from '../../lib/duration.js';
import { useResource } from '../../lib/resource.js';
import { may } from '../../store/session.js';
import { Badge, Empty, Loaded } from '../../ui/parts.js';
import { METRICS } from '../inbox/badges.js';
import { Assignments } from './assignments.js';
import { PolicyDialog } from './policy-form.js';
import { Add, Section, Table } from './section.js';

/**
 * @typedef {{lowTargetSeconds?: number, normalTargetSeconds: number, highTargetSeconds: number, urgentTargetSeconds: number}} Targets
 * @typedef {object} Policy
 * @property {string} id @property {string} name @property {string} description @property {boolean} ignoreOfficeHours
 * @property {boolean} pauseWhileSnoozed @property {Record<string, Targets>} targets
 */

export function Sla() {
  const policies = useResource('policies', () => all('/v1/sla-policies'));
  const [edited, setEdited] = useState(/** @type {Partial<Policy> | null} */ (null));
  const write = may('sla:write');
  const add = write && html`<${Add} onClick=${() => setEdited({})}>Add policy<//>`;
  return html`<${Section} title="SLA" action=${add}
    about="How soon conversations are to be answered and resolved. Time counts in opening hours.">
    <${Loaded} of=${policies} what="The policies could not be read.">${(/** @type {Policy[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Policies" head=${['Policy', 'Targets: at risk, urgent, breached', '']} rows=${list.map((p) => ({
        key: p.id,
        onOpen: write ? () => setEdited(p) : undefined,
        cells: [
          html`${p.name}${p.description && html`<span class="muted small block">${p.description}</span>`}`,
          html`<${TargetLines} of=${p} />`,
          html`${p.ignoreOfficeHours && html`<${Badge}>Day and night<//>`} ${
            p.pauseWhileSnoozed && html`<${Badge}>Pauses while snoozed<//>`
          }`,
        ],
      }))} />
      <${Assignments} title="Which policy is for what" path="/v1/sla-assignments" field="policyId" scope="sla:write"
        things=${list}
        about="Team and channel together win over the team, the team over the channel; for each clock by itself. A policy without an assignment is for nothing." everything />`
        : html`<${Empty} icon="clock" text="No conversation has a deadline.">${add}<//>`}<//>
    ${
      edited &&
      html`<${PolicyDialog} policy=${edited} onClose=${() => setEdited(null)} onSaved=${() => {
        setEdited(null);
        policies.reload();
      }} />`
    }
  <//>`;
}

/** A policy's targets, a line for each clock. @param {{of: Policy}} props */
function TargetLines({ of: policy }) {
  return html`<span class="small">${Object.entries(policy.targets).map(([metric, t]) => {
    const times = [t.normalTargetSeconds, t.highTargetSeconds, t.urgentTargetSeconds].map(formatDuration);
    return html`<span key=${metric} class="block">${METRICS[/** @type {'resolution'} */ (metric)]}: ${times.join(', ')}</span>`;
  })}</span>`;
}
