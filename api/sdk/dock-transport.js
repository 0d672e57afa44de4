// @ts-check
// The way from a dock host to the server: dock sessions over the REST API.

import { DockError, isObject, jsonOf } from "./dock-messages.js";

/**
 * What the server says of an open dock. A transport may keep more in it.
 * @typedef {object} DockSession
 * @property {string} id
 * @property {string} contextId  binds dock, conversation, agent and session; another conversation has another
 * @property {{conversation: any, contact: any, agent: any, [more: string]: any}} context
 * @property {any} appContext  the same as UniLink's and Chatwoot's apps know it: conversation, contact, currentAgent
 * @property {string} token  a signed token for the dock's own back end
 * @property {string} url  of the page, placeholders filled in
 * @property {Dock} dock
 * @property {string} [sessionToken]  opens the routes of this session, for agent UIs of others
 */

/**
 * @typedef {object} Dock
 * @property {string} id
 * @property {string} name
 * @property {string[]} actions  those that it may use
 * @property {string[]} [confirm]  those of them that the agent has to confirm
 * @property {string[]} [permissions]  what its page may use: features such as clipboard-write, and modals
 */

/**
 * What a host needs of a server. Every method rejects with a DockError; NOT_FOUND says that the session is over.
 * @typedef {object} Transport
 * @property {(want: {dockId: string, conversationId: string}) => Promise<DockSession>} openSession
 * @property {(session: DockSession, conversationId: string) => Promise<DockSession>} updateContext
 *   The agent has moved on: a new contextId; the old one is stale.
 * @property {(session: DockSession) => Promise<DockSession>} getContext
 *   Fresh data and a token with at least 4 minutes to live; the same contextId.
 * @property {(session: DockSession, action: DockAction, pending?: () => void) => Promise<{id?: string, conversation?: any}>} act
 *   Calls pending, once, if the server has taken the action and will carry it out later.
 * @property {(session: DockSession) => Promise<void>} close
 */

/** @typedef {{requestId: string, contextId: string, action: string, params: Record<string, unknown>}} DockAction */

const callTime = 15_000; // a call's limit
const decisionTime = 25_000; // how long an action that the server has accepted is waited for
const pollTime = 500;

/** Failures of a look that the next one may not have. */
const passing = new Set(["UNAVAILABLE", "RATE_LIMITED", "TIMEOUT"]);

/**
 * A transport over `/v1/dock-sessions`. In the console the agent's cookie opens the session. Another agent UI has its own
 * back end open it with an API key, and passes that as `openSession`: the answer's sessionToken does the rest.
 * @param {object} [options]
 * @param {string} [options.baseUrl]  of the API, without a path; this page's origin if empty
 * @param {typeof globalThis.fetch} [options.fetch]
 * @param {string} [options.sessionToken]  of a session that is open already, to be sent instead of the cookie
 * @param {Transport["openSession"]} [options.openSession]  instead of POST /v1/dock-sessions
 * @returns {Transport}
 */
export function restTransport({
  baseUrl = "",
  fetch = globalThis.fetch.bind(globalThis),
  sessionToken,
  openSession,
} = {}) {
  const base = new URL(baseUrl || location.origin);

  /**
   * @param {string} method
   * @param {string} path
   * @param {string | undefined} token
   * @param {unknown} [body]
   */
  async function call(method, path, token, body) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["Content-Type"] = "application/json"; // also without a body: it keeps out forms of other sites
    if (token) headers.Authorization = `Bearer ${token}`;
    const text = jsonOf(body);
    if (body !== undefined && text === undefined)
      throw new DockError("INVALID_PARAMS", "what is to be sent is no JSON");
    let response, answer;
    try {
      response = await fetch(new URL(path, base), {
        method,
        headers,
        credentials: token ? "omit" : "same-origin",
        body: text,
        signal: AbortSignal.timeout(callTime),
      });
      answer = response.status === 204 ? {} : await response.json();
    } catch (cause) {
      throw cause instanceof DOMException && cause.name === "TimeoutError"
        ? new DockError("TIMEOUT", "the server has not answered in time")
        : new DockError("UNAVAILABLE", "the server cannot be reached");
    }
    if (!response.ok) throw refusal(response.status, answer);
    return { status: response.status, answer };
  }

  /** @param {DockSession} session @param {string} [rest] */
  const path = (session, rest = "") => `/v1/dock-sessions/${encodeURIComponent(session.id)}${rest}`;
  /** @param {DockSession} session */
  const tokenOf = (session) => session.sessionToken ?? sessionToken;

  return {
    async openSession(want) {
      if (openSession) return openSession(want);
      return (await call("POST", "/v1/dock-sessions", sessionToken, want)).answer;
    },
    async updateContext(session, conversationId) {
      const { answer } = await call("PUT", path(session, "/context"), tokenOf(session), { conversationId });
      return { ...session, ...answer };
    },
    async getContext(session) {
      return { ...session, ...(await call("GET", path(session, "/context"), tokenOf(session))).answer };
    },
    async act(session, action, pending) {
      const post = () => call("POST", path(session, "/actions"), tokenOf(session), action);
      // Repeating is safe: the same requestId gets the first result.
      let { answer } = await post().catch((error) => {
        if (error.code !== "UNAVAILABLE") throw error;
        return post();
      });
      if (answer.status === "pending") pending?.();
      const until = Date.now() + decisionTime;
      while (answer.status === "pending") {
        if (Date.now() > until) {
          throw new DockError("TIMEOUT", "the server has taken the action, and has not carried it out yet");
        }
        await new Promise((done) => setTimeout(done, pollTime));
        ({ answer } = await call("GET", sameOrigin(answer.url), tokenOf(session)).catch((error) => {
          if (!passing.has(error.code)) throw error;
          return { answer }; // the server has the action: one look that failed says nothing of it
        }));
      }
      if (answer.status !== "applied") throw asDockError(answer.error, "UNAVAILABLE");
      return { id: answer.id, conversation: answer.conversation };
    },
    async close(session) {
      await call("DELETE", path(session), tokenOf(session));
    },
  };

  /** The credentials go to the API and nowhere else. @param {string} url */
  function sameOrigin(url) {
    const target = new URL(url, base);
    return target.pathname + target.search;
  }
}

/** Error codes of the API that are not a dock's, by HTTP status. @type {Record<number, string>} */
const byStatus = {
  400: "INVALID_PARAMS",
  401: "NOT_FOUND",
  403: "NOT_ALLOWED",
  404: "NOT_FOUND",
  413: "INVALID_PARAMS",
  429: "RATE_LIMITED",
};

/**
 * @param {number} status
 * @param {any} answer
 */
function refusal(status, answer) {
  const error = isObject(answer?.error) ? answer.error : {};
  if (status === 409 && error.code) return asDockError(error, "UNAVAILABLE");
  return new DockError(
    /** @type {any} */ (byStatus[status] ?? "UNAVAILABLE"),
    error.message ?? `the server answered ${status}`,
  );
}

const dockCodes = new Set([
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

/** What the server's own codes are to a dock. Asking again with the same requestId would be refused again. */
const translated = new Map([
  ["EXPIRED", "TIMEOUT"],
  ["REQUEST_ID_REUSED", "INVALID_PARAMS"],
]);

/**
 * @param {any} error  {code, message} as the server says it
 * @param {import("./dock-messages.js").DockErrorCode} otherwise
 */
function asDockError(error, otherwise) {
  const code = translated.get(error?.code) ?? error?.code;
  return new DockError(dockCodes.has(code) ? code : otherwise, error?.message ?? "the action was not carried out");
}
