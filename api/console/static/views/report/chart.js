/** Met and breached clocks by day, as stacked bars, drawn by uPlot. The table below it has the same numbers. */
import { html, useEffect, useRef } from '../../lib/html.js';
import { shown } from '../../lib/theme.js';
import uPlot from '../../vendor/uplot.js';

const HEIGHT = 150;

/** A colour of the tokens as the canvas needs it. @param {string} name @param {HTMLElement} at */
function colour(name, at) {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  at.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/**
 * @param {{label: string, days: string[], met: (number|null)[], breached: (number|null)[]}} props
 */
export function Chart({ label, days, met, breached }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const theme = shown.value;
  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const bars = uPlot.paths.bars?.({ size: [0.7, 28], radius: 0.15 });
    const axis = {
      stroke: colour('text-muted', element),
      grid: { stroke: colour('line', element), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
      gap: 6,
    };
    const whole = (/** @type {any} */ _, /** @type {number[]} */ values) =>
      values.map((v) => (Number.isInteger(v) ? String(v) : ''));
    const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          {
            ...axis,
            grid: { show: false },
            space: 70,
            size: 24,
            values: (_, splits) => splits.map((s) => day.format(s * 1000)),
          },
          { ...axis, size: 36, values: whole },
        ],
        series: [
          {},
          {
            label: 'Breached',
            fill: colour('danger', element),
            stroke: colour('danger', element),
            width: 0,
            paths: bars,
            points: { show: false },
          },
          {
            label: 'Met',
            fill: colour('ok', element),
            stroke: colour('ok', element),
            width: 0,
            paths: bars,
            points: { show: false },
          },
        ],
      },
      [
        days.map((d) => Date.parse(d) / 1000),
        days.map((_, i) => (met[i] === null ? null : (met[i] ?? 0) + (breached[i] ?? 0))), // behind: the whole bar
        met,
      ],
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [theme, JSON.stringify([days, met, breached])]);
  return html`<figure class="chart"><div ref=${box} role="img" aria-label=${label}></div>
    <figcaption class="small muted"><span class="key ok"><i />Met</span><span class="key danger"><i
      />Breached</span></figcaption></figure>`;
}
