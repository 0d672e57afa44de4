/** Everything else about a conversation, in a sheet: the contact, its fields, its clocks, its identifiers. */
import { html } from '../../lib/html.js';
import { to } from '../../lib/router.js';
import { exact, now } from '../../lib/time.js';
import { channelName } from '../../store/directory.js';
import { session } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { METRICS, nextTripwire, standsStill } from '../inbox/badges.js';

/** @param {{of: import('../../types.js').Conversation, onClose: () => void}} props */
export function Details({ of: c, onClose }) {
  const { contact } = c;
  return html`<${Dialog} title="Details" side onClose=${onClose}>
    <${Facts} title="Contact" rows=${[
      ['Name', contact.name],
      ['E-mail', contact.email],
      ['Phone', contact.phone],
      ['External id', contact.externalId],
      ...Object.entries(contact.customFields ?? {}),
    ]} />
    <${Facts} title="Conversation" rows=${[
      ['Number', `#${c.number}`],
      ['Reference', c.externalReference],
      ['Channel', channelName(c.channel)],
      ['Whose turn', c.engagement === 'pending' ? 'Ours' : "The customer's"],
      ['Created', exact(c.createdAt)],
      ['First reply', c.firstReplyAt && exact(c.firstReplyAt)],
      ['Resolved', c.resolvedAt && exact(c.resolvedAt)],
      ['Archived', c.archivedAt && exact(c.archivedAt)],
      ['Snoozed until', c.snoozedUntil && exact(c.snoozedUntil)],
    ]} />
    ${
      c.previousConversationId &&
      html`<p><a
      href=${to('inbox', c.previousConversationId)}>The conversation before this one</a></p>`
    }
    ${
      !!c.sla?.metrics.length &&
      html`<section class="facts"><h3>SLA</h3>
      <table class="table small"><thead><tr><th scope="col">Clock</th><th scope="col">State</th>
        <th scope="col">Next</th></tr></thead>
        <tbody>${c.sla.metrics.map(
          (m) => html`<tr key=${m.metric + m.cycle}>
          <td>${METRICS[m.metric]}<span class="muted block">${m.policyName}</span></td>
          <td>${m.state.replace('_', ' ')}${m.outcome && `, ${m.outcome}`}</td>
          <td>${next(m)}</td>
        </tr>`,
        )}</tbody></table></section>`
    }
    <${Facts} title="Custom fields" rows=${Object.entries(c.customFields ?? {})} />
    <${Facts} title="Metadata" rows=${Object.entries(c.metadata ?? {}).map(([k, v]) => [
      k,
      typeof v === 'object' ? JSON.stringify(v) : v,
    ])} />
    <${Facts} title="Identifiers" rows=${[['Conversation', c.id], ['Contact', contact.id], ['Version', c.version]]}
      mono />
    ${
      workflowUrl(c.id) &&
      html`<p><a href=${workflowUrl(c.id)} target="_blank" rel="noopener">
      <${Icon} name="link" /> Workflow in Temporal UI</a></p>`
    }
  <//>`;
}

/**
 * What comes next for a clock: nothing if it has stopped, with an outcome or called off without one.
 * @param {import('../../types.js').SLAMetric} m
 */
function next(m) {
  if (m.stoppedAt || m.outcome) return m.outcome ? '' : 'stopped';
  if (standsStill(m, now.value)) return m.resumesAt ? `paused until ${exact(m.resumesAt)}` : 'paused';
  const tripwire = nextTripwire(m);
  return tripwire ? exact(tripwire.at) : '';
}

/** @param {{title: string, rows: [string, any][], mono?: boolean}} props */
function Facts({ title, rows, mono }) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (!shown.length) return null;
  return html`<section class="facts"><h3>${title}</h3>
    <dl>${shown.map(
      ([name, value]) => html`<div key=${name}><dt>${name}</dt>
      <dd class=${mono ? 'mono' : ''} dir="auto">${String(value)}</dd></div>`,
    )}</dl></section>`;
}

/** Where Temporal UI shows the conversation's workflow; null for who may not look there. @param {string} id */
function workflowUrl(id) {
  const base = session.value?.temporalUiUrl;
  if (!base) return null;
  return `${base}/${encodeURIComponent(`conversation/${session.value?.tenant.id}/${id}`)}`;
}
