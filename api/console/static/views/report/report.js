/** The SLA report: how the targets were met. */
import { html, useEffect, useRef, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { useResource } from '../../lib/resource.js';
import { to } from '../../lib/router.js';
import { span } from '../../lib/time.js';
import { channelName, nameOf, teams } from '../../store/directory.js';
import { Empty, Loaded } from '../../ui/parts.js';
import { CHANNEL_NAMES } from '../../vocabulary.js';
import { METRICS } from '../inbox/badges.js';
import { Table } from '../settings/section.js';
import { percent } from '../settings/webhooks.js';
import { Chart } from './chart.js';

/**
 * @typedef {object} Line
 * @property {'first_reply'|'all_messages'|'resolution'} metric
 * @property {number} stopped
 * @property {number} met
 * @property {number} breached
 * @property {number} metRate
 * @property {number} breachRate
 * @property {number|null} medianSeconds
 * @property {number|null} p90Seconds
 * @typedef {{key: string|null, name: string|null, metrics: Line[]}} Group
 * @typedef {{from: string, to: string, groupBy: string, total: Line[], data: Group[], breachedOpen: {metric: Line['metric'], clocks: number}[]}} SlaReport
 */

const PERIODS = [
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'A year'],
];
const GROUPINGS = [
  ['policy', 'Policy'],
  ['team', 'Team'],
  ['channel', 'Channel'],
];
const ORDER = ['first_reply', 'all_messages', 'resolution'];

export function Report() {
  const [view, setView] = useState({ days: '30', groupBy: 'policy', teamId: '', channel: '' });
  useEffect(() => {
    document.title = 'SLA report · Atender';
  }, []);
  const report = useResource(view, async (signal) => {
    const to = new Date();
    to.setUTCHours(24, 0, 0, 0);
    const range = {
      from: new Date(to.getTime() - Number(view.days) * 86_400_000).toISOString(),
      to: to.toISOString(),
      teamId: view.teamId,
      channel: view.channel,
    };
    const [grouped, daily] = await Promise.all([
      api.get('/v1/sla-report', { ...range, groupBy: view.groupBy }, signal),
      api.get('/v1/sla-report', { ...range, groupBy: 'day' }, signal),
    ]);
    return { grouped, daily };
  });
  // What was shown stays until the next is there, and with it what has the focus.
  const kept = useRef(/** @type {{grouped: SlaReport, daily: SlaReport} | undefined} */ (undefined));
  kept.current = report.error ? undefined : (report.data ?? kept.current);
  const set = (/** @type {string} */ name) => (/** @type {any} */ e) => setView({ ...view, [name]: e.target.value });
  return html`<main id="main" class="report">
    <header class="section-head">
      <div class="section-title"><h1>SLA report</h1><p
        class="muted">What came of clocks in the period. A breach counts when it happens, whether or not the clock has
        stopped since. Days are those of UTC.</p></div>
      <div class="part-tools">
        <div class="segments" role="group"
          aria-label="Period">${PERIODS.map(
            ([days, label]) => html`<button key=${days} type="button"
          aria-pressed=${view.days === days} onClick=${() => setView({ ...view, days })}>${label}</button>`,
          )}</div>
        <select aria-label="Team" value=${view.teamId} onChange=${set('teamId')}><option value="">Every team</option>
          ${teams.value.map((t) => html`<option key=${t.id} value=${t.id}>${t.name}</option>`)}</select>
        <select aria-label="Channel" value=${view.channel} onChange=${set('channel')}><option
          value="">Every channel</option>
          ${Object.entries(CHANNEL_NAMES).map(
            ([value, label]) => html`<option key=${value} value=${value}>${label}</option>`,
          )}</select>
      </div>
    </header>
    <${Loaded} of=${{ ...report, data: kept.current }} what="The report could not be read.">${(
      /** @type {{grouped: SlaReport, daily: SlaReport}} */ { grouped, daily },
    ) =>
      grouped.total.length || grouped.breachedOpen.length
        ? html`
        <${BreachedOpen} of=${grouped.breachedOpen} team=${view.teamId} channel=${view.channel} />
        <div class="cards">${sorted(grouped.total).map(
          (line) => html`<${Card} key=${line.metric} line=${line} daily=${daily} />`,
        )}</div>
        <header class="part-head"><h2>By ${grouped.groupBy}</h2>
          <div class="segments" role="group"
            aria-label="Group by">${GROUPINGS.map(
              ([value, label]) => html`<button key=${value} type="button"
            aria-pressed=${view.groupBy === value}
              onClick=${() => setView({ ...view, groupBy: value })}>${label}</button>`,
            )}</div></header>
        <${Groups} report=${grouped} />`
        : html`<${Empty} icon="chart" text="No clock stopped or breached in this period. Clocks run where an SLA policy is assigned." />`}<//>
  </main>`;
}

/**
 * What is breached and still open now, with the list of it.
 * @param {{of: SlaReport['breachedOpen'], team: string, channel: string}} props
 */
function BreachedOpen({ of, team, channel }) {
  if (!of.length) return null;
  return html`<p class="breached-open">Breached and still open now: ${of.map(
    ({ metric, clocks }, i) => html`${i > 0 && ', '}<a key=${metric}
    href=${to('inbox', { status: 'any', sort: 'slaDueAt', sla: metric, team, channel })}>${
      METRICS[metric]
    } ${clocks.toLocaleString()}</a>`,
  )}</p>`;
}

/** @param {number|null} seconds */
const took = (seconds) => (seconds === null ? '–' : span(seconds * 1000));

/** @param {Line[]} lines */
const sorted = (lines) => [...lines].sort((a, b) => ORDER.indexOf(a.metric) - ORDER.indexOf(b.metric));

/** One clock: its rate, its times, and both by day. @param {{line: Line, daily: SlaReport}} props */
function Card({ line, daily }) {
  const days = daysOf(daily).map((day) => ({
    day,
    line: daily.data.find((g) => g.key === day)?.metrics.find((m) => m.metric === line.metric),
  }));
  return html`<section class="card">
    <header><h2>${METRICS[line.metric]}</h2><span
      class="muted">${line.stopped.toLocaleString()} ${line.stopped === 1 ? 'clock' : 'clocks'}</span></header>
    <dl class="figures-row">
      <div><dt>Met</dt><dd class="figures">${line.met + line.breached ? percent(line.metRate) : '–'}</dd></div>
      <div><dt>Breached</dt><dd class="figures">${line.breached.toLocaleString()}</dd></div>
      <div><dt>Median</dt><dd class="figures">${took(line.medianSeconds)}</dd></div>
      <div><dt>9 of 10 within</dt><dd class="figures">${took(line.p90Seconds)}</dd></div>
    </dl>
    <${Chart} label=${`${METRICS[line.metric]}: met and breached by day`} days=${days.map((d) => d.day)}
      met=${days.map((d) => d.line?.met ?? null)} breached=${days.map((d) => d.line?.breached ?? null)} />
    <details><summary class="small">Day by day</summary>
      <${Table} label=${`${METRICS[line.metric]} by day`} head=${['Day', 'Met', 'Breached']}
        rows=${days
          .filter((d) => d.line)
          .map((d) => ({
            key: d.day,
            cells: [d.day, d.line?.met, d.line?.breached].map(
              (cell) => html`<span class="figures">${cell?.toLocaleString()}</span>`,
            ),
          }))} />
    </details>
  </section>`;
}

/** Every day of the period. @param {SlaReport} report */
function daysOf(report) {
  const days = [];
  for (let t = Date.parse(report.from); t < Date.parse(report.to); t += 86_400_000)
    days.push(new Date(t).toISOString().slice(0, 10));
  return days;
}

/** @param {{report: SlaReport}} props */
function Groups({ report }) {
  const name = (/** @type {Group} */ g) =>
    report.groupBy === 'channel'
      ? channelName(g.key ?? '')
      : (g.name ?? (report.groupBy === 'team' ? nameOf(g.key, 'No team') : '–'));
  return html`<${Table} label="By group"
    head=${[
      report.groupBy[0].toUpperCase() + report.groupBy.slice(1),
      'Clock',
      'Stopped',
      'Met',
      'Breached',
      'Median',
      '9 of 10 within',
    ]}
    rows=${report.data.flatMap((g) =>
      sorted(g.metrics).map((m, i) => ({
        key: `${g.key}-${m.metric}`,
        cells: [
          i ? '' : name(g),
          METRICS[m.metric],
          m.stopped.toLocaleString(),
          m.met + m.breached ? percent(m.metRate) : '–',
          m.breached.toLocaleString(),
          took(m.medianSeconds),
          took(m.p90Seconds),
        ].map((cell, j) => (j > 1 ? html`<span class="figures">${cell}</span>` : cell)),
      })),
    )} />`;
}
