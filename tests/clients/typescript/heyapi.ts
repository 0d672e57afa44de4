// A program of an API user's on the client that @hey-api/openapi-ts generates from the served document:
// ATENDER_KEY=sa_live_… node out/heyapi.js URL RECEIVER
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import * as api from './hey';
import { client } from './hey/client.gen';

const patience = 60_000;

/** ok is the data of an answer, which is no error. */
async function ok<T>(call: Promise<{ data?: T; error?: unknown }>): Promise<NonNullable<T>> {
  const { data, error } = await call;
  assert.equal(error, undefined, JSON.stringify(error));
  assert(data);
  return data;
}

/** eventually repeats a check until it holds. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (const end = Date.now() + patience; ; await new Promise((done) => setTimeout(done, 100))) {
    try {
      return await check();
    } catch (e) {
      if (Date.now() > end) throw e;
    }
  }
}

async function main(url: string, receiver: string, key: string): Promise<void> {
  client.setConfig({ baseUrl: url, auth: key });
  const policy = await ok(
    api.createSlaPolicy({
      body: {
        name: 'Standard',
        targets: { first_reply: { normalTargetSeconds: 1, highTargetSeconds: 2, urgentTargetSeconds: 3 } },
      },
    }),
  );
  await ok(api.createSlaAssignment({ body: { policyId: policy.id } }));
  const webhook = await ok(api.createWebhook({ body: { name: 'CRM', url: receiver, events: ['*'] } }));
  assert.match(webhook.secret ?? '', /^whsec_/);

  const customFields: api.CustomFields = { order_id: '4521', amount: 49.9, paid: true, coupon: null };
  const order = (externalReference: string): api.NewOutboundConversation => ({
    externalReference,
    subject: 'Where is my order?',
    contact: { email: 'ada@example.com', name: 'Ada', externalId: 'customer-1' },
    outboundContext: { originalMessage: 'It has not come.' },
    tags: ['vip'],
    customFields,
  });
  await ok(api.createOutboundConversation({ body: order('order-2') }));
  const made = await ok(api.createOutboundConversation({ body: order('order-1') }));
  assert.deepEqual(made.customFields, customFields);
  const path = { id: made.id };

  const headers = { 'Idempotency-Key': randomUUID() };
  const note = { direction: 'note', text: 'She called.' } as const;
  const first = await ok(api.postMessage({ path, headers, body: note }));
  const again = await api.postMessage({ path, headers, body: note });
  assert.equal(again.data?.id, first.id);
  assert.equal(again.response?.headers.get('Idempotency-Replayed'), 'true');

  const references: (string | null)[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: api.ConversationPage = await ok(
      api.listConversations({ query: { limit: 1, sort: 'createdAt', cursor: cursor ?? undefined } }),
    );
    references.push(...page.data.map((c) => c.externalReference));
    cursor = page.nextCursor;
  }
  assert.deepEqual(references, ['order-2', 'order-1']);

  const read = await api.getConversation({ path });
  const condition = { 'If-Match': read.response?.headers.get('ETag') ?? '' };
  const changed = await ok(api.updateConversation({ path, headers: condition, body: { subject: 'Where is it?' } }));
  assert.equal(changed.subject, 'Where is it?');
  const late = await api.updateConversation({ path, headers: condition, body: { subject: 'Too late' } });
  assert.equal(late.error?.error.code, 'PRECONDITION_FAILED');
  const lost = await api.getConversation({ path: { id: randomUUID() } });
  assert.equal(lost.error?.error.code, 'NOT_FOUND');

  await eventually(async () => {
    const kinds = (await ok(api.listTimeline({ path }))).data.map((entry) => entry.kind);
    const wanted: api.TimelineKind[] = ['created', 'note_added', 'edited', 'sla_warning', 'sla_breached'];
    for (const kind of wanted) assert(kinds.includes(kind), `there is no ${kind} in ${kinds}`);
  });
  const types: api.EventType[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page: api.EventPage = await ok(api.listEvents({ query: { limit: 2, after } }));
    types.push(...page.data.map((event) => event.payload.event));
    [after, more] = [page.nextCursor, page.hasMore];
  }
  assert.equal(types.filter((type) => type === 'conversation.created').length, 2);
  assert(types.includes('sla.breached'));
  await eventually(async () => {
    const { data } = await ok(api.listDeliveries({ path: { id: webhook.id }, query: { status: 'delivered' } }));
    assert(data[0]);
    const delivery = await ok(api.getDelivery({ path: { id: webhook.id, deliveryId: data[0].id } }));
    assert.equal(delivery.payload?.event, data[0].event);
  });
}

main(process.argv[2] ?? '', process.argv[3] ?? '', process.env.ATENDER_KEY ?? '').then(
  () => console.log('done'),
  (e: unknown) => {
    console.error(e);
    process.exit(1);
  },
);
