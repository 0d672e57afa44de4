// @ts-check
// What a host does with a dock's actions: asks the agent where it has to, takes them to the server one after the other,
// and remembers the results.

import { DockError, checkAction, staleContext } from "./dock-messages.js";

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

/** The actions of one dock. */
export class ActionDesk {
  /** @type {Map<string, Promise<object>>} */ #results = new Map();
  /** @type {Promise<unknown>} */ #turn = Promise.resolve();
  #waiting = 0;
  /** @type {AbortController | null} */ #question = null;

  /** @param {Desk} host */
  constructor(host) {
    this.host = host;
  }

  /** The session is another one: its request ids are new ones. */
  forget() {
    this.#results.clear();
  }

  /** The agent has moved on: the answer to an open question does not matter any more. */
  dropQuestion() {
    this.#question?.abort();
  }

  /**
   * Takes an action message whose requestId is one. The same requestId again gets the first result.
   * @param {Record<string, any>} message
   * @returns {Taken}
   */
  take(message) {
    const known = this.#results.get(message.requestId);
    if (known) return { verdict: "accepted", reason: "a repeated requestId: it gets the first result", result: known };
    const refusal = checkAction(message, this.host.dock().actions, this.#contextId());
    const result = this.#decide(message, refusal);
    this.#results.set(message.requestId, result);
    if (this.#results.size > this.host.limits.remembered) this.#results.delete(this.#results.keys().next().value ?? "");
    return { verdict: refusal ? "refused" : "accepted", reason: refusal?.message, result };
  }

  #contextId() {
    return this.host.session()?.contextId ?? null;
  }

  /**
   * @param {Record<string, any>} message
   * @param {DockError | null} refusal
   * @returns {Promise<object>}
   */
  async #decide(message, refusal) {
    try {
      if (refusal) throw refusal;
      const { conversation } = await this.#inTurn(() => this.#perform(message));
      return { ok: true, conversation };
    } catch (error) {
      if (error.code === "NOT_FOUND") this.host.refresh(); // the session is over: a new one with a new context
      const known = error instanceof DockError && error.code !== "NOT_FOUND";
      return { ok: false, error: { code: known ? error.code : "UNAVAILABLE", message: error.message } };
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

  /** @param {Record<string, any>} message */
  async #perform({ requestId, contextId, action, params }) {
    const { limits, transport, notice, refresh } = this.host;
    const dock = this.host.dock();
    if (contextId !== this.#contextId()) throw staleContext();
    if (dock.confirm?.includes(action)) await this.#confirm(action, params);
    const session = this.host.session();
    if (!session || contextId !== session.contextId) throw staleContext();
    const done = { dock, agent: session.context.agent, action, params };
    const pending = () => notice?.({ type: "pending", ...done });
    const answer = await inTime(transport.act(session, { requestId, contextId, action, params }, pending), limits.action);
    notice?.({ type: "action", id: answer.id, ...done });
    refresh();
    return answer;
  }

  /**
   * Asks the agent. What nobody can be asked about is declined.
   * @param {string} action
   * @param {Record<string, unknown>} params
   */
  async #confirm(action, params) {
    const { limits, confirm } = this.host;
    const question = (this.#question = new AbortController());
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
