// A program of an API user's on the types that openapi-typescript generates from the served document, with nothing but
// fetch: ATENDER_KEY=sa_live_… node out/types.js URL
import assert from 'node:assert/strict';

import type { components, operations, paths } from './api';

type Schemas = components['schemas'];
type Create = paths['/v1/conversations/outbound']['post'];
type Order = Create['requestBody']['content']['application/json'];
type Created = Create['responses'][201]['content']['application/json'];
type List = operations['listConversations'];

type TagAdded = operations['onTagAdded']['requestBody']['content']['application/json'];

/** tagOf shows that the parts of what a webhook receives have their types. */
export const tagOf = ({ data }: TagAdded): string => `${data.conversation.number}: ${data.tag.name}`;

/** Every kind of timeline entry: one that is missing here does not compile. */
const kinds: Record<Schemas['TimelineKind'], true> = {
  created: true,
  message_received: true,
  message_sent: true,
  note_added: true,
  snoozed: true,
  woken: true,
  unsnoozed: true,
  resolved: true,
  reopened: true,
  archived: true,
  assigned: true,
  tag_added: true,
  tag_removed: true,
  edited: true,
  sla_warning: true,
  sla_breached: true,
};

async function main(url: string, key: string): Promise<void> {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<{ status: number; answer: T }> => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(url + path, { method, headers, body: text });
    return { status: response.status, answer: (await response.json()) as T };
  };
  const order: Order = {
    externalReference: 'order-3',
    subject: 'Where is my order?',
    contact: { email: 'ada@example.com' },
    channel: 'email',
    customFields: { order_id: '4521', amount: 49.9, paid: true, coupon: null },
  };
  const made = await call<Created>('POST', '/v1/conversations/outbound', order);
  assert.equal(made.status, 201);
  const fields: { [key: string]: string | number | boolean | null } = made.answer.customFields;
  assert.deepEqual(fields, order.customFields);

  const query: NonNullable<List['parameters']['query']> = { status: 'active', limit: 1 };
  const params = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const page = await call<Schemas['ConversationPage']>('GET', `/v1/conversations?${params}`);
  const state: Schemas['SLAState'] | undefined = page.answer.data[0]?.sla?.state;
  assert(state === undefined || ['ok', 'at_risk', 'urgent', 'breached'].includes(state));

  const timeline = await call<Schemas['TimelinePage']>('GET', `/v1/conversations/${made.answer.id}/timeline`);
  for (const entry of timeline.answer.data) assert(kinds[entry.kind]);

  const refused = await call<Schemas['Error']>('POST', '/v1/conversations/outbound', order);
  const code: Schemas['ErrorCode'] = refused.answer.error.code;
  assert.equal(code, 'EXTERNAL_REFERENCE_EXISTS');
  assert.equal(refused.answer.error.details?.conversationId, made.answer.id);
}

main(process.argv[2] ?? '', process.env.ATENDER_KEY ?? '').then(
  () => console.log('done'),
  (e: unknown) => {
    console.error(e);
    process.exit(1);
  },
);
