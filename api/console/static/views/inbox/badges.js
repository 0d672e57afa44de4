/** What a conversation's state looks like: its status, its SLA with the time left, its snooze. */
import { isolated } from '../../lib/text.js';
import { html } from '../../lib/html.js';
import { countdown, exact, moment, now } from '../../lib/time.js';
import { Icon } from '../../ui/icons.js';

/** @typedef {import('../../types.js').Conversation} Conversation */
/** @typedef {import('../../types.js').SLAMetric} SlaMetric */

export const STATUS = { active: 'Open', snoozed: 'Snoozed', done: 'Done', archived: 'Archived' };

const STATES = {
  ok: { word: 'On time', tone: 'ok', passed: 0 },
  at_risk: { word: 'At risk', tone: 'warn', passed: 1 },
  urgent: { word: 'Urgent', tone: 'warn strong', passed: 2 },
  breached: { word: 'Breached', tone: 'danger', passed: 3 },
};

export const METRICS = { first_reply: 'First reply', all_messages: 'Reply', resolution: 'Resolution' };

/**
 * The clock that matters now: the worst running one, and among equals the one that is due next.
 * @param {Conversation} c
 * @returns {SlaMetric | undefined}
 */
export function leading(c) {
  const running = (c.sla?.metrics ?? []).filter((m) => !m.stoppedAt && !m.outcome);
  return running.sort(
    (a, b) =>
      STATES[b.state].passed - STATES[a.state].passed ||
      (nextTripwire(a)?.at ?? '9').localeCompare(nextTripwire(b)?.at ?? '9'),
  )[0];
}

/** The next tripwire that was not passed yet. @param {SlaMetric} m */
export function nextTripwire(m) {
  const all = [
    { name: 'at risk', at: m.dueAt.atRisk },
    { name: 'urgent', at: m.dueAt.urgent },
    { name: 'breach', at: m.dueAt.breached },
  ];
  const next = all.slice(STATES[m.state].passed).find((t) => t.at);
  return next && /** @type {{name: string, at: string}} */ (next);
}

/**
 * Whether a clock is paused at this time. What was read of it ends with `resumesAt`; the server says no more until the
 * conversation is read again.
 * @param {SlaMetric} m
 * @param {number} nowMs
 */
export const standsStill = (m, nowMs) => m.paused && !(m.resumesAt && Date.parse(m.resumesAt) <= nowMs);

/**
 * Time left to the next tripwire, time since a breach, or until when the clock stands still.
 * @param {SlaMetric} m
 * @param {number} nowMs
 */
export function timeLeft(m, nowMs) {
  if (m.state === 'breached') {
    return m.dueAt.breached ? `+${countdown(nowMs - Date.parse(m.dueAt.breached))}` : '';
  }
  const next = nextTripwire(m);
  if (standsStill(m, nowMs)) return m.resumesAt ? `paused until ${moment(m.resumesAt, nowMs)}` : 'paused';
  return next ? countdown(Date.parse(next.at) - nowMs) : '';
}

/**
 * The conversation's SLA state, which is the one that lists are narrowed to. Where the clock that matters now has another
 * one, because the worst was reached by a clock that has stopped, both are said, each by its metric.
 * @param {{of: Conversation, long?: boolean}} props long: says in any case which clock it is
 */
export function SlaBadge({ of, long }) {
  if (!of.sla) return null;
  const metric = leading(of);
  if (!metric) return html`<${Settled} sla=${of.sla} />`;
  const differs = metric.state !== of.sla.state;
  const { word, tone } = STATES[metric.state];
  const next = nextTripwire(metric);
  const title =
    `${METRICS[metric.metric]}, ${isolated(metric.policyName)}: ${word}` +
    (next && metric.state !== 'breached' ? `. Next: ${isolated(next.name)}, ${exact(next.at)}` : '') +
    (metric.state === 'breached' && metric.dueAt.breached ? ` since ${exact(metric.dueAt.breached)}` : '');
  return html`<span class=${`sla ${standsStill(metric, now.value) ? 'plain' : tone} ${metric.state}`} title=${title}>
    <i class="shape" /><span>${long || differs ? `${METRICS[metric.metric]}: ${word.toLowerCase()}` : word}</span>
    <span class="figures">${timeLeft(metric, now.value)}</span>
  </span>${differs && html`<${Settled} sla=${of.sla} byMetric />`}`;
}

/**
 * The state that clocks reached which have stopped; nothing where every clock was called off in time.
 * @param {{sla: import('../../types.js').SLA, byMetric?: boolean}} props
 */
function Settled({ sla, byMetric }) {
  if (sla.state === 'ok' && !sla.metrics.some((m) => m.outcome)) return null;
  const { word, tone } = STATES[sla.state];
  const reached = sla.metrics.filter((m) => m.stoppedAt && m.state === sla.state).map((m) => METRICS[m.metric]);
  const text =
    sla.state === 'ok' ? 'SLA met' : byMetric ? `${reached.join(', ')}: ${word.toLowerCase()}` : `SLA: ${word}`;
  return html`<span class=${`sla ${tone} ${sla.state}`} title=${`${reached.join(', ')}: ${word}. Stopped`}><i
    class="shape" /><span>${text}</span></span>`;
}

/** @param {{of: Conversation}} props */
export function StatusBadge({ of }) {
  if (of.status === 'snoozed' && of.snoozedUntil) {
    return html`<span class="badge info" title=${exact(of.snoozedUntil)}>
      <${Icon} name="moon" />${moment(of.snoozedUntil, now.value)}</span>`;
  }
  return html`<span class=${`badge status-${of.status}`}>${STATUS[of.status]}</span>`;
}
