// Generated from api/openapi.yaml by `make generate`: change it there.

/** The vocabularies of the API, in the order of the contract. */

// What went wrong; see *Errors* at the top.
/** @type {readonly import('./types.js').ErrorCode[]} */
export const ERROR_CODES = Object.freeze([
  'VALIDATION_FAILED',
  'UNAUTHORIZED',
  'SIGN_IN_FAILED',
  'SIGN_IN_LINK_INVALID',
  'SCOPE_MISSING',
  'ORIGIN_REFUSED',
  'AGENT_REQUIRED',
  'WEBHOOKS_DISABLED',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'SLA_POLICY_EXISTS',
  'SLA_ASSIGNMENT_EXISTS',
  'OPENING_HOURS_EXISTS',
  'OPENING_HOURS_ASSIGNMENT_EXISTS',
  'DEFAULT_OPENING_HOURS',
  'LIMIT_REACHED',
  'EXTERNAL_REFERENCE_EXISTS',
  'CHANNEL_DISABLED',
  'CONTACT_EXISTS',
  'CONTACT_CONFLICT',
  'TAG_EXISTS',
  'TAG_BUSY',
  'TEAM_EXISTS',
  'TEAM_IN_USE',
  'AGENT_EXISTS',
  'LAST_OWNER',
  'INVALID_TRANSITION',
  'TENANT_REQUIRED',
  'IDEMPOTENCY_KEY_REUSED',
  'EXTERNAL_ID_REUSED',
  'REQUEST_ID_REUSED',
  'IDEMPOTENCY_IN_PROGRESS',
  'WEBHOOK_INACTIVE',
  'DELIVERY_PENDING',
  'REPLAY_RUNNING',
  'EVENT_EXPIRED',
  'CURSOR_EXPIRED',
  'PRECONDITION_FAILED',
  'REQUEST_TIMEOUT',
  'BODY_TOO_LARGE',
  'BODY_BUDGET',
  'UNSUPPORTED_MEDIA_TYPE',
  'SIGN_IN_THROTTLED',
  'TOO_MANY_CONSOLES',
  'WEBHOOK_LIMIT_REACHED',
  'RATE_LIMITED',
  'STALE_CONTEXT',
  'DOCK_LIMIT_REACHED',
  'INTERNAL',
  'COMPUTATION_TOO_LONG',
  'QUERY_TOO_EXPENSIVE',
  'TENANT_BUSY',
  'UNAVAILABLE',
]);

// Its place in this list is its number, for ever.
/** @type {readonly import('./types.js').Channel[]} */
export const CHANNELS = Object.freeze([
  'email',
  'messenger',
  'sms',
  'phone',
  'voice',
  'whatsapp',
  'webchat',
  'amazon',
]);

/** @type {Readonly<Record<import('./types.js').Channel, string>>} */
export const CHANNEL_NAMES = Object.freeze({
  email: 'E-mail',
  messenger: 'Messenger',
  sms: 'SMS',
  phone: 'Phone',
  voice: 'Voice',
  whatsapp: 'WhatsApp',
  webchat: 'Web chat',
  amazon: 'Amazon',
});

/** @type {readonly import('./types.js').ConversationStatus[]} */
export const CONVERSATION_STATUSES = Object.freeze([
  'active',
  'snoozed',
  'done',
  'archived',
]);

// `pending`: we owe an answer. `engaged`: the customer does.
/** @type {readonly import('./types.js').Engagement[]} */
export const ENGAGEMENTS = Object.freeze([
  'pending',
  'engaged',
]);

/** @type {readonly import('./types.js').ActorType[]} */
export const ACTOR_TYPES = Object.freeze([
  'api_key',
  'agent',
  'dock',
  'system',
  'customer',
]);

/** @type {readonly import('./types.js').Direction[]} */
export const DIRECTIONS = Object.freeze([
  'inbound',
  'outbound',
  'note',
]);

// What happened.
/** @type {readonly import('./types.js').TimelineKind[]} */
export const TIMELINE_KINDS = Object.freeze([
  'created',
  'message_received',
  'message_sent',
  'note_added',
  'snoozed',
  'woken',
  'unsnoozed',
  'resolved',
  'reopened',
  'archived',
  'assigned',
  'tag_added',
  'tag_removed',
  'edited',
  'sla_warning',
  'sla_breached',
]);

/** @type {readonly import('./types.js').EventType[]} */
export const EVENT_TYPES = Object.freeze([
  'conversation.created',
  'conversation.updated',
  'conversation.resolved',
  'conversation.reopened',
  'message.received',
  'message.sent',
  'contact.created',
  'contact.updated',
  'sla.warning',
  'sla.breached',
  'assignment.changed',
  'tag.added',
  'tag.removed',
]);

/** @type {readonly import('./types.js').Signing[]} */
export const SIGNINGS = Object.freeze([
  'hmac',
  'ed25519',
]);

// `conversation`: the events of one conversation arrive in order, one at a time, each after the one before it has been
// delivered or has finally failed. Conversations do not wait for each other.
/** @type {readonly import('./types.js').Ordering[]} */
export const ORDERINGS = Object.freeze([
  'none',
  'conversation',
]);

// `pending`: an attempt is due or lies ahead. `sending`: one is being made. `failed`: no more attempts are made.
// `cancelled`: the subscription was switched off or deleted first, or the tenant's webhooks were.
/** @type {readonly import('./types.js').DeliveryStatus[]} */
export const DELIVERY_STATUSES = Object.freeze([
  'pending',
  'sending',
  'delivered',
  'failed',
  'cancelled',
]);

/** @type {readonly import('./types.js').DockActionKind[]} */
export const DOCK_ACTION_KINDS = Object.freeze([
  'addTag',
  'assign',
  'resolve',
  'sendMessage',
  'snooze',
]);

/** @type {Readonly<Record<import('./types.js').DockActionKind, string>>} */
export const DOCK_ACTION_KIND_NAMES = Object.freeze({
  addTag: 'Add tags',
  assign: 'Assign',
  resolve: 'Resolve',
  sendMessage: 'Send messages',
  snooze: 'Snooze',
});

/** @type {Readonly<Record<import('./types.js').DockActionKind, string>>} */
export const DOCK_ACTION_KIND_TODO = Object.freeze({
  addTag: 'add the tag “{tag}”.',
  assign: 'assign the conversation to {agentId|agentEmail, teamId|teamName}.',
  resolve: 'resolve the conversation.',
  sendMessage: 'send this message to the customer:',
  snooze: 'snooze the conversation until {until}.',
});

/** @type {Readonly<Record<import('./types.js').DockActionKind, string>>} */
export const DOCK_ACTION_KIND_DONE = Object.freeze({
  addTag: 'added tag {tag}',
  assign: 'assigned the conversation to {agentId|agentEmail, teamId|teamName}',
  resolve: 'resolved the conversation',
  sendMessage: 'sent a message to the customer',
  snooze: 'snoozed until {until}',
});

/** @type {Readonly<Record<import('./types.js').DockActionKind, string>>} */
export const DOCK_ACTION_KIND_HAPPENED = Object.freeze({
  addTag: 'added a tag',
  assign: 'assigned the conversation',
  resolve: 'resolved the conversation',
  sendMessage: 'sent a message to the customer',
  snooze: 'snoozed the conversation',
});

/** @type {Partial<Readonly<Record<import('./types.js').DockActionKind, string>>>} */
export const DOCK_ACTION_KIND_PREVIEW = Object.freeze({
  sendMessage: 'true',
});

/** @type {readonly import('./types.js').DockActionStatus[]} */
export const DOCK_ACTION_STATUSES = Object.freeze([
  'pending',
  'applied',
  'rejected',
  'expired',
]);

/** @type {readonly import('./types.js').DockActionErrorCode[]} */
export const DOCK_ACTION_ERROR_CODES = Object.freeze([
  'NOT_ALLOWED',
  'INVALID_PARAMS',
  'INVALID_TRANSITION',
  'UNKNOWN_ACTION',
  'EXPIRED',
]);

// What a dock is told by its host; see the guide for dock authors, `/docks`.
/** @type {readonly import('./types.js').DockErrorCode[]} */
export const DOCK_ERROR_CODES = Object.freeze([
  'STALE_CONTEXT',
  'NOT_ALLOWED',
  'INVALID_PARAMS',
  'INVALID_TRANSITION',
  'UNKNOWN_ACTION',
  'RATE_LIMITED',
  'REJECTED',
  'TIMEOUT',
  'UNAVAILABLE',
]);

// The name of a feature in Permissions Policy, for the frame's `allow` attribute; or `modals`, which lets the page use
// `alert`, `confirm`, `prompt` and `print` (`allow-modals` of the frame's sandbox).
/** @type {readonly import('./types.js').DockPermission[]} */
export const DOCK_PERMISSIONS = Object.freeze([
  'autoplay',
  'camera',
  'clipboard-read',
  'clipboard-write',
  'display-capture',
  'encrypted-media',
  'fullscreen',
  'geolocation',
  'microphone',
  'modals',
  'picture-in-picture',
  'publickey-credentials-get',
  'web-share',
]);

// What an agent may do. `owner`: everything. `lead`: all of conversations, contacts and tags, the report, and
// redelivery. `agent`: all of conversations. `reader`: read them. `analytics`: the report only. Conversations are
// assigned to agents of the first three.
/** @type {readonly import('./types.js').Role[]} */
export const ROLES = Object.freeze([
  'owner',
  'lead',
  'agent',
  'reader',
  'analytics',
]);

/** @type {Readonly<Record<import('./types.js').Role, string>>} */
export const ROLE_NAMES = Object.freeze({
  owner: 'Owner: everything',
  lead: 'Lead: all of conversations, contacts and tags, and the report',
  agent: 'Agent: all of conversations',
  reader: 'Reader: reading only',
  analytics: 'Analytics: the report only',
});

// What a key or an agent may do: `<surface>:read` or `<surface>:write`, which implies it; `teams:manage`, which makes
// teams; and `webhooks:redeliver`, which `webhooks:write` implies.
/** @type {readonly import('./types.js').Scope[]} */
export const SCOPES = Object.freeze([
  'conversations:read',
  'conversations:write',
  'contacts:read',
  'contacts:write',
  'tags:read',
  'tags:write',
  'webhooks:read',
  'webhooks:write',
  'channels:read',
  'channels:write',
  'teams:read',
  'teams:write',
  'users:read',
  'users:write',
  'sla:read',
  'sla:write',
  'opening-hours:read',
  'opening-hours:write',
  'docks:read',
  'docks:write',
  'settings:read',
  'settings:write',
  'analytics:read',
  'analytics:write',
  'teams:manage',
  'webhooks:redeliver',
]);

/** @type {readonly import('./types.js').SLAMetricName[]} */
export const SLA_METRIC_NAMES = Object.freeze([
  'first_reply',
  'all_messages',
  'resolution',
]);

// Rises in this order, and never falls within a cycle.
/** @type {readonly import('./types.js').SLAState[]} */
export const SLA_STATES = Object.freeze([
  'ok',
  'at_risk',
  'urgent',
  'breached',
]);

/** @type {readonly import('./types.js').SLAReportGrouping[]} */
export const SLA_REPORT_GROUPINGS = Object.freeze([
  'policy',
  'team',
  'channel',
  'day',
]);

// What becomes of tags that do not exist when a conversation is created with them.
/** @type {readonly import('./types.js').UnknownTags[]} */
export const UNKNOWN_TAGS = Object.freeze([
  'create',
  'drop',
  'reject',
]);
