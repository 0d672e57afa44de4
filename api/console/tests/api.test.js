import { failure, page, pass, server, settle } from './browser.js';
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { address, all, api, ApiError, call, newKey, onSignedOut, online, writing } from '../static/lib/api.js';

beforeEach(() => {
  server.reset();
  online.value = true;
});

/** @param {Promise<unknown>} promise @returns {Promise<ApiError>} */
async function refused(promise) {
  const error = await promise.then(
    () => assert.fail('it was not refused'),
    (e) => e,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

test('an address leaves out what is empty and repeats a list', () => {
  assert.equal(
    address('/v1/x', { a: 1, b: '', c: null, d: undefined, e: ['p q', 'r'], f: false }),
    '/v1/x?a=1&e=p+q&e=r&f=false',
  );
  assert.equal(address('/v1/x', { a: '' }), '/v1/x');
});

test('a refused form says what is wrong with each field, in a sentence', async () => {
  server.on(
    'POST /v1/tags',
    failure(422, 'VALIDATION_FAILED', 'the name is taken', {
      fields: [{ field: 'name', code: 'taken', message: 'is taken' }],
    }),
  );
  const error = await refused(api.post('/v1/tags', { name: 'vip' }));
  assert.deepEqual(
    [error.status, error.code, error.message, error.requestId],
    [422, 'VALIDATION_FAILED', 'The name is taken.', 'r1'],
  );
  assert.equal(error.fields.get('name'), 'is taken');
});

test('an answer that is not JSON is an error with its status', async () => {
  server.on('GET /v1/tags', { status: 502, body: undefined });
  const error = await refused(api.get('/v1/tags'));
  assert.deepEqual([error.status, error.code, error.message], [502, 'HTTP_502', 'The server answered 502.']);
});

test('a write carries a media type, and a key by which it is done once; a read carries neither', async () => {
  server.on('POST /v1/tags', { body: {} });
  server.on('GET /v1/tags', page([]));
  await api.post('/v1/tags', { name: 'vip' });
  await api.get('/v1/tags');
  const [write, read] = server.requests;
  assert.equal(write.headers['Content-Type'], 'application/json');
  assert.match(write.headers['Idempotency-Key'], /^[0-9a-f]{32}$/);
  assert.deepEqual(write.body, { name: 'vip' });
  assert.equal(read.headers['Content-Type'], undefined);
  assert.equal(read.headers['Idempotency-Key'], undefined);
  assert.notEqual(newKey(), newKey());
});

test('a version is sent as If-Match', async () => {
  server.on('PATCH /v1/x', { body: {} });
  await api.patch('/v1/x', {}, { version: 7 });
  assert.equal(server.requests[0].headers['If-Match'], '"7"');
});

test('a write whose answer was lost is sent again under the same key, once', async () => {
  let tries = 0;
  server.on('POST /v1/x', () => (++tries === 1 ? { lost: true } : { body: { done: true } }));
  const answer = api.post('/v1/x', {});
  await settle();
  assert.equal(online.value, false, 'the console says that it is offline');
  assert.ok(writing());
  await pass(400);
  assert.deepEqual(await answer, { done: true });
  assert.equal(online.value, true);
  assert.ok(!writing());
  const [first, second] = server.requests;
  assert.equal(first.headers['Idempotency-Key'], second.headers['Idempotency-Key']);

  server.on('POST /v1/x', { lost: true });
  const lost = refused(api.post('/v1/x', {}));
  await settle();
  await pass(400);
  assert.equal((await lost).code, 'OFFLINE');
  assert.equal(server.requests.length, 4, 'no third try');
});

test('a write without a key is not sent twice', async () => {
  server.on('PATCH /v1/x', { status: 503, body: {} });
  assert.equal((await refused(api.patch('/v1/x', {}))).status, 503);
  assert.equal(server.requests.length, 1);
});

test('a call that came too early is made again when the server says so, if that is soon', async () => {
  let tries = 0;
  server.on('GET /v1/x', () =>
    ++tries === 1 ? failure(429, 'RATE_LIMITED', 'too many', { window: 'minute', retryAfter: 2 }) : { body: { ok: 1 } },
  );
  const answer = api.get('/v1/x');
  await settle();
  await pass(1999);
  assert.equal(tries, 1);
  await pass(1);
  assert.deepEqual(await answer, { ok: 1 });

  server.on('GET /v1/x', failure(429, 'RATE_LIMITED', 'too many', { window: 'day', retryAfter: 4000 }));
  assert.equal((await refused(api.get('/v1/x'))).code, 'RATE_LIMITED', 'later than that, people are told when');
});

test('an answer that the session is over signs the page out, and a wrong password does not', async () => {
  let signedOut = 0;
  onSignedOut(() => {
    signedOut++;
  });
  server.on('POST /console/session', failure(401, 'SIGN_IN_FAILED', 'wrong'));
  await refused(call('POST', '/console/session'));
  assert.equal(signedOut, 0);
  server.on('GET /v1/x', failure(401, 'UNAUTHORIZED', 'no session'));
  await refused(api.get('/v1/x'));
  assert.equal(signedOut, 1);
});

test('a call that was given up is no outage', async () => {
  const abort = new AbortController();
  server.on('GET /v1/x', { body: {}, later: Promise.resolve() });
  const answer = assert.rejects(api.get('/v1/x', undefined, abort.signal), { name: 'AbortError' });
  abort.abort();
  await answer;
  assert.equal(online.value, true);
});

test('a short list is read to its last page, but not for ever', async () => {
  server.on('GET /v1/tags', ({ query }) => (query.get('cursor') === 'b' ? page([3]) : page([1, 2], 'b')));
  assert.deepEqual(await all('/v1/tags'), [1, 2, 3]);
  assert.equal(server.requests[0].query.get('limit'), '200');
  server.reset();
  server.on('GET /v1/tags', page(Array(200).fill(0), 'more'));
  assert.equal((await all('/v1/tags')).length, 10_000);
});
