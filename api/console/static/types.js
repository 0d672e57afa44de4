/**
 * The shapes of the API as the console uses them; `/openapi.yaml` is the contract.
 *
 * @typedef {'active'|'snoozed'|'done'|'archived'} Status
 * @typedef {'ok'|'at_risk'|'urgent'|'breached'} SlaState
 *
 * @typedef {object} Contact
 * @property {string} id
 * @property {number} number
 * @property {string|null} name
 * @property {string|null} email
 * @property {string|null} phone
 * @property {Record<string, any>} customFields
 * @property {string} updatedAt
 *
 * @typedef {object} SlaMetric
 * @property {'first_reply'|'all_messages'|'resolution'} metric
 * @property {string} policyId
 * @property {string} policyName
 * @property {number} cycle
 * @property {SlaState} state
 * @property {'met'|'breached'|null} outcome
 * @property {string} startedAt
 * @property {string|null} stoppedAt
 * @property {boolean} paused
 * @property {string|null} resumesAt
 * @property {{atRisk: string|null, urgent: string|null, breached: string|null}} dueAt
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {number} number
 * @property {string|null} externalReference
 * @property {string} subject
 * @property {string} channel
 * @property {Status} status
 * @property {'pending'|'engaged'} engagement
 * @property {Contact} contact
 * @property {string|null} assigneeId
 * @property {string|null} teamId
 * @property {string[]} tags
 * @property {Record<string, any>} customFields
 * @property {Record<string, any>} metadata
 * @property {string|null} snoozedUntil
 * @property {{state: SlaState, metrics: SlaMetric[]}|null} [sla]
 * @property {number} version
 * @property {string|null} previousConversationId
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string|null} firstReplyAt
 * @property {string|null} lastMessageAt
 * @property {string|null} resolvedAt
 * @property {string|null} archivedAt
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {number} number
 * @property {string} conversationId
 * @property {'inbound'|'outbound'|'note'} direction
 * @property {string|null} text
 * @property {string|null} html
 * @property {{type: string, id: string|null, name: string}} author
 * @property {boolean} automated
 * @property {string|null} externalId
 * @property {string} sentAt
 * @property {string} createdAt
 *
 * @typedef {object} Actor
 * @property {'api_key'|'agent'|'dock'|'system'|'customer'} type
 * @property {string|null} id
 * @property {string} name
 * @property {{type: string, id: string, name: string}|null} via
 *
 * @typedef {object} TimelineEntry
 * @property {string} id
 * @property {string} kind
 * @property {Actor} actor
 * @property {Record<string, any>} data
 * @property {number} version
 * @property {string} createdAt
 *
 * @typedef {object} Agent
 * @property {string} id
 * @property {number} number
 * @property {string} name
 * @property {string} email
 * @property {string} role
 * @property {string[]} teamIds
 * @property {boolean} isActive
 *
 * @typedef {object} Team
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string[]} memberIds
 */
export {};
