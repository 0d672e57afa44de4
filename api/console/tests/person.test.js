import { otherTab, place, server, settle } from './browser.js';
import { session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recall, remember } from '../static/lib/storage.js';
import { loadSession, session } from '../static/store/session.js';

test('signing out in one tab leaves nothing of the person in the others', async () => {
  server.on('GET /console/session', { body: signedIn('grace') });
  await loadSession();
  remember('draft.c1', { text: 'Hello' });
  otherTab.says({ type: 'signed-out' });
  await settle();
  assert.deepEqual(place.went, ['replace /console']);
  assert.equal(session.peek(), undefined);
  assert.equal(recall('draft.c1', null), null);
});
