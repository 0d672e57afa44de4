/** Things of the API as tests need them. */

/** @typedef {import('../static/types.js').Conversation} Conversation */

/** @param {string} id @param {Partial<Conversation>} [different] @returns {Conversation} */
export function conversation(id, different = {}) {
  return {
    id,
    number: 1,
    externalReference: null,
    subject: 'Where is my order?',
    channel: 'email',
    status: 'active',
    engagement: 'pending',
    contact: contact('ada'),
    assigneeId: null,
    teamId: null,
    tags: [],
    customFields: {},
    metadata: {},
    snoozedUntil: null,
    sla: null,
    version: 1,
    previousConversationId: null,
    createdAt: '2026-05-06T07:00:00.000Z',
    updatedAt: '2026-05-06T07:00:00.000Z',
    firstReplyAt: null,
    lastMessageAt: '2026-05-06T07:00:00.000Z',
    resolvedAt: null,
    archivedAt: null,
    ...different,
  };
}

/** @param {string} id @param {Partial<Conversation['contact']>} [different] @returns {Conversation['contact']} */
export const contact = (id, different = {}) => ({
  id,
  number: 1,
  name: id,
  email: `${id}@example.com`,
  phone: null,
  externalId: null,
  customFields: {},
  createdAt: '2026-05-06T07:00:00.000Z',
  updatedAt: '2026-05-06T07:00:00.000Z',
  ...different,
});

/** The answer of `GET /console/session`. @param {string} [agent] @param {string[]} [scopes] */
export const session = (agent = 'grace', scopes = ['full_access']) => ({
  agent: {
    id: agent,
    number: 1,
    name: agent,
    email: `${agent}@example.com`,
    role: 'agent',
    teamIds: [],
    isActive: true,
  },
  tenant: { id: 't', number: 1, name: 'Acme', environment: 'production' },
  role: 'agent',
  scopes,
  temporalUiUrl: null,
  version: 'test',
  eventsAfter: 'e1',
});
