/** Lengths of time as people write them, for SLA targets: "30 min", "1 h 30 min", "45 s". */

/** @type {Record<string, number>} */
const UNITS = { h: 3600, m: 60, s: 1 };

/**
 * @param {string} text such as `1h 30m`, `90 min`, `2 hours`; a bare number is minutes
 * @returns {number | null} seconds; null if it is not a length of time
 */
export function parseDuration(text) {
  const trimmed = text.trim().toLowerCase();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * 60;
  const parts = [...trimmed.matchAll(/(\d+(?:[.,]\d+)?)\s*(h|m|s)[a-z]*\.?/g)];
  if (!parts.length || trimmed.replace(/(\d+(?:[.,]\d+)?)\s*(h|m|s)[a-z]*\.?/g, '').trim()) return null;
  return Math.round(parts.reduce((sum, [, n, unit]) => sum + Number(n.replace(',', '.')) * UNITS[unit], 0));
}

/** @param {number} seconds */
export function formatDuration(seconds) {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [Math.round(seconds % 60), 's'],
  ];
  return (
    parts
      .filter(([n]) => n)
      .map(([n, unit]) => `${n} ${unit}`)
      .join(' ') || '0 min'
  );
}
