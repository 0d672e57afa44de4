import { failure, gate, otherTab, page, pass, server, settle, Source } from './browser.js';
import { conversation } from './samples.js';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { startStream } from '../static/lib/stream.js';
import { openThread } from '../static/store/thread.js';

startStream('e1');
Source.latest.opens();

const PATH = '/v1/conversations/c1';

/** @param {string} id @param {string} at */
const message = (id, at) => ({
  id,
  createdAt: at,
  direction: 'inbound',
  text: id,
  author: { type: 'customer', id: null, name: '' },
});

/** @param {string} id @param {string} kind @param {string} at @param {object} [more] */
const entry = (id, kind, at, more) => ({
  id,
  kind,
  createdAt: at,
  actor: { type: 'agent', id: 'grace', name: 'Grace', via: null },
  data: {},
  ...more,
});

/** @type {ReturnType<typeof openThread>} */
let thread;

async function open() {
  thread = openThread('c1');
  await settle();
}

beforeEach(() => {
  server.reset();
  localStorage.clear();
  server.on(`GET ${PATH}`, { body: conversation('c1') });
  server.on(`GET ${PATH}/messages`, page([]));
  server.on(`GET ${PATH}/timeline`, page([]));
});

afterEach(() => {
  for (const message of thread.sending.peek()) thread.discard(message);
  thread.close();
});

test('messages and what else happened are one line of time', async () => {
  server.on(`GET ${PATH}/messages`, page([message('m1', '08:00'), message('m2', '08:02')]));
  server.on(
    `GET ${PATH}/timeline`,
    page([
      entry('t0', 'created', '08:00'),
      entry('t1', 'message_received', '08:00', { data: { messageId: 'm1' } }),
      entry('t2', 'assigned', '08:01'),
      entry('t3', 'message_sent', '08:02', {
        data: { messageId: 'm2' },
        actor: { type: 'agent', id: 'grace', name: 'Grace', via: { type: 'api_key', id: 'k', name: 'Phone app' } },
      }),
    ]),
  );
  await open();
  assert.ok(thread.ready.peek());
  assert.deepEqual(
    thread.items.peek().map((i) => i.key),
    ['t0', 'm1', 't2', 'm2'],
    'a message is not told of twice',
  );
  const last = thread.items.peek()[3];
  assert.equal('message' in last && last.via?.name, 'Phone app');
});

test('what is new is read behind what is there, once for all changes that come while it is read', async () => {
  const { promise, open: answer } = gate();
  server.on(`GET ${PATH}/messages`, ({ query }) =>
    query.get('cursor')
      ? { ...page([message('m2', '08:01')]), later: promise }
      : page([message('m1', '08:00')], 'after m1'),
  );
  thread = openThread('c1');
  await settle();
  thread.load();
  thread.load();
  answer();
  await settle();
  assert.deepEqual(
    thread.messages.peek().map((m) => m.id),
    ['m1', 'm2'],
  );
  const cursors = server.asked(`GET ${PATH}/messages`).map((r) => r.query.get('cursor'));
  assert.deepEqual(cursors, [null, 'after m1', 'after m1'], 'the two calls were one');
});

test('a reply is shown at once, and gives way to the message when that has been read', async () => {
  await open();
  const { promise, open: answer } = gate();
  server.on(`POST ${PATH}/messages`, {
    body: { ...message('m1', '08:05'), conversation: conversation('c1', { version: 2 }) },
    later: promise,
  });
  const sent = thread.post('outbound', 'On its way.', true);
  assert.deepEqual(
    thread.sending.peek().map((s) => [s.text, s.error]),
    [['On its way.', null]],
  );
  assert.match(localStorage.getItem('atender.unsent.c1') ?? '', /On its way/, 'it survives a page that is left now');
  await settle();
  assert.deepEqual(server.asked(`POST ${PATH}/messages`)[0].body, {
    direction: 'outbound',
    text: 'On its way.',
    resolve: true,
  });
  server.on(`GET ${PATH}/messages`, page([message('m1', '08:05')]));
  answer();
  assert.equal(await sent, true);
  assert.deepEqual(thread.sending.peek(), []);
  assert.equal(thread.messages.peek().length, 1);
  assert.equal(localStorage.getItem('atender.unsent.c1'), null);
});

test('a reply that was refused stays, and a retry is the same call', async () => {
  await open();
  server.on(`POST ${PATH}/messages`, failure(503, 'UNAVAILABLE', 'later'));
  const failed = thread.post('outbound', 'On its way.', false);
  await settle();
  await pass(400);
  assert.equal(await failed, false);
  const [message] = thread.sending.peek();
  assert.equal(message.error.code, 'UNAVAILABLE');
  server.on(`POST ${PATH}/messages`, { body: {} });
  assert.equal(await thread.retry(message), true);
  const keys = server.asked(`POST ${PATH}/messages`).map((r) => r.headers['Idempotency-Key']);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1, 'so the server does it once');
});

test('what was not confirmed when the page was left is offered again, and not once another tab has sent it', async () => {
  const left = {
    key: 'k1',
    direction: 'outbound',
    text: 'On its way.',
    resolve: false,
    error: null,
    createdAt: '08:00',
  };
  localStorage.setItem('atender.unsent.c1', JSON.stringify([left]));
  await open();
  const [message] = thread.sending.peek();
  assert.equal(message.key, 'k1');
  assert.match(message.error.message, /left before/);
  otherTab.stores('atender.unsent.c1', undefined);
  assert.deepEqual(thread.sending.peek(), []);
});

test('a message goes on when its thread is closed, and is there when it is opened again', async () => {
  await open();
  const { promise, open: answer } = gate();
  server.on(`POST ${PATH}/messages`, { body: {}, later: promise });
  const sent = thread.post('note', 'Ask the warehouse.', false);
  thread.close();
  await open();
  assert.deepEqual(
    thread.sending.peek().map((s) => s.text),
    ['Ask the warehouse.'],
  );
  answer();
  await sent;
  assert.deepEqual(thread.sending.peek(), []);
  assert.ok(
    otherTab.hears().some((e) => e.type === 'note' && e.id === 'c1'),
    'other tabs read the note',
  );
});

test('a note of a colleague is read: the conversation has no new version', async () => {
  await open();
  const before = server.asked(`GET ${PATH}/messages`).length;
  Source.latest.sends({ type: 'conversation', id: 'c1', version: 1, events: [] });
  await settle();
  assert.equal(server.asked(`GET ${PATH}/messages`).length, before + 1);
  Source.latest.sends({ type: 'conversation', id: 'c2', version: 1, events: [] });
  await settle();
  assert.equal(server.asked(`GET ${PATH}/messages`).length, before + 1);
});

test('a thread that cannot be read says why', async () => {
  server.on(`GET ${PATH}`, failure(404, 'NOT_FOUND', 'there is no such conversation'));
  server.on(`GET ${PATH}/messages`, failure(404, 'NOT_FOUND', 'there is no such conversation'));
  await open();
  assert.equal(thread.error.peek().status, 404);
  assert.equal(thread.ready.peek(), false);
});
