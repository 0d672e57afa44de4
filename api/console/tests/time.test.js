import { NOW, pass } from './browser.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '../static/lib/duration.js';
import { ago, countdown, localInput, minute, moment, now, snoozePresets, span, zone } from '../static/lib/time.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("the viewer's zone is the one of the machine", () => assert.equal(zone, 'Europe/Copenhagen'));

test('how long ago something was is as short as it can be said', () => {
  for (const [age, said] of /** @type {[number, string][]} */ ([
    [59_999, 'now'],
    [MINUTE, '1 min'],
    [59 * MINUTE, '59 min'],
    [HOUR, '1 h'],
    [23 * HOUR, '23 h'],
    [DAY, 'Tue'],
    [5 * DAY, 'Fri'],
  ]))
    assert.equal(ago(NOW - age, NOW), said);
  assert.match(ago(NOW - 7 * DAY, NOW), /29/);
  assert.match(ago(NOW - 400 * DAY, NOW), /2025/, 'of another year, with the year');
});

test('a moment is told by the calendar of the viewer, not by hours apart', () => {
  const evening = Date.parse('2026-05-06T21:30:00Z'); // 23:30 in Copenhagen
  assert.equal(moment('2026-05-06T21:45:00Z', evening), '23:45');
  assert.equal(moment('2026-05-06T22:15:00Z', evening), 'tomorrow 00:15');
  assert.equal(moment('2026-05-05T22:15:00Z', evening), '00:15');
  assert.equal(moment('2026-05-05T21:15:00Z', evening), 'yesterday 23:15');
  assert.equal(moment('2026-05-11T07:00:00Z', evening), 'Mon 09:00');
  assert.match(moment('2026-05-13T07:00:00Z', evening), /13.* 09:00$/, 'a week ahead the day of the week says nothing');
});

test('lengths of time have two units at most', () => {
  for (const [ms, said] of /** @type {[number, string][]} */ ([
    [-5, '0 s'],
    [44_600, '45 s'],
    [12 * MINUTE, '12 min'],
    [2 * HOUR, '2 h'],
    [2 * HOUR + 5 * MINUTE, '2 h 5 min'],
    [3 * DAY + 4 * HOUR + 5 * MINUTE, '3 d 4 h'],
  ]))
    assert.equal(span(ms), said);
  for (const [ms, said] of /** @type {[number, string][]} */ ([
    [-5, '0:00'],
    [42_900, '0:42'],
    [12 * MINUTE + 5000, '12:05'],
    [2 * HOUR + 10 * MINUTE, '2:10 h'],
    [3 * DAY + 5 * HOUR, '3 d 5 h'],
  ]))
    assert.equal(countdown(ms), said);
});

test('targets are written as people write them', () => {
  for (const [text, seconds] of /** @type {[string, number | null][]} */ ([
    ['30', 1800],
    ['90 min', 5400],
    ['1h 30m', 5400],
    ['2 hours', 7200],
    ['1,5 h', 5400],
    [' 45 S ', 45],
    ['soon', null],
    ['5 days', null],
    ['1h soon', null],
    ['', null],
  ]))
    assert.equal(parseDuration(text), seconds, text);
  for (const seconds of [0, 45, 1800, 5400, 86_400 + 61]) assert.equal(parseDuration(formatDuration(seconds)), seconds);
});

test("snoozing until tomorrow morning means nine o'clock there, across a clock change, too", () => {
  const labels = snoozePresets(new Date(NOW)).map(({ label, at }) => `${label}: ${at.toISOString()}`);
  assert.deepEqual(labels, [
    '1 hour: 2026-05-06T09:00:00.000Z',
    '4 hours: 2026-05-06T12:00:00.000Z',
    'Tomorrow 09:00: 2026-05-07T07:00:00.000Z',
    'Next Monday 09:00: 2026-05-11T07:00:00.000Z',
  ]);
  const beforeWinter = snoozePresets(new Date('2026-10-24T10:00:00Z'));
  assert.equal(beforeWinter[2].at.toISOString(), '2026-10-25T08:00:00.000Z');
  const onMonday = snoozePresets(new Date('2026-05-04T06:00:00Z'));
  assert.equal(onMonday[3].at.toISOString(), '2026-05-11T07:00:00.000Z', 'on a Monday, the next one');
  assert.equal(localInput(new Date('2026-05-07T07:05:00Z')), '2026-05-07T09:05');
});

test('what shows the time changes with it, and stands still while the page is hidden', async () => {
  assert.equal(now.peek(), NOW);
  await pass(1000);
  assert.equal(now.peek(), NOW + 1000);
  assert.equal(minute.peek(), NOW);
  Object.assign(document, { hidden: true });
  await pass(120_000);
  assert.equal(now.peek(), NOW + 1000);
  Object.assign(document, { hidden: false });
  document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(now.peek(), NOW + 121_000);
  assert.equal(minute.peek(), NOW + 2 * MINUTE);
});
