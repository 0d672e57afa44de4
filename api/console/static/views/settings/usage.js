/** What a key was used for: requests by day as bars, and by endpoint. */
import { html } from '../../lib/html.js';
import { Table } from './section.js';

/** @typedef {{day: string, endpoint: string, status: string, requests: number}} Use */

const DAYS = 30;

/** @param {{rows: Use[]}} props */
export function Usage({ rows }) {
  if (!rows.length) return html`<p class="muted">It has not been used.</p>`;
  const endpoints = [...Map.groupBy(rows, (r) => r.endpoint)]
    .map(([endpoint, uses]) => ({ endpoint, ...counts(uses) }))
    .sort((a, b) => b.total - a.total);
  return html`
    <${Bars} rows=${rows} />
    <${Table} label="Requests by endpoint" head=${['Endpoint', 'Requests', 'Refused', 'Failed']}
      rows=${endpoints.map((e) => ({
        key: e.endpoint,
        cells: [html`<code>${e.endpoint}</code>`, number(e.total), number(e.refused), number(e.failed)],
      }))} />`;
}

/** @param {Use[]} uses */
function counts(uses) {
  const sum = (/** @type {(u: Use) => boolean} */ which) => uses.filter(which).reduce((n, u) => n + u.requests, 0);
  return { total: sum(() => true), refused: sum((u) => u.status === '4xx'), failed: sum((u) => u.status === '5xx') };
}

/** @param {number} n */
const number = (n) => html`<span class="figures">${n.toLocaleString()}</span>`;

/** @param {{rows: Use[]}} props */
function Bars({ rows }) {
  const byDay = Map.groupBy(rows, (r) => r.day);
  const days = Array.from({ length: DAYS }, (_, i) =>
    new Date(Date.now() - (DAYS - 1 - i) * 86_400_000).toISOString().slice(0, 10),
  );
  const totals = days.map((day) => ({ day, ...counts(byDay.get(day) ?? []) }));
  const most = Math.max(1, ...totals.map((t) => t.total));
  return html`<div class="bars" role="img" aria-label=${`Requests a day, at most ${most}`}>
    ${totals.map(
      (t) => html`<span key=${t.day} class="bar"
      title=${`${t.day}: ${t.total} requests, ${t.refused} refused, ${t.failed} failed`}>
      <i style=${{ height: `${(100 * t.total) / most}%` }}><b style=${{
        height: t.total ? `${(100 * (t.refused + t.failed)) / t.total}%` : '0',
      }} /></i></span>`,
    )}
  </div>
  <div class="bars-scale muted small"><span>${days[0]}</span><span>today</span></div>`;
}
