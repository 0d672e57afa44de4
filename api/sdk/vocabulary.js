// @ts-check
// Generated from api/openapi.yaml by `make generate`: change it there.

/** @typedef {"email" | "messenger" | "sms" | "phone" | "voice" | "whatsapp" | "webchat" | "amazon"} Channel */
/** @type {readonly Channel[]} */
export const CHANNELS = Object.freeze([
  "email",
  "messenger",
  "sms",
  "phone",
  "voice",
  "whatsapp",
  "webchat",
  "amazon",
]);

/** @typedef {"addTag" | "assign" | "resolve" | "sendMessage" | "snooze"} DockActionKind */
/** @type {readonly DockActionKind[]} */
export const DOCK_ACTION_KINDS = Object.freeze([
  "addTag",
  "assign",
  "resolve",
  "sendMessage",
  "snooze",
]);

/** @typedef {"STALE_CONTEXT" | "NOT_ALLOWED" | "INVALID_PARAMS" | "INVALID_TRANSITION" | "UNKNOWN_ACTION" | "RATE_LIMITED" | "REJECTED" | "TIMEOUT" | "UNAVAILABLE"} DockErrorCode */
/** @type {readonly DockErrorCode[]} */
export const DOCK_ERROR_CODES = Object.freeze([
  "STALE_CONTEXT",
  "NOT_ALLOWED",
  "INVALID_PARAMS",
  "INVALID_TRANSITION",
  "UNKNOWN_ACTION",
  "RATE_LIMITED",
  "REJECTED",
  "TIMEOUT",
  "UNAVAILABLE",
]);

/** Kinds of inboxes by their names in Chatwoot. @type {Readonly<Record<string, string>>} */
export const CHANNEL_INBOXES = Object.freeze({
  email: "Email",
  messenger: "FacebookPage",
  sms: "Sms",
  phone: "Voice",
  voice: "Voice",
  whatsapp: "Whatsapp",
  webchat: "WebWidget",
});

/**
 * A parameter of an action, always a string: says what is right. Lengths are in Unicode code points, bytes of UTF-8.
 * @typedef {{name: string, says: string, required?: boolean, nullable?: boolean, format?: string, minLength?: number,
 *   maxLength?: number, maxBytes?: number}} Param
 * The parameters of an action: not both of an exclusive pair, and at least so many. needs says what that means.
 * @typedef {{needs: string, atLeast: number, exclusive: string[][], params: Param[]}} Params
 */

/** @type {Readonly<Record<DockActionKind, Params>>} */
export const DOCK_ACTION_PARAMS = Object.freeze({
  addTag: {
    needs: "",
    atLeast: 0,
    exclusive: [],
    params: [
      {
        name: "tag",
        says: "the tag's name, 1 to 100 characters",
        required: true,
        minLength: 1,
        maxLength: 100
      }
    ]
  },
  assign: {
    needs: "whom to assign to: agentId or agentEmail, teamId or teamName, or one of each",
    atLeast: 1,
    exclusive: [
      [
        "agentId",
        "agentEmail"
      ],
      [
        "teamId",
        "teamName"
      ]
    ],
    params: [
      {
        name: "agentId",
        says: "an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10",
        format: "uuid"
      },
      {
        name: "agentEmail",
        says: "a string, 1 to 254 characters",
        minLength: 1,
        maxLength: 254
      },
      {
        name: "teamId",
        says: "an id such as 019a9f0e-6c1e-7a3b-9c54-3f0f5b1f2a10",
        format: "uuid"
      },
      {
        name: "teamName",
        says: "a string, 1 to 200 characters",
        minLength: 1,
        maxLength: 200
      }
    ]
  },
  resolve: {
    needs: "",
    atLeast: 0,
    exclusive: [],
    params: []
  },
  sendMessage: {
    needs: "",
    atLeast: 0,
    exclusive: [],
    params: [
      {
        name: "text",
        says: "what to send to the customer, at most 256 KiB as UTF-8",
        required: true,
        minLength: 1,
        maxLength: 262144,
        maxBytes: 262144
      },
      {
        name: "html",
        says: "a string, at most 256 KiB as UTF-8",
        nullable: true,
        maxLength: 262144,
        maxBytes: 262144
      }
    ]
  },
  snooze: {
    needs: "",
    atLeast: 0,
    exclusive: [],
    params: [
      {
        name: "until",
        says: "an RFC 3339 time such as 2026-11-21T09:30:00Z, in the future",
        required: true,
        format: "date-time"
      }
    ]
  },
});
