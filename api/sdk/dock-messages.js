// @ts-check
// What a dock and its host say to each other, version 1, as the host reads it. Pure: no window, no network.

import { DOCK_ACTION_KINDS } from "./vocabulary.js";

/** The name that every message of the protocol carries. */
export const PROTOCOL = "atender.dock";
/** The version of the protocol that is spoken here. */
export const VERSION = 1;
/** What a UniLink or Chatwoot dashboard app says to be sent its context. */
export const FETCH_INFO = "chatwoot-dashboard-app:fetch-info";

/** @typedef {import("./vocabulary.js").DockErrorCode} DockErrorCode */

/** An action that was refused, or a session that could not be had. */
export class DockError extends Error {
  /**
   * @param {DockErrorCode | "NOT_FOUND"} code  NOT_FOUND: the session is over; it never reaches a dock
   * @param {string} message  a sentence that says what was wrong and what would be right
   */
  constructor(code, message) {
    super(message);
    this.name = "DockError";
    this.code = code;
  }
}

/** The code of what was thrown, if it has one. @param {unknown} error */
export const codeOf = (error) => (isObject(error) ? error.code : undefined);

/** What was thrown, in words. @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

const spoken = new Set(["ready", "getContext", "action", "resize", "notify", "pong"]);
const maxFetchInfo = 1000; // characters of a string in which the word is looked for

/**
 * @typedef {{kind: "native", type: string, message: Record<string, any>}
 *   | {kind: "fetchInfo"}
 *   | {kind: "other", reason: string}} Read
 */

/**
 * Says what a message is. Its sender has been checked by then; its content has not.
 * @param {unknown} data  `event.data`
 * @returns {Read}
 */
export function readMessage(data) {
  if (asksForInfo(data)) return { kind: "fetchInfo" };
  if (!isObject(data) || data.protocol !== PROTOCOL) return other(`not a message of the protocol "${PROTOCOL}"`);
  if (data.version !== VERSION) return other(`version ${text(data.version)} is not spoken here, only ${VERSION}`);
  if (!spoken.has(data.type)) return other(`the type ${text(data.type)} is not one that a dock sends`);
  return { kind: "native", type: data.type, message: data };
}

/** @param {string} reason @returns {Read} */
const other = (reason) => ({ kind: "other", reason });

/** @param {unknown} value */
const text = (value) => (jsonOf(value) ?? `of type ${typeof value}`).slice(0, 60);

/**
 * A value as JSON. Messages between windows can hold more than that: BigInts, and objects that contain themselves.
 * @param {unknown} value
 * @returns {string | undefined}  nothing if it is none
 */
export function jsonOf(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * Some apps send the word within a JSON string or within an object.
 * @param {unknown} data
 */
function asksForInfo(data) {
  if (data === FETCH_INFO) return true;
  if (isObject(data)) return Object.values(data).includes(FETCH_INFO);
  if (typeof data !== "string" || data.length > maxFetchInfo || !data.includes(FETCH_INFO)) return false;
  try {
    const inside = JSON.parse(data);
    return inside === FETCH_INFO || (isObject(inside) && Object.values(inside).includes(FETCH_INFO));
  } catch {
    return false;
  }
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether an answer to this request could be told from others.
 * @param {unknown} id
 */
export const isRequestId = (id) => typeof id === "string" && id.length > 0 && id.length <= 100;

/**
 * What can be said against an action before the agent is asked. The server decides again, and knows more.
 * @param {Record<string, any>} message
 * @param {readonly string[]} allowed  the dock's actions
 * @param {string | null} contextId  the one that is current; null while there is none
 * @returns {DockError | null}
 */
export function checkAction(message, allowed, contextId) {
  const { action, params } = message;
  if (action !== undefined && jsonOf(action) === undefined)
    return new DockError("INVALID_PARAMS", `action has to be one of ${DOCK_ACTION_KINDS.join(", ")}: this is no JSON`);
  if (!DOCK_ACTION_KINDS.includes(action)) {
    return new DockError(
      "UNKNOWN_ACTION",
      `there is no action ${text(action)}: ${DOCK_ACTION_KINDS.join(", ")} are all`,
    );
  }
  if (!allowed.includes(action)) return new DockError("NOT_ALLOWED", `this dock is not allowed to use ${action}`);
  const said = jsonOf(params ?? null);
  if (said !== undefined && !said.startsWith("{"))
    return new DockError("INVALID_PARAMS", "params has to be an object, {} where nothing is needed");
  if (said === undefined)
    return new DockError(
      "INVALID_PARAMS",
      "params has to be JSON: it holds a BigInt, or something that contains itself",
    );
  if (!contextId || message.contextId !== contextId) return staleContext();
  return null;
}

/** The agent has moved on since the dock was given its context. */
export const staleContext = () =>
  new DockError("STALE_CONTEXT", "the agent has moved on: this contextId is not the current one");

/**
 * @param {string} type
 * @param {Record<string, unknown>} [fields]
 */
export const nativeMessage = (type, fields) => ({ protocol: PROTOCOL, version: VERSION, type, ...fields });

/**
 * The form of UniLink's and Chatwoot's dashboard apps: a string.
 * @param {unknown} data  conversation, contact, currentAgent
 */
export const appContextMessage = (data) => JSON.stringify({ event: "appContext", data });
