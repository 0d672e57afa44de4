import { otherTab, place, server, settle } from './browser.js';
import { session as signedIn } from './samples.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSession, session } from '../static/store/session.js';

test("a page is one person's: it leaves when another signs in elsewhere, and stays when the same one does", async () => {
  server.on('GET /console/session', { body: signedIn('grace') });
  await loadSession();
  otherTab.says({ type: 'signed-in', agentId: 'grace' });
  await settle();
  assert.equal(server.requests.length, 1);
  assert.deepEqual(place.went, []);
  server.on('GET /console/session', { body: signedIn('ada') });
  otherTab.says({ type: 'signed-in', agentId: 'ada' });
  await settle();
  assert.deepEqual(place.went, ['replace /console']);
  assert.equal(session.peek(), undefined);
});
