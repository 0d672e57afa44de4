import { failure, otherTab, place, server, settle, Source } from './browser.js';
import { session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api } from '../static/lib/api.js';
import { recall, remember } from '../static/lib/storage.js';
import { loadSession, may, me, session, sessionError } from '../static/store/session.js';

test('a server that cannot be reached at the start is said, and no page to sign in is shown', async () => {
  server.on('GET /console/session', { lost: true });
  await loadSession();
  assert.equal(session.peek(), undefined);
  assert.equal(sessionError.peek().code, 'OFFLINE');
});

test('the session says who is there and what they may do, and begins the stream where it was read', async () => {
  server.on('GET /console/session', { body: signedIn('grace', ['conversations:write', 'tags:read']) });
  await loadSession();
  assert.equal(sessionError.peek(), null);
  assert.equal(me.peek()?.id, 'grace');
  assert.deepEqual(
    ['conversations:write', 'conversations:read', 'tags:read', 'tags:write', 'sla:read'].map(may),
    [true, true, true, false, false],
    'writing implies reading, and nothing else does',
  );
  assert.equal(Source.latest.url, '/console/events?after=e1');
  assert.deepEqual(
    otherTab.hears().filter((e) => e.type === 'signed-in'),
    [{ type: 'signed-in', agentId: 'grace' }],
  );
  session.value = /** @type {import('../static/store/session.js').Session} */ (signedIn());
  assert.ok(may('anything:write'), 'full_access is everything');
});

test('a failure to read it again changes nothing: the session may well go on', async () => {
  server.on('GET /console/session', failure(503, 'UNAVAILABLE', 'later'));
  await loadSession();
  assert.equal(me.peek()?.id, 'grace');
  assert.equal(sessionError.peek(), null);
});

test('a session that has run out leaves the page, and keeps what was written for the same agent', async () => {
  remember('draft.c1', { text: 'Hello' });
  server.on('GET /v1/tags', failure(401, 'UNAUTHORIZED', 'no session'));
  await api.get('/v1/tags').catch(() => {});
  await settle();
  assert.deepEqual(place.went, ['replace /console']);
  assert.equal(session.peek(), undefined, 'nothing of it stays on the page');
  assert.equal(Source.latest.readyState, Source.CLOSED);
  assert.deepEqual(recall('draft.c1', null), { text: 'Hello' });
  assert.ok(
    otherTab.hears().some((e) => e.type === 'refused'),
    'other tabs see for themselves',
  );
  remember('draft.c2', { text: 'Too late' });
  assert.equal(recall('draft.c2', null), null);
});
