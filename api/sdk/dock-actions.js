// @ts-check
// What a host does with a dock's actions: asks the agent where it has to, takes them to the server one after the other,
// and remembers the results. The server knows request ids, too: what has failed on the way there can be asked again.

import { DockError, checkAction, codeOf, jsonOf, messageOf, staleContext } from "./dock-messages.js";
import { wrongParams } from "./dock-params.js";

/** Times in milliseconds. */
export const limits = {
  confirm: 120_000, // for the agent to answer a question
  action: 45_000, // for the transport to carry an action out
  waiting: 20, // actions that may wait for their turn
  remembered: 500, // results that are kept for repeated request ids
};

/**
 * What the desk knows of its host. The session is null while the context is not current.
 * @typedef {object} Desk
 * @property {typeof limits} limits
 * @property {() => import("./dock-transport.js").Dock} dock
 * @property {() => import("./dock-transport.js").DockSession | null} session
 * @property {import("./dock-transport.js").Transport} transport
 * @property {import("./dock-host.js").Options["confirm"]} confirm
 * @property {import("./dock-host.js").Options["notice"]} notice
 * @property {() => void} refresh
 */

/**
 * @typedef {object} Taken
 * @property {"accepted" | "refused"} verdict
 * @property {string} [reason]
 * @property {Promise<object>} result  the fields of the result message; never rejects
 */

/**
 * An action as it was asked for first.
 * @typedef {object} Asked
 * @property {Record<string, any>} message
 * @property {Promise<object>} result
 * @property {boolean} sent  the agent has agreed where that was needed, and the server may know of it
 * @property {boolean} open  it failed for a reason that passes: the same requestId is asked again
 */

/** Failures that say nothing of what becomes of the action. */
const passing = new Set(["UNAVAILABLE", "RATE_LIMITED", "TIMEOUT"]);

/** The actions of one dock. */
export class ActionDesk {
  /** @type {Map<string, Asked>} */ #asked = new Map();
  /** @type {Promise<unknown>} */ #turn = Promise.resolve();
  #waiting = 0;
  /** @type {AbortController | null} */ #question = null;

  /** @param {Desk} host */
  constructor(host) {
    this.host = host;
  }

  /** The session is another one: its request ids are new ones. */
  forget() {
    this.#asked.clear();
  }

  /** The agent has moved on: the answer to an open question does not matter any more. */
  dropQuestion() {
    this.#question?.abort();
  }

  /**
   * Takes an action message whose requestId is one. The same requestId again gets the first result; where that never came,
   * what was asked for first is asked of the server again, which does it once.
   * @param {Record<string, any>} message
   * @returns {Taken}
   */
  take(message) {
    const known = this.#asked.get(message.requestId);
    if (known && !known.open) {
      return { verdict: "accepted", reason: "a repeated requestId: it gets the first result", result: known.result };
    }
    if (known?.sent) {
      known.open = false;
      known.result = this.#decide(known, null);
      return { verdict: "accepted", reason: "a repeated requestId: the server is asked again", result: known.result };
    }
    const refusal = checkAction(message, this.host.dock().actions, this.#contextId());
    const asked = /** @type {Asked} */ ({ message: refusal ? message : asJSON(message), sent: false, open: false });
    asked.result = this.#decide(asked, refusal);
    this.#asked.set(message.requestId, asked);
    if (this.#asked.size > this.host.limits.remembered) this.#asked.delete(this.#asked.keys().next().value ?? "");
    return { verdict: refusal ? "refused" : "accepted", reason: refusal?.message, result: asked.result };
  }

  #contextId() {
    return this.host.session()?.contextId ?? null;
  }

  /**
   * @param {Asked} asked
   * @param {DockError | null} refusal
   * @returns {Promise<object>}
   */
  async #decide(asked, refusal) {
    try {
      if (refusal) throw refusal;
      const { conversation } = await this.#inTurn(() => this.#perform(asked));
      return { ok: true, conversation };
    } catch (error) {
      if (codeOf(error) === "NOT_FOUND") this.host.refresh(); // the session is over: a new one with a new context
      const known = error instanceof DockError && error.code !== "NOT_FOUND";
      const code = known ? error.code : "UNAVAILABLE";
      asked.open = passing.has(code);
      return { ok: false, error: { code, message: messageOf(error) } };
    }
  }

  /**
   * One action after the other, in the order they came.
   * @template T
   * @param {() => Promise<T>} work
   */
  #inTurn(work) {
    if (this.#waiting >= this.host.limits.waiting)
      throw new DockError("RATE_LIMITED", "too many actions wait for their turn");
    this.#waiting++;
    const turn = this.#turn.then(work).finally(() => {
      this.#waiting--;
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** @param {Asked} asked */
  async #perform(asked) {
    const { requestId, contextId, action, params } = asked.message;
    const { limits, transport, notice, refresh } = this.host;
    const dock = this.host.dock();
    if (!asked.sent) {
      if (contextId !== this.#contextId()) throw staleContext();
      if (dock.confirm?.includes(action)) await this.#confirm(action, params);
      if (contextId !== this.#contextId()) throw staleContext();
    }
    const session = this.host.session();
    if (!session) throw new DockError("UNAVAILABLE", "the agent is moving on: ask again in a moment");
    asked.sent = true;
    const done = { dock, agent: session.context.agent, action, params };
    const pending = () => notice?.({ type: "pending", ...done });
    const answer = await inTime(
      transport.act(session, { requestId, contextId, action, params }, pending),
      limits.action,
    );
    notice?.({ type: "action", id: answer.id, ...done });
    refresh();
    return answer;
  }

  /**
   * Asks the agent. What the server would not do is not asked about; without a way to ask, all is declined.
   * @param {string} action
   * @param {Record<string, unknown>} params
   */
  async #confirm(action, params) {
    const { limits, confirm } = this.host;
    const wrong = wrongParams(/** @type {import("./vocabulary.js").DockActionKind} */ (action), params);
    if (wrong) throw new DockError("INVALID_PARAMS", wrong);
    const question = new AbortController();
    this.#question = question;
    const { signal } = question;
    const dropped = new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(staleContext()), { once: true }),
    );
    try {
      const context = this.host.session()?.context;
      const answer = confirm?.({ dock: this.host.dock(), action, params, context, signal }) ?? Promise.resolve(false);
      const agreed = await inTime(Promise.race([answer, dropped]), limits.confirm);
      if (agreed !== true) throw new DockError("REJECTED", "the agent has declined");
    } finally {
      this.#question = null;
      question.abort(); // a dialog that is still open closes
    }
  }
}

/**
 * An action with its parameters as JSON says them: what the agent is asked is what the server reads. A Date is a string then.
 * @param {Record<string, any>} message
 */
const asJSON = (message) => ({ ...message, params: JSON.parse(jsonOf(message.params) ?? "{}") });

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} limit  in milliseconds
 * @returns {Promise<T>}  rejects with TIMEOUT
 */
function inTime(promise, limit) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DockError("TIMEOUT", "it has taken too long")), limit);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
