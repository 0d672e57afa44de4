// Generated from api/openapi.yaml by `make generate`: change it there.
// The shapes of the API, for the type comments of the console. Browsers load nothing of it.

export type Error = {
  error: {
    code: ErrorCode;
    /** One sentence for people. */
    message: string;
    /** For programs. `VALIDATION_FAILED`: `fields`, a list of `{field, code, message}`. `SCOPE_MISSING`: `requiredScope`, `missingScopes`. `EXTERNAL_REFERENCE_EXISTS`: `conversationId`. `INVALID_TRANSITION`: `from`, `to`, and `nextConversationId` of a message that another conversation can take. `EXTERNAL_ID_REUSED`: `messageId`. `REQUEST_ID_REUSED`: `actionId`. `CURSOR_EXPIRED`: `oldest`. `LIMIT_REACHED`: `limit`. `REPLAY_RUNNING`: `replayId`. `RATE_LIMITED`: `window`, `retryAfter`. */
    details?: Record<string, any>;
  };
  requestId: string;
};

/**
 * What went wrong; see *Errors* at the top.
 */
export type ErrorCode = 'VALIDATION_FAILED' | 'UNAUTHORIZED' | 'SIGN_IN_FAILED' | 'SIGN_IN_LINK_INVALID' | 'SCOPE_MISSING' | 'ORIGIN_REFUSED' | 'AGENT_REQUIRED' | 'WEBHOOKS_DISABLED' | 'NOT_FOUND' | 'METHOD_NOT_ALLOWED' | 'SLA_POLICY_EXISTS' | 'SLA_ASSIGNMENT_EXISTS' | 'OPENING_HOURS_EXISTS' | 'OPENING_HOURS_ASSIGNMENT_EXISTS' | 'DEFAULT_OPENING_HOURS' | 'LIMIT_REACHED' | 'EXTERNAL_REFERENCE_EXISTS' | 'CHANNEL_DISABLED' | 'CONTACT_EXISTS' | 'CONTACT_CONFLICT' | 'TAG_EXISTS' | 'TAG_BUSY' | 'TEAM_EXISTS' | 'TEAM_IN_USE' | 'AGENT_EXISTS' | 'LAST_OWNER' | 'INVALID_TRANSITION' | 'TENANT_REQUIRED' | 'IDEMPOTENCY_KEY_REUSED' | 'EXTERNAL_ID_REUSED' | 'REQUEST_ID_REUSED' | 'IDEMPOTENCY_IN_PROGRESS' | 'WEBHOOK_INACTIVE' | 'DELIVERY_PENDING' | 'REPLAY_RUNNING' | 'EVENT_EXPIRED' | 'CURSOR_EXPIRED' | 'PRECONDITION_FAILED' | 'REQUEST_TIMEOUT' | 'BODY_TOO_LARGE' | 'BODY_BUDGET' | 'UNSUPPORTED_MEDIA_TYPE' | 'SIGN_IN_THROTTLED' | 'TOO_MANY_CONSOLES' | 'WEBHOOK_LIMIT_REACHED' | 'RATE_LIMITED' | 'STALE_CONTEXT' | 'DOCK_LIMIT_REACHED' | 'INTERNAL' | 'COMPUTATION_TOO_LONG' | 'QUERY_TOO_EXPENSIVE' | 'TENANT_BUSY' | 'UNAVAILABLE';

/**
 * RFC 3339, UTC, milliseconds.
 */
export type Time = string;

/**
 * RFC 3339, UTC, milliseconds.
 */
export type NullableTime = string | null;

/**
 * Its place in this list is its number, for ever.
 */
export type Channel = 'email' | 'messenger' | 'sms' | 'phone' | 'voice' | 'whatsapp' | 'webchat' | 'amazon';

export type ConversationStatus = 'active' | 'snoozed' | 'done' | 'archived';

/**
 * `pending`: we owe an answer. `engaged`: the customer does.
 */
export type Engagement = 'pending' | 'engaged';

export type ActorType = 'api_key' | 'agent' | 'dock' | 'system' | 'customer';

/**
 * What you like, at most 16 KiB as JSON. It is kept and given back, never looked into.
 */
export type Metadata = Record<string, any>;

/**
 * Scalar values by key. Keys are lower-case letters, digits and `_`, at most 64 characters.
 */
export type CustomFields = Record<string, string | number | boolean | null>;

/**
 * Who did it.
 */
export type Actor = {
  type: ActorType;
  /** Null for the system. */
  id: string | null;
  name: string;
  via: Via | null;
};

/**
 * The means through which the actor acted, such as the key with which an agent's reply was posted.
 */
export type Via = {
  type: ActorType;
  id: string;
  name: string;
};

export type Contact = {
  id: string;
  /** Unique among the tenant's contacts. Later ones are mostly higher. */
  number: number;
  name: string | null;
  email: string | null;
  /** E.164. */
  phone: string | null;
  /** What your own systems know the contact by, unique in the tenant. */
  externalId: string | null;
  customFields: CustomFields;
  createdAt: Time;
  updatedAt: Time;
};

export type Conversation = {
  id: string;
  /** What people call it by. Unique in the tenant; later ones are mostly higher, with gaps. */
  number: number;
  /** Your name for it. */
  externalReference: string | null;
  subject: string;
  channel: Channel;
  status: ConversationStatus;
  engagement: Engagement;
  contact: Contact;
  /** The agent. */
  assigneeId: string | null;
  teamId: string | null;
  /** Names, sorted. */
  tags: string[];
  customFields: CustomFields;
  metadata: Metadata;
  snoozedUntil: NullableTime;
  /** Null without a clock, because no policy applies. */
  sla: SLA | null;
  /** Rises, and `updatedAt` with it, exactly when something else in this object changes, whatever changes it: also by a wake, a deadline that moves with its policy, and a change of the contact. Not for notes, and not for `paused` and `resumesAt`, which the calendar answers. Of two versions of a conversation the higher is the later. */
  version: number;
  /** The archived conversation that this one continues. */
  previousConversationId: string | null;
  createdAt: Time;
  updatedAt: Time;
  firstReplyAt: NullableTime;
  lastMessageAt: NullableTime;
  resolvedAt: NullableTime;
  archivedAt: NullableTime;
  /** Only in the answer to a read with `include=messages`: the latest 50, oldest first. */
  messages?: Message[];
};

export type ConversationPage = {
  data: Conversation[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewOutboundConversation = {
  /** Your name for the conversation, unique in the tenant. */
  externalReference: string;
  subject: string;
  channel?: Channel;
  contact: NewContact;
  outboundContext?: OutboundContext;
  /** Names in their exact case. Doubles count once. */
  tags?: string[];
  customFields?: CustomFields;
};

export type NewContact = {
  email: string;
  /** Of a new contact, the local part of the e-mail address if left out. */
  name?: string;
  /** `+`, country code, number, with spaces and `( ) - . /` as it is written; `+44 (0)20 7946 0958` too. It must be possible in its country, and is stored as E.164, `+442079460958`. */
  phone?: string;
  /** What your own systems know the contact by, unique in the tenant. The contact is found by it first. */
  externalId?: string;
};

/**
 * What has been said already.
 */
export type OutboundContext = {
  /** The first message as plain text, at most 256 KiB. */
  originalMessage?: string;
  /** The first message as HTML, at most 256 KiB. */
  originalHtml?: string;
  /** When the first message was sent, if not now. For display; clocks start at arrival. */
  sentAt?: string;
  metadata?: Metadata;
};

export type Author = {
  type: ActorType;
  id: string | null;
  name: string;
};

export type Direction = 'inbound' | 'outbound' | 'note';

export type Message = {
  id: string;
  /** Unique among the tenant's messages, and rising within a conversation, with gaps. */
  number: number;
  conversationId: string;
  direction: Direction;
  text: string | null;
  /** As it was given. Clean it before you show it. */
  html: string | null;
  author: Author;
  /** An auto-reply or the like; it answers no customer. */
  automated: boolean;
  /** Your name for the message. */
  externalId: string | null;
  sentAt: Time;
  createdAt: Time;
  metadata: Metadata;
};

export type PostedMessage = Message & {
  conversation: Conversation;
};

export type MessagePage = {
  data: Message[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

/**
 * At least one of `text` and `html` is needed.
 */
export type NewMessage = {
  direction?: Direction;
  /** At most 256 KiB. */
  text?: string;
  /** At most 256 KiB. */
  html?: string;
  /** Your name for the message, unique in the conversation; makes the call repeatable. */
  externalId?: string;
  /** When it was sent, if not now. For display; clocks go by arrival. */
  sentAt?: string;
  /** The agent who wrote it, rather than the key: an active one whose role may change conversations. */
  agentId?: string;
  /** An auto-reply or the like; does not count as an answer. */
  automated?: boolean;
  metadata?: Metadata;
  /** Resolve the conversation in the same step. */
  resolve?: boolean;
};

export type Snooze = {
  /** In the future, at most 366 days ahead. */
  until: string;
};

export type Assign = {
  /** The agent; null for none. */
  assigneeId?: string | null;
  /** The team; null for none. */
  teamId?: string | null;
};

export type Assignment = {
  assigneeId: string | null;
  teamId: string | null;
};

export type Tag = {
  id: string;
  name: string;
};

export type TimelineEntry = {
  id: string;
  kind: TimelineKind;
  actor: Actor;
  /** More about it, by kind. `cause` says why something happened that was not asked for. */
  data: Record<string, any>;
  /** The conversation's version that this was part of. */
  version: number;
  createdAt: Time;
};

/**
 * What happened.
 */
export type TimelineKind = 'created' | 'message_received' | 'message_sent' | 'note_added' | 'snoozed' | 'woken' | 'unsnoozed' | 'resolved' | 'reopened' | 'archived' | 'assigned' | 'tag_added' | 'tag_removed' | 'edited' | 'sla_warning' | 'sla_breached';

export type TimelinePage = {
  data: TimelineEntry[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type ConversationChange = {
  subject?: string;
  status?: ConversationStatus;
  /** In the future, at most 366 days ahead; null wakes. */
  snoozedUntil?: string | null;
  /** The agent; null for none. */
  assigneeId?: string | null;
  /** The team; null for none. */
  teamId?: string | null;
  /** Names in their exact case. Doubles count once. */
  tags?: string[];
  customFields?: CustomFields;
};

export type BulkChange = {
  /** Conversations. Doubles count once. */
  ids: string[];
  action: 'resolve' | 'reopen' | 'archive' | 'snooze' | 'unsnooze' | 'assign' | 'addTag' | 'removeTag';
  /** `snooze`: when to wake. */
  until?: string;
  /** `assign`: the agent; null for none. */
  assigneeId?: string | null;
  /** `assign`: the team; null for none. */
  teamId?: string | null;
  /** `addTag`, `removeTag`: its name. */
  tag?: string;
};

export type BulkResults = {
  data: BulkResult[];
};

export type BulkResult = {
  id: string;
  /** The conversation's version now; null if it refused. */
  version: number | null;
  /** Why it refused, as a call for this conversation alone would have been answered; null if it did not. */
  error: {
    code: ErrorCode;
    message: string;
    details?: Record<string, any>;
  } | null;
};

export type ContactPage = {
  data: Contact[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

/**
 * At least one of `email` and `phone` is needed.
 */
export type ContactCreation = {
  email?: string;
  /** The local part of the e-mail address if left out. */
  name?: string;
  /** `+`, country code, number, with spaces and `( ) - . /` as it is written; `+44 (0)20 7946 0958` too. It must be possible in its country, and is stored as E.164, `+442079460958`. */
  phone?: string;
  /** What your own systems know the contact by, unique in the tenant. */
  externalId?: string;
  customFields?: CustomFields;
};

export type ContactChange = {
  email?: string | null;
  name?: string | null;
  phone?: string | null;
  externalId?: string | null;
  customFields?: CustomFields;
};

export type TagName = {
  name: string;
};

export type TagPage = {
  data: Tag[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type Team = {
  id: string;
  /** Unique among the tenant's teams. */
  number: number;
  name: string;
  description: string;
  /** Agents. */
  memberIds: string[];
};

export type TeamPage = {
  data: Team[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewTeam = {
  /** Unique in the tenant. */
  name: string;
  description?: string;
  memberIds?: string[];
};

export type TeamChange = {
  name?: string;
  description?: string;
  memberIds?: string[];
};

export type Agent = {
  id: string;
  /** Unique among the tenant's agents. */
  number: number;
  name: string;
  email: string;
  role: Role;
  teamIds: string[];
  isActive: boolean;
};

export type AgentPage = {
  data: Agent[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewAgent = {
  name: string;
  email: string;
  role: Role;
};

export type AgentChange = {
  name?: string;
  role?: Role;
  isActive?: boolean;
};

export type ChannelSettings = {
  channel: Channel;
  /** 1 to 8, always the same for a channel. */
  number: number;
  displayName: string;
  /** Whether conversations can be created on it. */
  enabled: boolean;
  /** The team that a new conversation on it gets. */
  defaultTeamId: string | null;
};

export type ChannelPage = {
  data: ChannelSettings[];
  /** Null: there is one page. */
  nextCursor: string | null;
};

export type ChannelChange = {
  displayName?: string;
  enabled?: boolean;
  /** Null for none. */
  defaultTeamId?: string | null;
};

export type EventType = 'conversation.created' | 'conversation.updated' | 'conversation.resolved' | 'conversation.reopened' | 'message.received' | 'message.sent' | 'contact.created' | 'contact.updated' | 'sla.warning' | 'sla.breached' | 'assignment.changed' | 'tag.added' | 'tag.removed';

/**
 * Event types, or `*` alone for all.
 */
export type SubscribedEvents = ('*' | 'conversation.created' | 'conversation.updated' | 'conversation.resolved' | 'conversation.reopened' | 'message.received' | 'message.sent' | 'contact.created' | 'contact.updated' | 'sla.warning' | 'sla.breached' | 'assignment.changed' | 'tag.added' | 'tag.removed')[];

/**
 * Only events of conversations that match every list given here. Events that are about no conversation (`contact.*`) do
 * not match any filter.
 */
export type Filter = {
  channels?: Channel[];
  /** Any of these. */
  tags?: string[];
  teamIds?: string[];
};

/**
 * Headers to send along, by name. Values are written, never read back. Refused are names that mean something to HTTP or
 * to the signature, and those by which proxies, clouds and sign-in gateways speak to the servers behind them, such as
 * `X-Forwarded-For`, `CF-Connecting-IP`, `X-Remote-User`, `X-SSL-Client-Verify` and `X-Original-URL`; `_` counts as
 * `-`. One that was stored before it was refused is left out when sending.
 */
export type CustomHeaders = Record<string, string>;

/**
 * Seconds to wait before each further attempt, instead of the default schedule (5 s growing to 12 h, for 72 h). Seven
 * days in all at most.
 */
export type RetrySchedule = number[];

export type Subscription = {
  id: string;
  name: string;
  url: string;
  events: SubscribedEvents;
  description: string;
  isActive: boolean;
  /** Why it was switched off without being asked. */
  disabledReason: string | null;
  /** The names of the custom headers. */
  headers: string[];
  /** Null for no limit of its own. */
  maxPerSecond: number | null;
  /** How many deliveries are under way at once at most. The installation's share may be less: of the requests that a part of it has under way (256, unless it is set up otherwise), one subscription has at most 1/8, all of a tenant 1/4. */
  maxInFlight: number;
  /** Its own waits between attempts in seconds; null for the default schedule. */
  retry: number[] | null;
  filter: Filter | null;
  signing: Signing;
  /** `whpk_…`, with which ed25519 signatures are verified. */
  publicKey: string | null;
  ordering: Ordering;
  health: EndpointHealth;
  createdAt: Time;
  updatedAt: Time;
  /** `whsec_…`. Only in the answer that makes it, and only with `signing: hmac`. */
  secret?: string;
};

export type PublicKeyList = {
  data: PublicKey[];
};

export type PublicKey = {
  /** `whpk_` and the base64 of 32 bytes: the public key of Standard Webhooks' `v1a`. */
  publicKey: string;
  /** Of the key before a rotation, until when it signs, too; null for the current one. */
  signsUntil: Time | null;
};

export type Signing = 'hmac' | 'ed25519';

/**
 * `conversation`: the events of one conversation arrive in order, one at a time, each after the one before it has been
 * delivered or has finally failed. Conversations do not wait for each other.
 */
export type Ordering = 'none' | 'conversation';

/**
 * How the endpoint has been doing.
 */
export type EndpointHealth = {
  /** `failing`: the last attempt failed. `open`: after 10 failures in a row, over at least 5 different events, the endpoint is left alone but for a probe, at the most every 5 minutes; what it is owed waits, and the first success lets it go. `disabled`: switched off; see `disabledReason`. */
  state: 'ok' | 'failing' | 'open' | 'disabled';
  /** Failed attempts since the last success. */
  failures: number;
  failingSince: Time | null;
  circuitOpenedAt: Time | null;
  nextProbeAt: Time | null;
  /** Deliveries that are owed to it, counted up to 10,000. */
  backlog: number;
  /** When the oldest of them was made. */
  oldestOwedAt: Time | null;
  lastSuccessAt: Time | null;
  /** How many of its attempts in the last 24 hours, of the last 1,000 if there were more, succeeded: 0 to 1. Null without any. Attempts that failed on our side do not count. */
  successRate24h: number | null;
};

export type SubscriptionPage = {
  data: Subscription[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewSubscription = {
  name: string;
  /** An https URL at a public address, without user name, password and fragment. */
  url: string;
  events: SubscribedEvents;
  description?: string;
  isActive?: boolean;
  headers?: CustomHeaders;
  /** No limit if left out. */
  maxPerSecond?: number;
  maxInFlight?: number;
  retry?: RetrySchedule;
  filter?: Filter;
  signing?: Signing;
  ordering?: Ordering;
};

export type SubscriptionChange = {
  name?: string;
  url?: string;
  events?: SubscribedEvents;
  description?: string;
  isActive?: boolean;
  headers?: CustomHeaders;
  /** Null for no limit. */
  maxPerSecond?: number | null;
  maxInFlight?: number;
  ordering?: Ordering;
  /** Null for the default schedule. */
  retry?: number[] | null;
  /** Null for none. */
  filter?: {
    channels?: Channel[];
    /** Any of these. */
    tags?: string[];
    teamIds?: string[];
  } | null;
};

export type SecretRotation = {
  /** How long the old secret signs too. */
  graceHours?: number;
};

/**
 * `pending`: an attempt is due or lies ahead. `sending`: one is being made. `failed`: no more attempts are made.
 * `cancelled`: the subscription was switched off or deleted first, or the tenant's webhooks were.
 */
export type DeliveryStatus = 'pending' | 'sending' | 'delivered' | 'failed' | 'cancelled';

export type DeliveryAttempt = {
  /** As `X-Atender-Attempt` had it: from 1, and from 1 again after a redelivery. */
  number: number;
  startedAt: Time;
  durationMs: number;
  /** The HTTP status; null when no answer came. */
  status: number | null;
  /** What came of it: `ok` is a 2xx; `dns` means that the URL's host has no address that webhooks may be sent to, be it that the name is unknown or that its address is not public; `blocked` that the URL itself is not allowed any more; `own_fault` is a failure on our side, which is not charged to the endpoint. */
  class: 'ok' | 'http_3xx' | 'http_4xx' | 'http_5xx' | 'timeout' | 'connect' | 'dns' | 'tls' | 'blocked' | 'reset' | 'protocol' | 'own_fault';
  /** One sentence for people; null when it succeeded. */
  error: string | null;
  /** The beginning of the answer, 1 KiB at most. */
  excerpt: string | null;
  /** The headers that were sent, `[hidden]` for signatures and for the values of custom headers, which are those that the subscription has now. Only in the answers about a single delivery and to a test. */
  requestHeaders?: Record<string, string>;
};

export type Delivery = {
  id: string;
  /** The subscription's id. */
  webhookId: string;
  /** The `webhook-id` of its requests. */
  eventId: string;
  event: EventType;
  /** Null for events about a contact. */
  conversationId: string | null;
  status: DeliveryStatus;
  /** Attempts made and charged to the endpoint, since it was last put on its way. */
  attempts: number;
  /** When the next attempt is due at the earliest, if it is pending. */
  nextAttemptAt: Time | null;
  /** Why it failed for good or was cancelled: `RETRIES_EXHAUSTED`, `GONE` (answered 410), `ENDPOINT_DISABLED`, `DISABLED`, `DELETED`, `WEBHOOKS_DISABLED` (the operator has switched the tenant's webhooks off). */
  reason: string | null;
  createdAt: Time;
  finishedAt: Time | null;
  lastAttempt: DeliveryAttempt | null;
};

export type DeliveryDetail = {
  id: string;
  /** The subscription's id. */
  webhookId: string;
  /** The `webhook-id` of its requests. */
  eventId: string;
  event: EventType;
  /** Null for events about a contact. */
  conversationId: string | null;
  status: DeliveryStatus;
  /** Attempts made and charged to the endpoint, since it was last put on its way. */
  attempts: number;
  /** When the next attempt is due at the earliest, if it is pending. */
  nextAttemptAt: Time | null;
  /** Why it failed for good or was cancelled: `RETRIES_EXHAUSTED`, `GONE` (answered 410), `ENDPOINT_DISABLED`, `DISABLED`, `DELETED`, `WEBHOOKS_DISABLED` (the operator has switched the tenant's webhooks off). */
  reason: string | null;
  createdAt: Time;
  finishedAt: Time | null;
  lastAttempt: DeliveryAttempt | null;
  /** Its attempts, the oldest first; the last 200 if there were more. */
  attemptLog: DeliveryAttempt[];
  /** What is sent, byte for byte; null when the event is older than the retention. */
  payload: Event | null;
};

export type DeliveryPage = {
  data: Delivery[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewReplay = {
  /** Events from then on. */
  since: string;
  /** Events before then; until now if left out, or if it lies ahead. */
  until?: string;
  /** Only events of these types, of those the subscription has; all of them if left out. */
  events?: EventType[];
  /** Only deliveries that failed for good or were cancelled. */
  onlyFailed?: boolean;
};

export type Replay = {
  id: string;
  webhookId: string;
  status: 'running' | 'completed' | 'cancelled';
  /** Why it was cancelled without being asked: the subscription was `DISABLED` or `DELETED`, the `OPERATOR` stopped it, or has switched the tenant's webhooks off (`WEBHOOKS_DISABLED`). */
  reason: string | null;
  since: Time;
  until: Time;
  events: EventType[];
  onlyFailed: boolean;
  /** How much of the time from `since` to `until` it has looked at, 0 to 1. */
  progress: number;
  /** Deliveries that it has put on their way. */
  queued: number;
  /** With `onlyFailed`: deliveries whose event is gone. */
  missing: number;
  createdAt: Time;
  finishedAt: Time | null;
};

export type ReplayPage = {
  data: Replay[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type DockActionKind = 'addTag' | 'assign' | 'resolve' | 'sendMessage' | 'snooze';

export type AddTagParams = {
  /** the tag's name, 1 to 100 characters */
  tag: string;
};

/**
 * whom to assign to: agentId or agentEmail, teamId or teamName, or one of each
 */
export type AssignParams = {
  /** an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10 */
  agentId?: string;
  /** a string, 1 to 254 characters */
  agentEmail?: string;
  /** an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10 */
  teamId?: string;
  /** a string, 1 to 200 characters */
  teamName?: string;
};

export type ResolveParams = Record<string, never>;

export type SendMessageParams = {
  /** what to send to the customer, at most 256 KiB as UTF-8 */
  text: string;
  /** a string, at most 256 KiB as UTF-8 */
  html?: string | null;
};

export type SnoozeParams = {
  /** an RFC 3339 time such as 2026-11-21T09:30:00Z, in the future */
  until: string;
};

export type DockActionStatus = 'pending' | 'applied' | 'rejected' | 'expired';

export type DockActionErrorCode = 'NOT_ALLOWED' | 'INVALID_PARAMS' | 'INVALID_TRANSITION' | 'UNKNOWN_ACTION' | 'EXPIRED';

/**
 * What a dock is told by its host; see the guide for dock authors, `/docks`.
 */
export type DockErrorCode = 'STALE_CONTEXT' | 'NOT_ALLOWED' | 'INVALID_PARAMS' | 'INVALID_TRANSITION' | 'UNKNOWN_ACTION' | 'RATE_LIMITED' | 'REJECTED' | 'TIMEOUT' | 'UNAVAILABLE';

export type DockActionKinds = DockActionKind[];

/**
 * What the frame is allowed; nothing of it unless it is named here.
 */
export type DockPermissions = DockPermission[];

/**
 * The name of a feature in Permissions Policy, for the frame's `allow` attribute; or `modals`, which lets the page use
 * `alert`, `confirm`, `prompt` and `print` (`allow-modals` of the frame's sandbox).
 */
export type DockPermission = 'autoplay' | 'camera' | 'clipboard-read' | 'clipboard-write' | 'display-capture' | 'encrypted-media' | 'fullscreen' | 'geolocation' | 'microphone' | 'modals' | 'picture-in-picture' | 'publickey-credentials-get' | 'web-share';

/**
 * Further origins that the frame may navigate to, such as a sign-in page, as `https://login.example.com`. They are
 * never targets of messages.
 */
export type DockOrigins = string[];

/**
 * Members of these teams see it; all agents when empty.
 */
export type DockTeams = string[];

/**
 * It is shown beside conversations on these channels; on all when empty.
 */
export type DockChannels = Channel[];

/**
 * Agents in these roles see it; in all when empty.
 */
export type DockRoles = Role[];

export type Dock = {
  id: string;
  name: string;
  /** With its placeholders. */
  url: string;
  /** A few characters, such as an emoji, or an image as a `data:` URL; may be empty. */
  icon: string;
  /** In the list that agents see, lower first. */
  position: number;
  isActive: boolean;
  actions: DockActionKinds;
  confirm: DockActionKinds;
  permissions: DockPermissions;
  frameOrigins: DockOrigins;
  teamIds: DockTeams;
  channels: DockChannels;
  roles: DockRoles;
  createdAt: Time;
  updatedAt: Time;
  /** `dksec_…`. Only in the answer that makes it. The text as a whole is the key. */
  secret?: string;
};

export type DockPage = {
  data: Dock[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewDock = {
  name: string;
  /** An https URL, not on Atender's own origin. Behind the host it may have placeholders, filled in percent-encoded: `{{contact.email}}`, `contact.id`, `contact.name`, `contact.number`, `contact.phone`, `conversation.id`, `conversation.number`, `conversation.channel`, `conversation.externalReference`, `agent.id`, `agent.number`, `agent.name`, `agent.email`, `dock.id`, `tenant.id`, and `contact.customFields.<key>`, `conversation.customFields.<key>`. A value that changes loads the page anew. */
  url: string;
  /** A few characters, such as an emoji, or `data:image/png;base64,…`, at most 16 KiB. */
  icon?: string;
  position?: number;
  isActive?: boolean;
  /** What it may ask for; all if left out. */
  actions?: DockActionKinds;
  /** Those that the agent is asked to confirm. */
  confirm?: DockActionKinds;
  permissions?: DockPermissions;
  frameOrigins?: DockOrigins;
  teamIds?: DockTeams;
  channels?: DockChannels;
  roles?: DockRoles;
};

export type DockChange = {
  name?: string;
  /** An https URL, not on Atender's own origin. Behind the host it may have placeholders, filled in percent-encoded: `{{contact.email}}`, `contact.id`, `contact.name`, `contact.number`, `contact.phone`, `conversation.id`, `conversation.number`, `conversation.channel`, `conversation.externalReference`, `agent.id`, `agent.number`, `agent.name`, `agent.email`, `dock.id`, `tenant.id`, and `contact.customFields.<key>`, `conversation.customFields.<key>`. A value that changes loads the page anew. */
  url?: string;
  icon?: string;
  position?: number;
  isActive?: boolean;
  actions?: DockActionKinds;
  confirm?: DockActionKinds;
  permissions?: DockPermissions;
  frameOrigins?: DockOrigins;
  teamIds?: DockTeams;
  channels?: DockChannels;
  roles?: DockRoles;
};

export type DockSecretRotation = {
  /** How long tokens are still signed with the old secret. */
  graceHours?: number;
};

export type VisibleDock = {
  id: string;
  name: string;
  /** Of the frame, filled in for the conversation. */
  url: string;
  icon: string;
  actions: DockActionKinds;
  confirm: DockActionKinds;
  permissions: DockPermissions;
  frameOrigins: DockOrigins;
};

export type VisibleDockPage = {
  data: VisibleDock[];
  /** Null: there is one page. */
  nextCursor: string | null;
};

export type NewDockSession = {
  dockId: string;
  conversationId: string;
  /** For keys, which must name the agent who has the dock open. */
  agentId?: string;
};

export type DockMove = {
  conversationId: string;
};

export type DockSession = {
  id: string;
  /** What actions must name. Another one for each conversation. */
  contextId: string;
  dock: VisibleDock;
  /** Of the frame, filled in. Load the page anew only when it changes. */
  url: string;
  context: DockContext;
  /** The same as a dashboard app of Chatwoot expects it: the `data` of `{"event": "appContext", "data": …}`. Ids are numbers, times seconds since 1970; the newest 50 messages, oldest first, without internal notes. */
  appContext: Record<string, any>;
  /** A JSON Web Token, HS256 with the dock's secret, valid for 5 minutes: for the dock's own back end. `iss` atender, `aud` the dock's id, `sub` the agent's, `tenantId`, `conversationId`, `contactId`, `contextId`, `iat`, `exp`, `jti`. */
  token: string;
  expiresAt: Time;
  /** `sa_dock_…`, shown this once: only for sessions that a key opened. */
  sessionToken?: string;
};

/**
 * What the dock is told. Its host adds `theme` and `locale`.
 */
export type DockContext = {
  conversation: Conversation;
  contact: Contact;
  agent: Agent;
  dock: {
    id: string;
    name: string;
    actions: DockActionKinds;
    confirm: DockActionKinds;
  };
};

export type NewDockAction = {
  /** The dock's own name for it, unique in the session. */
  requestId: string;
  /** The context that it is meant for. */
  contextId: string;
  /** A `DockActionKind`; any other is rejected with `UNKNOWN_ACTION`. */
  action: string;
  /** As the action takes them: `AddTagParams`, `AssignParams` and so on. What does not match is rejected with `INVALID_PARAMS`. Null and nothing are as good as `{}`. */
  params?: Record<string, any> | null;
};

export type DockAction = {
  id: string;
  requestId: string;
  action: string;
  status: DockActionStatus;
  /** The conversation as it is now, once the action is applied. */
  conversation: Conversation | null;
  /** Why it was rejected, or has expired. */
  error: {
    code: DockActionErrorCode;
    /** What would be right. */
    message: string;
  } | null;
  /** The path at which to ask again. */
  url: string;
  createdAt: Time;
  decidedAt: Time | null;
};

export type Me = {
  type: 'api_key' | 'agent';
  id: string;
  name: string;
  role?: Role;
  tenantId: string;
  environment: 'production' | 'sandbox';
  scopes: Scope[];
};

/**
 * What an agent may do. `owner`: everything. `lead`: all of conversations, contacts and tags, the report, and
 * redelivery. `agent`: all of conversations. `reader`: read them. `analytics`: the report only. Conversations are
 * assigned to agents of the first three.
 */
export type Role = 'owner' | 'lead' | 'agent' | 'reader' | 'analytics';

/**
 * What a key or an agent may do: `<surface>:read` or `<surface>:write`, which implies it; `teams:manage`, which makes
 * teams; and `webhooks:redeliver`, which `webhooks:write` implies.
 */
export type Scope = 'conversations:read' | 'conversations:write' | 'contacts:read' | 'contacts:write' | 'tags:read' | 'tags:write' | 'webhooks:read' | 'webhooks:write' | 'channels:read' | 'channels:write' | 'teams:read' | 'teams:write' | 'users:read' | 'users:write' | 'sla:read' | 'sla:write' | 'opening-hours:read' | 'opening-hours:write' | 'docks:read' | 'docks:write' | 'settings:read' | 'settings:write' | 'analytics:read' | 'analytics:write' | 'teams:manage' | 'webhooks:redeliver';

export type Session = {
  agent: {
    id: string;
    number: number;
    name: string;
    email: string;
    teamIds: string[];
  };
  tenant: {
    id: string;
    number: number;
    name: string;
    environment: 'production' | 'sandbox';
  };
  role: Role;
  scopes: Scope[];
  /** For owners, where Temporal UI shows the workflows: append `/` and a workflow's id, percent-encoded. */
  temporalUiUrl: string | null;
  /** Of the server. */
  version: string;
  /** Where the feed was at. `/console/events?after=` tells what has happened since, so that what is read between the two is not missed a change. */
  eventsAfter: string;
};

export type SignIn = {
  email: string;
  password: string;
  /** The tenant's number; needed only after 409 `TENANT_REQUIRED`. */
  tenant?: number;
};

export type PasswordChange = {
  currentPassword?: string;
  newPassword: string;
};

export type ApiKey = {
  id: string;
  name: string;
  description: string;
  /** How the key begins. */
  prefix: string;
  scopes: Scope[];
  tier: 'starter' | 'professional' | 'enterprise' | 'custom';
  limits: KeyLimits;
  isActive: boolean;
  createdAt: Time;
  /** To within a few seconds. */
  lastUsedAt: string | null;
  revokedAt: NullableTime;
  /** The key itself, only in the answer that creates it. */
  key?: string;
};

/**
 * How many calls the key may make (*Rate limits*); `null` for no limit.
 */
export type KeyLimits = {
  /** In any 60 s. */
  perMinute: number | null;
  /** On top of those. */
  burst: number | null;
  /** From 00:00 UTC to 00:00 UTC. */
  perDay: number | null;
};

export type ApiKeyPage = {
  data: ApiKey[];
  nextCursor: string | null;
};

export type NewApiKey = {
  name: string;
  description?: string;
  /** `<surface>:read` or `:write`, or bundles: `basic`, `integration`, `read_all`, `full_access`. */
  scopes: string[];
};

export type ApiKeyUsage = {
  data: ApiKeyUse[];
};

export type ApiKeyUse = {
  day: string;
  /** Method and route, as this document writes them. */
  endpoint: string;
  status: '1xx' | '2xx' | '3xx' | '4xx' | '5xx';
  requests: number;
};

export type Health = {
  status: 'ok';
};

export type Readiness = {
  status: 'ready' | 'unready';
  /** `unavailable`: it does not answer. `unmigrated`: it answers, and lacks migrations of this version; `atender migrate` makes them. */
  database: 'ok' | 'unavailable' | 'unmigrated';
  /** The names of the missing migrations, in order. Only with `unmigrated`. */
  missingMigrations?: string[];
  /** Reported only; the API serves without it. */
  temporal: 'ok' | 'unavailable' | 'unconfigured';
};

export type Version = {
  version: string;
};

export type SLAMetricName = 'first_reply' | 'all_messages' | 'resolution';

/**
 * Rises in this order, and never falls within a cycle.
 */
export type SLAState = 'ok' | 'at_risk' | 'urgent' | 'breached';

/**
 * How a conversation's clocks stand.
 */
export type SLA = {
  state: SLAState;
  /** The latest cycle of each metric that has or had a clock. */
  metrics: SLAMetric[];
};

export type SLAMetric = {
  metric: SLAMetricName;
  policyId: string;
  policyName: string;
  /** Rises with every restart of the clock. */
  cycle: number;
  state: SLAState;
  /** Null while the clock runs, and of one that stopped before it was breached without what it waited for: because its policy was taken away, because there was no answer when the conversation was resolved (`first_reply`, `all_messages`), or because the conversation was archived. The report does not count those. */
  outcome: 'met' | 'breached' | null;
  startedAt: Time;
  stoppedAt: NullableTime;
  /** It runs, but no time passes for it now. */
  paused: boolean;
  /** When time passes again for a clock that is paused: once the opening hours are open and, where the policy pauses while snoozed, the snooze has ended at its time. Null for a clock that is not paused, and where the opening hours stay closed for more than two years. */
  resumesAt: NullableTime;
  /** When each tripwire is crossed if nothing stops the clock, and a snooze ends at its time; null for never. Opening hours that stay closed for more than two years count as closed for ever. */
  dueAt: {
    atRisk: NullableTime;
    urgent: NullableTime;
    breached: NullableTime;
  };
};

/**
 * One to three metrics with their targets.
 */
export type SLATargets = {
  first_reply?: Targets;
  all_messages?: Targets;
  resolution?: Targets;
};

/**
 * Seconds of opening hours after which a clock is `at_risk` (normal), `urgent` (high) and `breached` (urgent): 0 ≤
 * low ≤ normal < high < urgent ≤ 365 days, normal at least 1. `lowTargetSeconds` is informative.
 */
export type Targets = {
  lowTargetSeconds?: number;
  normalTargetSeconds: number;
  highTargetSeconds: number;
  urgentTargetSeconds: number;
};

export type SLAPolicy = {
  id: string;
  name: string;
  description: string;
  /** Its clocks run day and night. */
  ignoreOfficeHours: boolean;
  /** Its clocks stand still while the conversation is snoozed. */
  pauseWhileSnoozed: boolean;
  targets: SLATargets;
  createdAt: Time;
  updatedAt: Time;
};

export type SLAPolicyPage = {
  data: SLAPolicy[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewSLAPolicy = {
  name: string;
  description?: string;
  ignoreOfficeHours?: boolean;
  pauseWhileSnoozed?: boolean;
  targets: SLATargets;
};

export type SLAPolicyChange = {
  name?: string;
  description?: string;
  ignoreOfficeHours?: boolean;
  pauseWhileSnoozed?: boolean;
  targets?: SLATargets;
};

export type SLAAssignment = {
  id: string;
  policyId: string;
  /** Null for any team, and none. */
  teamId: string | null;
  /** Null for any. */
  channel: string | null;
  createdAt: Time;
};

export type SLAAssignmentPage = {
  data: SLAAssignment[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type NewSLAAssignment = {
  policyId: string;
  /** Any team, and none, if left out or null. */
  teamId?: string | null;
  /** Any if left out or null. */
  channel?: 'email' | 'messenger' | 'sms' | 'phone' | 'voice' | 'whatsapp' | 'webchat' | 'amazon' | null;
};

export type SLAReportGrouping = 'policy' | 'team' | 'channel' | 'day';

export type SLAReport = {
  from: Time;
  to: Time;
  groupBy: SLAReportGrouping;
  /** All groups together, a line for each metric of which a clock stopped or breached. */
  total: SLAReportLine[];
  /** In the order of names; days in their own. */
  data: SLAReportGroup[];
  /** Clocks that are breached and still run now, by metric, of this policy, team and channel; without those that have none. `GET /v1/conversations?breachedMetric=` lists their conversations. */
  breachedOpen: SLABreachedOpen[];
};

export type SLABreachedOpen = {
  metric: SLAMetricName;
  /** One a conversation. */
  clocks: number;
};

export type SLAReportGroup = {
  /** The policy's or team's id, the channel, or the day (YYYY-MM-DD); null for conversations without a team. */
  key: string | null;
  /** The policy's or team's, as it is called now. */
  name: string | null;
  metrics: SLAReportLine[];
};

export type SLAReportLine = {
  metric: SLAMetricName;
  /** How many clocks stopped. */
  stopped: number;
  /** How many of those stopped in time. */
  met: number;
  /** How many breaches happened, of clocks that run, too. */
  breached: number;
  /** `met`, of `met` and `breached`. */
  metRate: number;
  /** `breached`, of `met` and `breached`. */
  breachRate: number;
  /** Of the clocks that stopped, the time that counted: without closed hours, for one. Null if none did. */
  medianSeconds: number | null;
  /** Nine of ten took no longer. Null as the median. */
  p90Seconds: number | null;
};

/**
 * The slots of each day; a day that is left out is closed. `from` and `to` are HH:MM, `to` up to 24:00. Slots of a day
 * do not overlap, and none crosses midnight: write two.
 */
export type Weekly = {
  monday?: Slots;
  tuesday?: Slots;
  wednesday?: Slots;
  thursday?: Slots;
  friday?: Slots;
  saturday?: Slots;
  sunday?: Slots;
};

export type Slots = {
  from: string;
  to: string;
}[];

/**
 * Dates that are different, whatever weekday or holiday they are.
 */
export type Overrides = {
  /** YYYY-MM-DD. */
  date: string;
  /** None if closed. */
  slots: Slots;
  name?: string;
}[];

export type OpeningHours = {
  id: string;
  name: string;
  /** For conversations that no assignment applies to. */
  isDefault: boolean;
  timeZone: string;
  weekly: Weekly;
  /** The country or region whose holidays are closed. */
  holidays: string | null;
  overrides: Overrides;
  createdAt: Time;
  updatedAt: Time;
};

export type OpeningHoursPage = {
  data: OpeningHours[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

export type OpeningRule = {
  /** An IANA name such as Europe/Copenhagen. */
  timeZone: string;
  weekly: Weekly;
  /** A country or region such as DK or DE-BY, whose holidays are closed; none if left out or null. A code that is not known is refused with a list of those that are. */
  holidays?: string | null;
  overrides?: Overrides;
};

export type NewOpeningHours = {
  /** An IANA name such as Europe/Copenhagen. */
  timeZone: string;
  weekly: Weekly;
  /** A country or region such as DK or DE-BY, whose holidays are closed; none if left out or null. A code that is not known is refused with a list of those that are. */
  holidays?: string | null;
  overrides?: Overrides;
  name: string;
  /** The first ones are the default in any case. */
  isDefault?: boolean;
};

export type OpeningHoursChange = {
  name?: string;
  isDefault?: boolean;
  timeZone?: string;
  weekly?: Weekly;
  /** Null for none. */
  holidays?: string | null;
  overrides?: Overrides;
};

export type OpeningHoursPreview = {
  at: Time;
  /** Whether it is open then. */
  isOpen: boolean;
  /** The stretches that are open from then on. Fewer than asked for, or none, if there are no more within two years. */
  windows: {
    opens: Time;
    closes: Time;
  }[];
};

export type OpeningHoursAssignment = {
  id: string;
  openingHoursId: string;
  /** Null for any team, and none. */
  teamId: string | null;
  /** Null for any. */
  channel: string | null;
  createdAt: Time;
};

export type OpeningHoursAssignmentPage = {
  data: OpeningHoursAssignment[];
  /** For the next page, given back as `cursor`; null on the last. */
  nextCursor: string | null;
};

/**
 * A team, a channel, or both.
 */
export type NewOpeningHoursAssignment = {
  openingHoursId: string;
  /** Any team, and none, if left out or null. */
  teamId?: string | null;
  /** Any if left out or null. */
  channel?: 'email' | 'messenger' | 'sms' | 'phone' | 'voice' | 'whatsapp' | 'webchat' | 'amazon' | null;
};

/**
 * How long after it was resolved a conversation is archived, in opening hours: so many days that are open at all, at
 * the same time of day, and then so many hours and minutes of open time; 365 days together at most. Opening hours that
 * stay closed for more than two years count as closed for ever: it is not archived then. Null: never.
 */
export type AutoArchive = {
  days?: number;
  hours?: number;
  minutes?: number;
} | null;

/**
 * What becomes of tags that do not exist when a conversation is created with them.
 */
export type UnknownTags = 'create' | 'drop' | 'reject';

export type Settings = {
  autoArchive: AutoArchive;
  unknownTags: UnknownTags;
};

export type SettingsChange = {
  /** Replaced as a whole; null switches it off. */
  autoArchive?: {
    days?: number;
    hours?: number;
    minutes?: number;
  } | null;
  unknownTags?: UnknownTags;
};

/**
 * The body of every delivery. It is rendered once, when the event happens: every attempt and every receiver gets the
 * same bytes. Order what arrives by `data.conversation.version`; events about a contact have none. A test,
 * `webhook.test`, has the same shape.
 */
export type Event = {
  event: EventType;
  tenantId: string;
  timestamp: Time;
  /** More about it, by `event`; see *Events*. */
  data: Record<string, any>;
};

export type FeedEvent = {
  /** The event's id, the `webhook-id` of its deliveries. */
  id: string;
  type: EventType;
  /** Null for events about a contact. */
  conversationId: string | null;
  /** Null for events about a conversation. */
  contactId: string | null;
  createdAt: Time;
  payload: Event;
};

export type EventPage = {
  data: FeedEvent[];
  /** Where to go on, given back as `after`. Always there. */
  nextCursor: string;
  /** Whether there is more to read at once. */
  hasMore: boolean;
};

export type ConversationEventData = {
  conversation: Conversation;
  actor: Actor;
};

export type ContactEventData = {
  contact: Contact;
  actor: Actor;
};

export type SLAEventData = {
  conversation: Conversation;
  /** What was crossed. Time did it, so there is no `actor`. */
  sla: {
    metric: SLAMetricName;
    policyId: string;
    policyName: string;
    /** What the clock has become. */
    state: 'at_risk' | 'urgent' | 'breached';
    /** Rises with every restart of the clock. */
    cycle: number;
    startedAt: Time;
    /** When the target was passed. */
    dueAt: Time;
    /** The same, unless an edit of policies or hours put the clock past it: then the time of that edit. */
    crossedAt: Time;
  };
};

/**
 * The changed fields, by name, with their values before and after.
 */
export type Changes = Record<string, {
  from: any;
  to: any;
}>;
