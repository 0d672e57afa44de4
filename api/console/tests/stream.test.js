import { lock, otherTab, pass, settle, Source } from './browser.js';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { online } from '../static/lib/api.js';
import { connected, onStream, startStream, stopStream } from '../static/lib/stream.js';

/** @type {string[]} */
const heard = [];
onStream((event) => heard.push(event.type));

beforeEach(() => {
  Source.all.length = 0;
  heard.length = 0;
  lock.free = true;
  otherTab.hears();
});

afterEach(async () => {
  stopStream();
  await settle();
});

test('the tab that has the lock connects from where the page was read, and passes on what it receives', async () => {
  startStream('e7');
  assert.equal(Source.latest.url, '/console/events?after=e7');
  assert.equal(connected.peek(), false);
  Source.latest.opens();
  assert.equal(connected.peek(), true);
  Source.latest.sends({ type: 'conversation', id: 'c1' });
  assert.deepEqual(heard, ['conversation'], 'the first connection has missed nothing');
  assert.deepEqual(otherTab.hears(), [
    { type: 'connection?' },
    { type: 'connection', connected: true },
    { type: 'conversation', id: 'c1' },
  ]);
});

test('another tab hears through it, and knows whether there is a connection', async () => {
  lock.free = false;
  startStream('e7');
  assert.equal(Source.all.length, 0, 'one connection for all tabs');
  otherTab.says({ type: 'connection', connected: true });
  otherTab.says({ type: 'conversation', id: 'c1' });
  assert.equal(connected.peek(), true);
  assert.deepEqual(heard, ['conversation']);
});

test('a tab that asks is told whether there is a connection', async () => {
  startStream('e7');
  Source.latest.opens();
  otherTab.hears();
  otherTab.says({ type: 'connection?' });
  assert.deepEqual(otherTab.hears(), [{ type: 'connection', connected: true }]);
});

test('a tab that takes over reads everything anew: what happened in between no tab was told', async () => {
  lock.free = false;
  startStream('e7');
  otherTab.says({ type: 'connection', connected: true });
  lock.release();
  assert.equal(Source.latest.url, '/console/events');
  Source.latest.opens();
  assert.deepEqual(heard, ['resync']);
});

test('a connection that breaks is made again by the browser, and shown as lost meanwhile', async () => {
  startStream('e7');
  Source.latest.opens();
  Source.latest.breaks(false);
  assert.equal(connected.peek(), false);
  Source.latest.opens();
  assert.equal(connected.peek(), true);
  assert.equal(Source.all.length, 1);
  assert.deepEqual(heard, [], 'the server knows what this connection has had');
});

test('a refusal may mean that the session is over; another try comes later and later', async () => {
  startStream('e7');
  Source.latest.breaks(true);
  assert.deepEqual(heard, ['refused']);
  for (const [tries, wait] of [500, 1000, 2000, 5000, 10_000, 10_000].entries()) {
    await settle();
    await pass(wait - 1);
    assert.equal(Source.all.length, tries + 1, `${wait} ms have not passed`);
    await pass(1);
    assert.equal(Source.all.length, tries + 2);
    Source.latest.breaks(true);
  }
});

test('a browser that is online again tries at once', async () => {
  startStream('e7');
  Source.latest.breaks(true);
  await settle();
  dispatchEvent(new Event('online'));
  await settle();
  assert.equal(Source.all.length, 2);
  Source.latest.opens();
  assert.deepEqual(heard, ['refused', 'resync']);
  assert.equal(online.peek(), true);
});

test('signing out closes the connection for good', async () => {
  startStream('e7');
  Source.latest.opens();
  stopStream();
  await settle();
  assert.equal(Source.latest.readyState, Source.CLOSED);
  assert.equal(connected.peek(), false);
  await pass(60_000);
  assert.equal(Source.all.length, 1);
});
