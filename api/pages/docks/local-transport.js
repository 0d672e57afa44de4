// @ts-check
// A dock host's way to a server that is not needed: actions are checked and carried out on a context in this page, and
// what would have been sent is told.

import { DockError, codeOf, messageOf, staleContext } from "/sdk/dock-messages.js";
import { wrongParams } from "/sdk/dock-params.js";
import { appContextOf } from "./sample.js";
import { signToken } from "./token.js";

const perMinute = 30;
const maxSnooze = 366 * 24 * 60 * 60 * 1000; // ms

/**
 * @typedef {object} Sent  a request as it would have gone to the server, with the answer
 * @property {string} method
 * @property {string} path
 * @property {unknown} [body]
 * @property {number} status
 * @property {unknown} answer
 */

/** Implements Transport of dock-transport.js. */
export class LocalTransport {
  /** @type {string | null} */ #open = null; // the session's id
  #contextId = "";
  #conversationId = "";
  /** @type {number[]} */ #actedAt = [];

  /**
   * @param {object} options
   * @param {import("/sdk/dock-transport.js").Dock & {url: string}} options.dock
   * @param {Map<string, any>} options.contexts  by conversation id; actions change them
   * @param {string} [options.secret]  of the dock, to sign tokens with
   * @param {(sent: Sent) => void} [options.onSent]
   */
  constructor({ dock, contexts, secret = "", onSent }) {
    this.dock = dock;
    this.contexts = contexts;
    this.secret = secret;
    this.onSent = onSent;
  }

  /** @param {{dockId: string, conversationId: string}} want */
  async openSession(want) {
    this.#open = crypto.randomUUID();
    return this.#answer("POST", "/v1/dock-sessions", want, want.conversationId, 201);
  }

  /** @param {{id: string}} session @param {string} conversationId */
  async updateContext(session, conversationId) {
    this.#check(session);
    return this.#answer("PUT", `/v1/dock-sessions/${session.id}/context`, { conversationId }, conversationId);
  }

  /** @param {{id: string}} session */
  async getContext(session) {
    this.#check(session);
    return this.#answer("GET", `/v1/dock-sessions/${session.id}/context`, undefined, this.#conversationId);
  }

  /** @param {{id: string}} session */
  async close(session) {
    this.#tell("DELETE", `/v1/dock-sessions/${session.id}`, undefined, 204, undefined);
    this.#open = null;
  }

  /**
   * @param {{id: string}} session
   * @param {{requestId: string, contextId: string, action: string, params: Record<string, any>}} action
   */
  async act(session, action) {
    this.#check(session);
    const path = `/v1/dock-sessions/${session.id}/actions`;
    try {
      this.#throttle();
      if (action.contextId !== this.#contextId) throw staleContext();
      const context = this.contexts.get(this.#conversationId);
      const changed = { ...context.conversation, ...change(action.action, action.params, context.conversation) };
      this.contexts.set(this.#conversationId, { ...context, conversation: changed });
      this.#tell("POST", path, action, 200, { requestId: action.requestId, status: "applied", conversation: changed });
      return { conversation: changed };
    } catch (error) {
      const code = codeOf(error);
      const status = code === "STALE_CONTEXT" ? 409 : code === "RATE_LIMITED" ? 429 : 200;
      const answer = { error: { code, message: messageOf(error) } };
      this.#tell(
        "POST",
        path,
        action,
        status,
        status === 200 ? { requestId: action.requestId, status: "rejected", ...answer } : answer,
      );
      throw error;
    }
  }

  #throttle() {
    const now = Date.now();
    this.#actedAt = this.#actedAt.filter((at) => now - at < 60_000);
    if (this.#actedAt.length >= perMinute)
      throw new DockError("RATE_LIMITED", `more than ${perMinute} actions in a minute`);
    this.#actedAt.push(now);
  }

  /** @param {{id: string}} session */
  #check(session) {
    if (session.id !== this.#open) throw new DockError("NOT_FOUND", "there is no such session");
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {string} conversationId
   */
  async #answer(method, path, body, conversationId, status = 200) {
    if (conversationId !== this.#conversationId || status === 201) this.#contextId = crypto.randomUUID();
    this.#conversationId = conversationId;
    const context = structuredClone(this.contexts.get(conversationId));
    const session = {
      id: this.#open ?? "",
      contextId: this.#contextId,
      context,
      appContext: appContextOf(context),
      token: await this.#token(context),
      url: fillIn(this.dock.url, { ...context, dock: this.dock }),
      dock: this.dock,
    };
    this.#tell(method, path, body, status, session);
    return session;
  }

  /** @param {any} context */
  #token({ conversation, contact, agent }) {
    return signToken(this.secret, {
      aud: this.dock.id,
      sub: agent?.id,
      tenantId: "00000000-0000-0000-0000-000000000000",
      conversationId: conversation?.id,
      contactId: contact?.id,
      contextId: this.#contextId,
    });
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {number} status @param {unknown} answer */
  #tell(method, path, body, status, answer) {
    this.onSent?.({ method, path, body, status, answer });
  }
}

const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** The placeholders that a dock's URL can have, besides contact.customFields.… and conversation.customFields.… */
export const placeholders = [
  "agent.email",
  "agent.id",
  "agent.name",
  "agent.number",
  "contact.email",
  "contact.id",
  "contact.name",
  "contact.number",
  "contact.phone",
  "conversation.channel",
  "conversation.externalReference",
  "conversation.id",
  "conversation.number",
  "dock.id",
  "tenant.id",
];

/** The first name in a URL that is no placeholder. @param {string} url @returns {string | undefined} */
export function unknownPlaceholder(url) {
  const custom = /^(contact|conversation)\.customFields\.[a-z0-9_]{1,64}$/;
  return [...url.matchAll(placeholder)]
    .map((found) => found[1])
    .find((name) => !placeholders.includes(name) && !custom.test(name));
}

/**
 * A URL with its {{placeholders}} filled in, as the server does it.
 * @param {string} url
 * @param {any} context
 */
export function fillIn(url, context) {
  return url.replace(placeholder, (_, name) => {
    const value = name.split(".").reduce((/** @type {any} */ at, /** @type {string} */ key) => at?.[key], context);
    return encodeURIComponent(value ?? "");
  });
}

/**
 * What an action changes in a conversation. Throws a DockError where the server would refuse it.
 * @param {string} action
 * @param {Record<string, any>} params
 * @param {any} conversation
 */
function change(action, params, conversation) {
  const wrong = wrongParams(/** @type {import("/sdk/vocabulary.js").DockActionKind} */ (action), params);
  if (wrong) throw invalid(wrong);
  if (conversation.status === "archived") throw wrongStatus(action, "archived");
  if ((action === "resolve" || action === "snooze") && conversation.status === "done")
    throw wrongStatus(action, "done");
  const now = new Date().toISOString();
  const always = { version: (conversation.version ?? 0) + 1, updatedAt: now };
  switch (action) {
    case "addTag":
      return { ...always, tags: [...new Set([...(conversation.tags ?? []), params.tag])].sort() };
    case "assign":
      return { ...always, ...assigned(params) };
    case "resolve":
      return { ...always, status: "done", snoozedUntil: null, resolvedAt: now };
    case "snooze":
      return { ...always, status: "snoozed", snoozedUntil: wakeTime(params.until) };
    case "sendMessage":
      return { ...always, engagement: "engaged", lastMessageAt: now };
    default: // what it does is not seen in the context
      return always;
  }
}

/** @param {string} action @param {string} status */
const wrongStatus = (action, status) =>
  new DockError("INVALID_TRANSITION", `${action} is not possible: the conversation is ${status}`);

/** @param {Record<string, any>} to */
function assigned({ agentId, agentEmail, teamId, teamName }) {
  const agent =
    agentId || agentEmail
      ? { assigneeId: agentId ?? null, assignee: { id: agentId ?? null, name: agentEmail ?? agentId } }
      : {};
  const team =
    teamId || teamName ? { teamId: teamId ?? null, team: { id: teamId ?? null, name: teamName ?? teamId } } : {};
  return { ...agent, ...team };
}

/** @param {string} message */
const invalid = (message) => new DockError("INVALID_PARAMS", message);
/** When a snooze ends; it is ahead, but not too far. @param {string} until */
function wakeTime(until) {
  const at = Date.parse(until);
  if (at <= Date.now()) throw invalid("until: must be in the future");
  if (at > Date.now() + maxSnooze) throw invalid("until: must be within a year");
  return new Date(at).toISOString();
}
