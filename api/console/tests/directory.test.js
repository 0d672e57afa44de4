import { failure, page, pass, server, settle } from './browser.js';
import { conversation, session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { take } from '../static/store/conversations.js';
import { agents, channelName, loadAgents, loadDirectory, nameOf, quietly, tags } from '../static/store/directory.js';
import { session } from '../static/store/session.js';

test('the lists that the agent may read are read, and one that fails keeps the others', async () => {
  session.value = /** @type {import('../static/store/session.js').Session} */ (
    signedIn('grace', ['users:read', 'teams:read', 'tags:read'])
  );
  server.on('GET /v1/agents', page([{ id: 'grace', name: 'Grace' }]));
  server.on('GET /v1/teams', failure(500, 'INTERNAL', 'sorry'));
  server.on('GET /v1/tags', page([{ id: 't', name: 'vip' }]));
  assert.equal(nameOf('grace'), '…', 'until it is known');
  await loadDirectory();
  assert.equal(nameOf('grace'), 'Grace');
  assert.equal(nameOf(null), 'Nobody');
  assert.equal(nameOf(null, 'No team'), 'No team');
  assert.deepEqual(
    server.requests.map((r) => r.path).sort(),
    ['/v1/agents', '/v1/tags', '/v1/teams'],
    'channels it may not',
  );
  assert.equal(channelName('email'), 'E-mail');
});

test('a name that is in no list may be new: the lists are read again, once', async () => {
  server.requests.length = 0;
  server.on('GET /v1/teams', page([]));
  server.on(
    'GET /v1/agents',
    page([
      { id: 'grace', name: 'Grace' },
      { id: 'ada', name: 'Ada' },
    ]),
  );
  assert.equal(nameOf('ada'), '…');
  assert.equal(nameOf('gone'), '…');
  await settle();
  await pass(5000);
  assert.equal(server.asked('GET /v1/agents').length, 1);
  assert.equal(nameOf('ada'), 'Ada');
  assert.equal(nameOf('gone'), 'Somebody who left');
  await pass(60_000);
  assert.equal(server.asked('GET /v1/agents').length, 1);
});

test('a tag that is met for the first time is read', async () => {
  server.on(
    'GET /v1/tags',
    page([
      { id: 't', name: 'vip' },
      { id: 'u', name: 'new' },
    ]),
  );
  take(conversation('c1', { tags: ['new', 'vip'] }));
  await pass(5000);
  assert.deepEqual(
    tags.peek().map((t) => t.name),
    ['vip', 'new'],
  );
});

test('only what the server refuses is quiet', async () => {
  server.on('GET /v1/agents', failure(500, 'INTERNAL', 'sorry'));
  assert.equal(await quietly(loadAgents), false);
  assert.equal(agents.peek().length, 2, 'what is known stays');
  await assert.rejects(
    quietly(() => Promise.reject(new TypeError('a mistake'))),
    TypeError,
  );
});
