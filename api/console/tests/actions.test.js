import { failure, gate, NOW, otherTab, server, settle } from './browser.js';
import { conversation } from './samples.js';
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { addTag, assign, busy, removeTag, resolve, snooze } from '../static/store/actions.js';
import { peek, take } from '../static/store/conversations.js';
import { notices } from '../static/store/notices.js';

let n = 0;
let id = '';

/** @param {object} [different] */
function given(different) {
  id = `c${++n}`;
  take(conversation(id, different));
}

beforeEach(() => {
  server.reset();
  notices.value = [];
  otherTab.hears();
});

const texts = () => notices.peek().map((notice) => notice.text);

test('a tag is shown at once, and taken back with the reason if the server refuses it', async () => {
  given({ tags: ['late'] });
  const { promise, open } = gate();
  server.on(`PUT /v1/conversations/${id}/tags/a%2Fb`, {
    ...failure(409, 'TAG_BUSY', 'the tag is being renamed'),
    later: promise,
  });
  const adding = addTag(id, 'a/b');
  assert.deepEqual(peek(id)?.tags, ['a/b', 'late']);
  open();
  await adding;
  assert.deepEqual(peek(id)?.tags, ['late']);
  assert.deepEqual(texts(), ['The tag was not added. The tag is being renamed.']);
});

test('a tag that is there is not added, and one that is not is not removed', async () => {
  given({ tags: ['vip'] });
  await addTag(id, 'vip');
  await removeTag(id, 'late');
  assert.equal(server.requests.length, 0);
});

test('removing a tag can be undone, and undoing it cannot', async () => {
  given({ tags: ['vip'] });
  server.on(`DELETE /v1/conversations/${id}/tags/vip`, { body: conversation(id, { version: 2 }) });
  server.on(`PUT /v1/conversations/${id}/tags/vip`, { body: conversation(id, { version: 3, tags: ['vip'] }) });
  await removeTag(id, 'vip');
  assert.deepEqual(texts(), ['Tag “vip” removed.']);
  const [notice] = notices.peek();
  notices.value = [];
  notice.action?.run();
  await settle();
  assert.deepEqual(peek(id)?.tags, ['vip']);
  assert.deepEqual(texts(), []);
});

test('undoing an assignment gives the conversation back to who had it', async () => {
  given({ assigneeId: 'ada', teamId: 't1' });
  server.on(`POST /v1/conversations/${id}/assign`, ({ body }) => ({
    body: conversation(id, { version: 2, teamId: 't1', ...body }),
  }));
  await assign(id, { assigneeId: 'ada' });
  assert.equal(server.requests.length, 0, 'it is theirs already');
  await assign(id, { assigneeId: null });
  assert.deepEqual(texts(), ['Assignment taken away.']);
  notices.peek()[0].action?.run();
  await settle();
  assert.deepEqual(
    server.requests.map((r) => r.body),
    [{ assigneeId: null }, { assigneeId: 'ada' }],
  );
});

test('what stops clocks is shown when it has happened, and can be asked for once at a time', async () => {
  given();
  const { promise, open } = gate();
  server.on(`POST /v1/conversations/${id}/resolve`, {
    body: conversation(id, { version: 2, status: 'done' }),
    later: promise,
  });
  const resolving = resolve(id);
  assert.equal(peek(id)?.status, 'active');
  assert.ok(busy.peek().has(id));
  open();
  await resolving;
  assert.equal(peek(id)?.status, 'done');
  assert.ok(!busy.peek().has(id));
  assert.deepEqual(texts(), ['Resolved.']);
  assert.deepEqual(
    otherTab.hears().map((e) => e.type),
    ['copy'],
    'other tabs show it without asking',
  );
});

test('a snooze says until when', async () => {
  given();
  server.on(`POST /v1/conversations/${id}/snooze`, { body: conversation(id, { version: 2, status: 'snoozed' }) });
  await snooze(id, new Date(NOW + 3_600_000));
  assert.deepEqual(server.requests[0].body, { until: '2026-05-06T09:00:00.000Z' });
  assert.deepEqual(texts(), ['Snoozed until 11:00.']);
});
