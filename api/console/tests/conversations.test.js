import { otherTab, pass, server, settle, Source } from './browser.js';
import { contact, conversation, session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { startStream } from '../static/lib/stream.js';
import {
  BURST,
  conversation as known,
  guess,
  isUnread,
  keepFresh,
  keepListed,
  markSeen,
  onBurst,
  peek,
  take,
} from '../static/store/conversations.js';
import { session } from '../static/store/session.js';

session.value = /** @type {import('../static/store/session.js').Session} */ (signedIn());
startStream('e1');
Source.latest.opens();

/** @type {string[]} */
let listed = [];
let grows = false;
keepListed(
  () => listed,
  () => grows,
);

beforeEach(() => {
  server.reset();
  listed = [];
  grows = false;
  otherTab.hears();
});

test('of two copies the one with the higher version is shown, in whatever order they come', () => {
  take(conversation('a', { version: 3, subject: 'new' }));
  take(conversation('a', { version: 2, subject: 'old' }));
  assert.equal(peek('a')?.subject, 'new');
  take(conversation('a', { version: 3, subject: 'read again, with fresh clocks' }));
  assert.equal(peek('a')?.subject, 'read again, with fresh clocks');
});

test('a contact that was read later stays in an older copy of its conversation', () => {
  take(conversation('b', { contact: contact('ada', { name: 'Ada L.', updatedAt: '2026-05-06T08:00:00.000Z' }) }));
  take(conversation('b', { version: 2, contact: contact('ada') }));
  assert.equal(peek('b')?.contact.name, 'Ada L.');
  take(conversation('b', { version: 3, contact: contact('eve') }));
  assert.equal(peek('b')?.contact.name, 'eve', 'but another contact is another contact');
});

test('an answer to a change is shared with the other tabs', () => {
  take(conversation('c', { version: 2 }), { share: true });
  assert.deepEqual(
    otherTab.hears().map((m) => [m.type, m.conversation.version]),
    [['copy', 2]],
  );
  otherTab.says({ type: 'copy', conversation: conversation('c', { version: 4 }) });
  assert.equal(peek('c')?.version, 4);
  assert.deepEqual(otherTab.hears(), [], 'what came from there does not go back');
});

test('a guess is shown until its answer comes, and goes when there is none', () => {
  take(conversation('d', { tags: ['a'] }));
  const first = guess('d', ({ tags }) => ({ tags: [...tags, 'b'] }));
  const second = guess('d', () => ({ assigneeId: 'grace' }));
  assert.deepEqual([peek('d')?.tags, peek('d')?.assigneeId], [['a', 'b'], 'grace']);
  take(conversation('d', { version: 2, tags: ['a', 'z'] }));
  assert.deepEqual(peek('d')?.tags, ['a', 'z', 'b'], 'what comes meanwhile is below the guesses');
  first();
  assert.deepEqual([peek('d')?.tags, peek('d')?.assigneeId], [['a', 'z'], 'grace']);
  second();
  assert.equal(peek('d')?.assigneeId, null);
  guess('unknown', () => ({ subject: 'x' }))();
  assert.equal(peek('unknown'), undefined);
});

test('what changed elsewhere is read once, if it is shown, and not if it is known already', async () => {
  take(conversation('e', { version: 5 }));
  listed = ['e'];
  server.on('GET /v1/conversations/e', { body: conversation('e', { version: 7 }) });
  Source.latest.sends({ type: 'conversation', id: 'e', version: 5 });
  await pass(200);
  assert.equal(server.requests.length, 0, 'version 5 is the one that is known');
  Source.latest.sends({ type: 'conversation', id: 'e', version: 6 });
  Source.latest.sends({ type: 'conversation', id: 'e', version: 7 });
  Source.latest.sends({ type: 'conversation', id: 'off the page', version: 2 });
  await pass(79);
  assert.equal(server.requests.length, 0, 'changes are gathered');
  await pass(1);
  assert.deepEqual(
    server.requests.map((r) => r.path),
    ['/v1/conversations/e'],
  );
  assert.equal(peek('e')?.version, 7);
});

test('when very much changes at once, the list is read anew, and the open conversation by itself', async () => {
  grows = true;
  const ids = Array.from({ length: BURST + 1 }, (_, i) => `burst${i}`);
  const close = keepFresh(ids[3]);
  server.on(`GET /v1/conversations/${ids[3]}`, { body: conversation(ids[3]) });
  /** @type {string[][]} */
  const bursts = [];
  const stop = onBurst((changed) => bursts.push(changed));
  for (const id of ids) Source.latest.sends({ type: 'conversation', id, version: 2 });
  await pass(80);
  assert.deepEqual(bursts, [ids]);
  assert.deepEqual(
    server.requests.map((r) => r.path),
    [`/v1/conversations/${ids[3]}`],
  );
  stop();
  close();
});

test('a contact that changed is shown in all its conversations', async () => {
  take(conversation('f1', { contact: contact('joe') }));
  take(conversation('f2', { contact: contact('joe') }));
  server.on('GET /v1/contacts/joe', { body: contact('joe', { name: 'Joe', updatedAt: '2026-05-06T09:00:00.000Z' }) });
  Source.latest.sends({ type: 'contact', id: 'joe' });
  await pass(80);
  assert.deepEqual([peek('f1')?.contact.name, peek('f2')?.contact.name], ['Joe', 'Joe']);
  assert.equal(server.requests.length, 1);
});

test('an open conversation with a running clock is read every minute; one without is not', async () => {
  const metric = /** @type {import('../static/types.js').SLAMetric} */ ({
    metric: 'resolution',
    policyId: 'p',
    policyName: 'Gold',
    cycle: 1,
    state: 'ok',
    outcome: null,
    startedAt: '2026-05-06T07:00:00.000Z',
    stoppedAt: null,
    paused: true,
    resumesAt: null,
    dueAt: { atRisk: null, urgent: null, breached: null },
  });
  take(conversation('g', { sla: { state: 'ok', metrics: [metric] } }));
  take(conversation('h'));
  const closes = [keepFresh('g'), keepFresh('h')];
  server.on('GET /v1/conversations/g', { body: conversation('g') });
  for (let second = 0; second < 60; second++) await pass(1000);
  assert.deepEqual(
    server.requests.map((r) => r.path),
    ['/v1/conversations/g'],
  );
  for (const close of closes) close();
});

test('a conversation is unread until it was looked at, here or in another tab, and again when the customer writes', async () => {
  const c = conversation('i');
  assert.ok(isUnread(c));
  markSeen(c);
  assert.ok(!isUnread(c));
  assert.ok(isUnread({ ...c, lastMessageAt: '2026-05-06T07:30:00.000Z' }));
  assert.ok(!isUnread({ ...c, lastMessageAt: '2026-05-06T07:30:00.000Z', engagement: 'engaged' }));
  const j = conversation('j');
  otherTab.stores('atender.seen', { j: j.lastMessageAt });
  assert.ok(!isUnread(j));
  await settle();
});

test('what is not shown is let go when there is too much of it; what is open stays', () => {
  take(conversation('kept'));
  const close = keepFresh('kept');
  for (let i = 0; i < 6100; i++) take(conversation(`many${i}`));
  assert.ok(peek('kept'));
  assert.equal(peek('many0'), undefined);
  assert.ok(peek('many6099'));
  close();
  known('many6099');
});
