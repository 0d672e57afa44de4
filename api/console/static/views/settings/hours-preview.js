/** When it is open next, as the server works it out. */
import { html } from '../../lib/html.js';
import { useResource } from '../../lib/resource.js';
import { Badge } from '../../ui/parts.js';

/**
 * @param {object} props
 * @param {() => Promise<{isOpen: boolean, windows: {opens: string, closes: string}[]}>} props.load
 * @param {string} props.zone in which the times are shown
 * @param {unknown} [props.of] what it depends on
 */
export function Preview({ load, zone, of }) {
  const preview = useResource(['preview', of ?? null], load);
  if (preview.error) return html`<span class="field-error">${preview.error.message}</span>`;
  if (!preview.data) return html`<span class="muted small">…</span>`;
  const { isOpen, windows } = preview.data;
  return html`<div class="preview small">
    ${isOpen && html`<${Badge} tone="ok">Open now<//>`}
    ${windows.map((w) => html`<div key=${w.opens} class="figures">${range(w, zone)}</div>`)}
    ${!windows.length && html`<span class="muted">Not within two years.</span>`}
  </div>`;
}

/** @param {{opens: string, closes: string}} w @param {string} zone */
function range(w, zone) {
  const day = format(zone, { weekday: 'short', day: 'numeric', month: 'short' });
  const time = format(zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [opens, closes] = [new Date(w.opens), new Date(w.closes)];
  const sameDay = day(opens) === day(new Date(closes.getTime() - 1));
  return `${day(opens)} ${time(opens)} – ${sameDay ? '' : `${day(closes)} `}${
    sameDay && time(closes) === '00:00' ? '24:00' : time(closes)
  }`;
}

/** @param {string} zone @param {Intl.DateTimeFormatOptions} options @returns {(d: Date) => string} */
function format(zone, options) {
  try {
    const f = new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone });
    return (d) => f.format(d);
  } catch {
    return (d) => d.toISOString(); // a zone that the browser does not know
  }
}
