import { failure, gate, page, server, settle } from './browser.js';
import { conversation, session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { BURST, take } from '../static/store/conversations.js';
import * as list from '../static/store/list.js';
import { session } from '../static/store/session.js';

/** @typedef {import('../static/store/list.js').Filter} Filter */

session.value = /** @type {import('../static/store/session.js').Session} */ (signedIn('grace'));

/** @type {Filter} */
const open = {
  status: 'active',
  assignee: '',
  team: '',
  channel: '',
  tag: '',
  sla: '',
  turn: '',
  sort: '-lastMessageAt',
  q: '',
};

/** The nth conversation of the list: the first was written to last. @param {number} n @param {object} [different] */
const nth = (n, different) =>
  conversation(`c${n}`, {
    lastMessageAt: new Date(Date.parse('2026-05-06T07:00:00Z') - n * 60_000).toISOString(),
    ...different,
  });

/** @param {number} from @param {number} to */
const some = (from, to) => Array.from({ length: to - from }, (_, i) => nth(from + i));

beforeEach(() => server.reset());
afterEach(() => list.hide());

test('the list asks for what its filters say, and shows it in the order of the server', async () => {
  server.on('GET /v1/conversations', page([nth(1), nth(2)]));
  await list.show({ ...open, assignee: 'me', team: 't1', turn: 'pending' });
  assert.deepEqual(list.ids.peek(), ['c1', 'c2']);
  assert.ok(list.complete.peek());
  const { query } = server.requests[0];
  assert.equal(
    String(query),
    'status=active&teamId=t1&engagement=pending&sort=-lastMessageAt&assigneeId=grace&limit=100',
  );
});

test('pages follow when they are asked for, until there are none', async () => {
  server.on('GET /v1/conversations', ({ query }) =>
    query.get('cursor') ? page(some(100, 150)) : page(some(0, 100), 'next'),
  );
  await list.show(open);
  assert.equal(list.complete.peek(), false);
  await list.more();
  assert.equal(list.ids.peek().length, 150);
  assert.ok(list.complete.peek());
  await list.more();
  assert.equal(server.requests.length, 2);
});

test('a change moves a conversation to where it belongs, and out when it matches no more', async () => {
  server.on('GET /v1/conversations', page(some(1, 5)));
  await list.show(open);
  take(nth(3, { version: 2, lastMessageAt: '2026-05-06T07:30:00.000Z' }));
  assert.deepEqual(list.ids.peek(), ['c3', 'c1', 'c2', 'c4']);
  take(nth(1, { version: 2, status: 'done' }));
  assert.deepEqual(list.ids.peek(), ['c3', 'c2', 'c4']);
  take(conversation('new', { lastMessageAt: '2026-05-06T07:40:00.000Z' }));
  assert.deepEqual(list.ids.peek(), ['new', 'c3', 'c2', 'c4']);
  take(conversation('other', { lastMessageAt: '2026-05-06T07:50:00.000Z', status: 'snoozed' }));
  assert.equal(list.ids.peek().length, 4);
});

test('every filter holds for what comes in', async () => {
  server.on('GET /v1/conversations', page([]));
  const fits = {
    channel: 'sms',
    assigneeId: 'grace',
    teamId: 't1',
    tags: ['vip'],
    engagement: 'engaged',
    sla: { state: 'urgent', metrics: [] },
  };
  const filter = { ...open, channel: 'sms', assignee: 'me', team: 't1', tag: 'vip', turn: 'engaged', sla: 'urgent' };
  await list.show(filter);
  const others = { channel: 'email', assigneeId: 'ada', teamId: null, tags: [], engagement: 'pending', sla: null };
  for (const [name, value] of Object.entries(others)) {
    take(conversation(`without ${name}`, { .../** @type {object} */ (fits), [name]: value }));
    assert.deepEqual(list.ids.peek(), [], name);
  }
  take(conversation('fits', /** @type {object} */ (fits)));
  assert.deepEqual(list.ids.peek(), ['fits']);
});

test('what belongs behind the last page that was read waits for its page', async () => {
  server.on('GET /v1/conversations', page(some(0, 100), 'next'));
  await list.show(open);
  take(nth(500));
  assert.equal(list.ids.peek().includes('c500'), false);
  take(nth(50, { id: 'between' }));
  assert.ok(list.ids.peek().includes('between'));
});

test('under the pointer the order stands still, and the button says how many wait', async () => {
  server.on('GET /v1/conversations', page(some(1, 4)));
  await list.show(open);
  list.hold(true);
  take(nth(3, { version: 2, lastMessageAt: '2026-05-06T07:30:00.000Z' }));
  take(conversation('new', { lastMessageAt: '2026-05-06T07:40:00.000Z' }));
  assert.deepEqual(list.ids.peek(), ['c1', 'c2', 'c3']);
  assert.equal(list.waiting.peek(), 2);
  list.sortInPending();
  assert.deepEqual(list.ids.peek(), ['new', 'c3', 'c1', 'c2']);
  assert.equal(list.waiting.peek(), 0);
  take(nth(2, { version: 2, lastMessageAt: '2026-05-06T07:50:00.000Z' }));
  list.hold(false);
  assert.deepEqual(list.ids.peek(), ['c2', 'new', 'c3', 'c1'], 'leaving sorts in, too');
});

test('what the agent does to a conversation does not move it', async () => {
  server.on('GET /v1/conversations', page(some(1, 4)));
  await list.show(open);
  take(nth(3, { version: 2, updatedAt: '2026-05-06T08:00:00.000Z', assigneeId: 'grace' }));
  assert.deepEqual(list.ids.peek(), ['c1', 'c2', 'c3']);
});

test('for who goes through the list by keys nothing moves or comes until it is asked for; what is done goes', async () => {
  server.on('GET /v1/conversations', page(some(1, 5)));
  await list.show(open);
  list.holdByKeys(true);
  take(nth(4, { version: 2, lastMessageAt: '2026-05-06T07:30:00.000Z' }));
  take(nth(9, { id: 'new', lastMessageAt: '2026-05-06T07:40:00.000Z' }));
  take(nth(2, { version: 2, status: 'done' }));
  assert.deepEqual(list.ids.peek(), ['c1', 'c3', 'c4']);
  assert.equal(list.waiting.peek(), 2);
  list.hold(true);
  list.hold(false);
  assert.deepEqual(list.ids.peek(), ['c1', 'c3', 'c4'], 'a pointer that passes by changes nothing of that');
  list.sortInPending();
  assert.deepEqual(list.ids.peek(), ['new', 'c4', 'c1', 'c3']);
  take(nth(3, { version: 2, lastMessageAt: '2026-05-06T07:50:00.000Z' }));
  assert.equal(list.waiting.peek(), 1, 'it goes on standing still');
  list.holdByKeys(false);
  assert.deepEqual(list.ids.peek(), ['c3', 'new', 'c4', 'c1']);
});

test('breached and open is a filter by metric, another than the worst state reached', async () => {
  server.on('GET /v1/conversations', page([]));
  const metric = (/** @type {string} */ name, /** @type {string} */ state, /** @type {string|null} */ stoppedAt) => ({
    metric: name,
    state,
    stoppedAt,
    dueAt: { atRisk: null, urgent: null, breached: '2026-05-06T07:00:00Z' },
  });
  const late = conversation(
    'late',
    /** @type {object} */ ({
      sla: { state: 'breached', metrics: [metric('first_reply', 'breached', null), metric('resolution', 'ok', null)] },
    }),
  );
  const answered = conversation(
    'answered',
    /** @type {object} */ ({
      sla: {
        state: 'breached',
        metrics: [metric('first_reply', 'breached', '2026-05-06T08:00:00Z'), metric('resolution', 'ok', null)],
      },
    }),
  );
  for (const [sla, ids, query] of /** @type {[string, string[], string][]} */ ([
    ['breached', ['answered', 'late'], 'slaState=breached'],
    ['any', ['late'], 'breachedMetric=any'],
    ['first_reply', ['late'], 'breachedMetric=first_reply'],
    ['resolution', [], 'breachedMetric=resolution'],
  ])) {
    await list.show({ ...open, sla });
    assert.ok(String(server.requests.at(-1)?.query).includes(query), sla);
    take(late);
    take(answered);
    assert.deepEqual([...list.ids.peek()].sort(), ids, sla);
  }
});

test('what is overdue for longest comes first, then the next tripwire; what is neither is not in that list', async () => {
  /** @param {string} id @param {string} state @param {(string | null)[]} due @param {string | null} [stoppedAt] */
  const timed = (id, state, due, stoppedAt = null) =>
    conversation(
      id,
      /** @type {object} */ ({
        sla: {
          state,
          metrics: [
            { metric: 'resolution', state, stoppedAt, dueAt: { atRisk: due[0], urgent: due[1], breached: due[2] } },
          ],
        },
      }),
    );
  server.on('GET /v1/conversations', page([]));
  await list.show({ ...open, sort: 'slaDueAt' });
  take(timed('late', 'ok', ['2026-05-06T12:00:00Z', '2026-05-06T13:00:00Z', '2026-05-06T14:00:00Z']));
  take(timed('soon', 'at_risk', ['2026-05-06T06:00:00Z', '2026-05-06T09:00:00Z', '2026-05-06T14:00:00Z']));
  take(timed('all passed', 'breached', ['2026-05-06T06:00:00Z', '2026-05-06T06:30:00Z', '2026-05-06T07:00:00Z']));
  take(timed('overdue longer', 'breached', ['2026-05-06T05:00:00Z', '2026-05-06T05:30:00Z', '2026-05-06T06:00:00Z']));
  take(timed('stopped late', 'breached', [null, null, '2026-05-06T05:00:00Z'], '2026-05-06T08:00:00Z'));
  take(timed('stopped', 'ok', ['2026-05-06T08:30:00Z', null, null], '2026-05-06T08:00:00Z'));
  assert.deepEqual(list.ids.peek(), ['overdue longer', 'all passed', 'soon', 'late']);
});

test('what changes while a page is read is not lost with it', async () => {
  const { promise, open: answer } = gate();
  server.on('GET /v1/conversations', page(some(1, 4)));
  await list.show(open);
  server.on('GET /v1/conversations', { ...page(some(1, 4)), later: promise });
  const reading = list.refresh();
  take(nth(2, { version: 2, status: 'done' }));
  answer();
  await reading;
  assert.deepEqual(list.ids.peek(), ['c1', 'c3'], 'the page still had it as active');
});

test('what waits for the pointer to leave goes on waiting when the next page comes', async () => {
  server.on('GET /v1/conversations', ({ query }) =>
    query.get('cursor') ? page(some(100, 103)) : page(some(0, 100), 'next'),
  );
  await list.show(open);
  list.hold(true);
  const reading = list.more();
  take(nth(101, { version: 2, lastMessageAt: '2026-05-06T07:30:00.000Z' }));
  await reading;
  assert.equal(list.ids.peek().indexOf('c101'), 101, 'under the pointer nothing moves');
  list.hold(false);
});

test("a search is the server's: nothing comes in by itself, and what is done with goes", async () => {
  server.on('GET /v1/conversations', page([nth(1)]));
  await list.show({ ...open, q: 'order' });
  take(nth(2));
  assert.deepEqual(list.ids.peek(), ['c1']);
  take(nth(1, { version: 2, status: 'done' }));
  assert.deepEqual(list.ids.peek(), []);
});

test('a page that could not be read is said, and read again from where it was', async () => {
  server.on('GET /v1/conversations', ({ query }) =>
    query.get('cursor') ? failure(500, 'INTERNAL', 'sorry') : page(some(0, 100), 'next'),
  );
  await list.show(open);
  await list.more();
  assert.equal(list.listError.peek().code, 'INTERNAL');
  assert.equal(list.ids.peek().length, 100);
  server.on('GET /v1/conversations', page(some(100, 101)));
  await list.retry();
  assert.equal(list.ids.peek().length, 101);
  assert.equal(list.listError.peek(), null);
});

test('a list that was left does not come back with a late answer', async () => {
  const { promise, open: answer } = gate();
  server.on('GET /v1/conversations', { ...page([nth(1)]), later: promise });
  const first = list.show(open);
  server.on('GET /v1/conversations', page([nth(2, { status: 'done' })]));
  await list.show({ ...open, status: 'done' });
  answer();
  await first;
  await settle();
  assert.deepEqual(list.ids.peek(), ['c2']);
  assert.ok(BURST > 1);
});
