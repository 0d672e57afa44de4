// What a dock is told of the server's refusals.
import assert from 'node:assert/strict';
import test from 'node:test';

import { restTransport } from '../../sdk/dock-transport.js';

test("the server's refusals of an action reach the dock as its own codes", async () => {
  /** @type {[number, string, string, number][]} status, code of the API, code of the dock, calls */
  const cases = [
    [409, 'REQUEST_ID_REUSED', 'INVALID_PARAMS', 1],
    [409, 'STALE_CONTEXT', 'STALE_CONTEXT', 1],
    [403, 'SCOPE_MISSING', 'NOT_ALLOWED', 1],
    [503, 'UNAVAILABLE', 'UNAVAILABLE', 2],
  ];
  for (const [status, said, code, times] of cases) {
    let calls = 0;
    const fetch = async () => {
      calls++;
      return Response.json({ error: { code: said, message: 'no' }, requestId: 'r1' }, { status });
    };
    const transport = restTransport({ baseUrl: 'https://atender.example', fetch, sessionToken: 'sa_dock_1' });
    const session = /** @type {any} */ ({ id: 's1' });
    const action = { requestId: 'r1', contextId: 'c1', action: 'resolve', params: {} };
    await assert.rejects(transport.act(session, action), { code }, said);
    assert.equal(calls, times, said);
  }
});
