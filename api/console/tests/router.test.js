import { gate, place, server, settle } from './browser.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api } from '../static/lib/api.js';
import { documentOutdated, go, route, startRouter, to } from '../static/lib/router.js';

startRouter();

test('an address is made of segments and what is set of a query', () => {
  assert.equal(to('inbox'), '/console/inbox');
  assert.equal(to('settings', 'tags', 'a/b'), '/console/settings/tags/a%2Fb');
  assert.equal(to('inbox', undefined, { status: 'done', q: '', tag: undefined }), '/console/inbox?status=done');
});

test('going somewhere shows it; going where one is does nothing', () => {
  go(to('inbox', 'c1', { tag: 'a b' }));
  assert.deepEqual(route.peek().path, ['inbox', 'c1']);
  assert.equal(route.peek().query.get('tag'), 'a b');
  const here = route.peek();
  go(to('inbox', 'c1', { tag: 'a b' }));
  assert.equal(route.peek(), here);
});

test('the buttons of the history show what they lead to', () => {
  Object.assign(place, { pathname: '/console/reports', search: '' });
  dispatchEvent(new Event('popstate'));
  assert.deepEqual(route.peek().path, ['reports']);
});

test('an outdated document is loaded anew with the next page, but not while something is being written', async () => {
  const { promise, open } = gate();
  server.on('POST /v1/x', { body: {}, later: promise });
  documentOutdated();
  const write = api.post('/v1/x', {});
  go(to('settings'));
  assert.deepEqual(place.went, []);
  assert.deepEqual(route.peek().path, ['settings']);
  open();
  await write;
  await settle();
  go(to('inbox'));
  assert.deepEqual(place.went, ['assign /console/inbox']);
  assert.deepEqual(route.peek().path, ['settings'], 'the document that comes shows it');
});
