// @ts-check
// The host of tool docks: shows a dock beside a conversation, tells it what it is about, and takes its actions to the
// server. The Atender console uses it; so can any other agent UI:
//
//   import { DockHost, restTransport } from "https://support.example.com/sdk/dock-host.js";
//   const host = new DockHost(document.querySelector("#dock"), { dock, transport: restTransport() });
//   host.setConversation(conversationId);   // again whenever the agent moves on
//
// The rules, all kept here: it listens before the frame exists. A message counts only if it comes from that frame's window
// and from the dock's origin; anything else gets no answer. It sends to the dock's origin, never to "*". An action counts
// only with the contextId of the conversation that the agent looks at now.

import { ActionDesk, limits as actionLimits } from "./dock-actions.js";
import { ContextSender, limits as contextLimits } from "./dock-context.js";
import { codeOf, isRequestId, messageOf, nativeMessage, readMessage } from "./dock-messages.js";
import { DockFrame, limits as frameLimits, texts as frameTexts } from "./dock-frame.js";
import { whyNotFramed } from "./dock-origins.js";

export { DockError } from "./dock-messages.js";
export { restTransport } from "./dock-transport.js";

/** @typedef {import("./dock-transport.js").Dock} Dock */
/** @typedef {import("./dock-transport.js").DockSession} DockSession */
/** @typedef {import("./dock-transport.js").Transport} Transport */

/** Times in milliseconds. Options.limits can change any of them. */
const limits = {
  ...frameLimits,
  ...actionLimits,
  ...contextLimits,
  coalesce: 150, // changes within this time are sent as one
  fresh: 30_000, // a context as old as this is sent without asking the server: its token has 4 minutes to live and more
  notices: 10, // a minute
  noticeLength: 300, // characters
};

/**
 * @typedef {object} Options
 * @property {Pick<Dock, "id" | "name"> & Partial<Dock>} dock  the rest comes with the session
 * @property {Transport} transport
 * @property {string} [theme]  "light" or "dark"
 * @property {string} [locale]  a BCP 47 tag
 * @property {boolean} [visible]  false: nothing is opened until setVisible(true)
 * @property {(question: Question) => Promise<boolean>} [confirm]  asks the agent. Without it what needs to be confirmed is
 *   refused. The signal ends the question when its answer does not matter any more.
 * @property {(notice: Notice) => void} [notice]  tells the agent; text is from the dock: show it as text, never as HTML
 * @property {(state: State) => void} [onState]
 * @property {(seen: Seen) => void} [onMessage]  sees every message, for those who look for a mistake
 * @property {Partial<typeof limits>} [limits]
 * @property {Partial<typeof frameTexts>} [texts]  what this script says by itself
 */
/** @typedef {{dock: Dock, action: string, params: Record<string, unknown>, context: any, signal: AbortSignal}} Question */
/**
 * An action was carried out, or is pending: the server has taken it and will carry it out later. Or the dock says something.
 * @typedef {{type: "action" | "pending", id?: string, dock: Dock, agent: any, action: string, params: Record<string, unknown>}
 *   | {type: "text", dock: Dock, text: string}} Notice */
/** @typedef {{name: "closed" | "loading" | "open" | "quiet" | "failed", reason?: string}} State */
/** @typedef {{direction: "in" | "out", verdict: "accepted" | "refused" | "ignored" | "sent", reason?: string,
 *   origin: string, data: unknown}} Seen */

/** One dock in one element: one living frame, whatever conversations the agent goes through. */
export class DockHost {
  /** @type {Options} */ #options;
  #limits;
  /** @type {DockFrame} */ #frame;
  /** @type {State} */ #state = { name: "closed" };
  /** @type {DockSession | null} */ #session = null;
  #sessionFor = ""; // the conversation that the session is on
  #takenAt = 0; // when the session's context came
  #wanted = ""; // the conversation that the agent looks at
  #stale = false; // the context has changed since it came
  #visible;
  #closed = false;
  /** @type {Promise<void> | null} */ #syncing = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #soon;
  /** @type {ContextSender} */ #sender;
  /** @type {ActionDesk} */ #desk;
  /** @type {number[]} */ #noticedAt = [];

  /**
   * @param {HTMLElement} element  is the host's own from now on
   * @param {Options} options
   */
  constructor(element, options) {
    this.#options = options;
    this.#limits = { ...limits, ...options.limits };
    this.#visible = options.visible ?? true;
    this.#frame = new DockFrame(element, {
      name: options.dock.name,
      permissions: () => this.#dock.permissions ?? [],
      texts: { ...frameTexts, ...options.texts },
      limits: this.#limits,
      load: (first) => this.#sender.loaded(first),
      reload: () => void this.reload(),
      ping: () => this.#post(nativeMessage("ping")),
      state: (name, reason) => this.#setState({ name, reason }),
    });
    this.#sender = new ContextSender({
      limits: this.#limits,
      session: () => (this.contextId && this.#visible && this.#frame.hasPage ? this.#session : null),
      appearance: () => this.#options,
      dock: () => this.#dock,
      post: (message) => this.#post(message),
    });
    this.#desk = new ActionDesk({
      limits: this.#limits,
      dock: () => this.#dock,
      session: () => (this.contextId ? this.#session : null),
      transport: options.transport,
      confirm: options.confirm,
      notice: options.notice,
      refresh: () => this.refresh(),
    });
    element.ownerDocument.defaultView?.addEventListener("message", this.#receive);
  }

  /** What the agent sees. */
  get state() {
    return this.#state;
  }

  /** As the server knows it, once it has said so. @returns {Dock} */
  get #dock() {
    return { actions: [], ...this.#options.dock, ...this.#session?.dock };
  }

  /** The context that counts now; null while the agent has moved on and the server has not answered yet. */
  get contextId() {
    return this.#session && this.#sessionFor === this.#wanted ? this.#session.contextId : null;
  }

  /**
   * The agent looks at this conversation now, or at none. From this moment no action counts that was meant for another.
   * @param {string | null} conversationId
   */
  setConversation(conversationId) {
    if (conversationId !== this.#wanted) this.#desk.dropQuestion();
    this.#wanted = conversationId ?? "";
    return this.#sync();
  }

  /** Something about the conversation or its contact has changed: the dock is told soon, once for many calls. */
  refresh() {
    this.#stale = true;
    this.#pushSoon();
  }

  /** @param {{theme?: string, locale?: string}} appearance */
  setAppearance(appearance) {
    this.#options = { ...this.#options, ...appearance };
    this.#pushSoon(true);
  }

  /** A dock that is not visible is told what it missed when it is shown. @param {boolean} visible */
  async setVisible(visible) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    await this.#sync();
    this.#sender.push();
  }

  /** Loads the page anew; opens the session if there is none. */
  async reload() {
    this.#stale = true;
    const before = this.#frame.url;
    await this.#sync();
    if (this.contextId && before && before === this.#frame.url) this.#navigate(before);
  }

  /** Ends the session and removes the frame. The host cannot be used again. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#soon);
    this.#desk.dropQuestion();
    this.#sender.stop();
    this.#frame.element.ownerDocument.defaultView?.removeEventListener("message", this.#receive);
    this.#frame.remove();
    this.#setState({ name: "closed" });
    if (this.#session) await this.#options.transport.close(this.#session).catch(() => {}); // it ends by itself
  }

  // The context: from the server to the dock.

  /**
   * Brings session and dock to where the agent is. A call that comes while that is under way looks again when it is done:
   * what it is about may have come too late for it.
   * @returns {Promise<void>}
   */
  #sync() {
    if (this.#syncing) return this.#syncing.then(() => this.#sync());
    this.#syncing = this.#catchUp().finally(() => {
      this.#syncing = null;
    });
    return this.#syncing;
  }

  async #catchUp() {
    while (!this.#closed && this.#visible && this.#wanted && (this.#stale || this.#sessionFor !== this.#wanted)) {
      const wanted = this.#wanted;
      this.#stale = false;
      try {
        const session = await this.#ask(wanted);
        if (this.#closed) return void this.#options.transport.close(session).catch(() => {});
        this.#session = session;
        this.#sessionFor = wanted;
        this.#takenAt = Date.now();
      } catch (error) {
        this.#stale = true; // nothing has come: the next call tries again
        if (this.#closed) return;
        if (!this.contextId) this.#frame.unavailable(`${this.#text("unavailable")} ${messageOf(error)}`);
        else if (this.#session?.url === this.#frame.url) this.#frame.available(); // back where its page has been all along
        return;
      }
      if (wanted === this.#wanted) this.#show(this.#session);
    }
  }

  /** @param {string} conversationId @returns {Promise<DockSession>} */
  async #ask(conversationId) {
    const { transport, dock } = this.#options;
    const open = () => {
      this.#desk.forget(); // request ids are a session's
      return transport.openSession({ dockId: dock.id, conversationId });
    };
    if (!this.#session) return open();
    const same = this.#sessionFor === conversationId;
    try {
      return await (same
        ? transport.getContext(this.#session)
        : transport.updateContext(this.#session, conversationId));
    } catch (error) {
      if (codeOf(error) !== "NOT_FOUND") throw error;
      // The session is over, or the dock is not beside this conversation: then it is not needed any more either.
      void transport.close(this.#session).catch(() => {});
      this.#session = null;
      this.#sessionFor = "";
      return open();
    }
  }

  /** The page is loaded anew only if its address has changed. @param {DockSession} session */
  #show(session) {
    const unfit = whyNotFramed(session.url);
    if (unfit) return this.#frame.unavailable(`${this.#text("unavailable")} ${unfit}`);
    this.#frame.available();
    if (session.url !== this.#frame.url) this.#navigate(session.url);
    else this.#sender.push();
  }

  /** @param {string} url */
  #navigate(url) {
    this.#sender.loading();
    this.#frame.navigate(url);
  }

  /** @param {boolean} [unasked]  without asking the server */
  #pushSoon(unasked = false) {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      if (unasked && !this.#stale) this.#sender.push();
      else void this.#sync();
    }, this.#limits.coalesce);
  }

  /** The dock asks for its context, in this form. @param {"native" | "strings"} form */
  async #answerContext(form) {
    this.#sender.asked(form);
    if (Date.now() - this.#takenAt > this.#limits.fresh) this.#stale = true;
    if (this.#stale || !this.contextId) await this.#sync(); // which sends what comes
    this.#sender.push(); // nothing has come: what is known is better than no answer
  }

  // Messages: from the dock to here.

  /** @param {MessageEvent} event */
  #receive = (event) => {
    const window = this.#frame.window;
    if (!window || event.source !== window)
      return this.#seen(event, "ignored", "it is from another window than the dock's frame");
    if (event.origin !== this.#frame.origin) {
      return this.#seen(event, "ignored", `its origin is ${event.origin}, the dock's is ${this.#frame.origin}`);
    }
    const read = readMessage(event.data);
    if (read.kind === "other") return this.#seen(event, "ignored", read.reason);
    const native = read.kind === "native" ? read : null;
    this.#frame.heard({
      greets: native?.type === "ready",
      canPong: native?.type === "ready" && native.message.ping === true,
      isPong: native?.type === "pong",
    });
    if (read.kind === "fetchInfo") {
      this.#seen(event, "accepted");
      return void this.#answerContext("strings");
    }
    this.#sender.speaks("native");
    this.#handle(read.type, read.message, event);
  };

  /**
   * @param {string} type
   * @param {Record<string, any>} message
   * @param {MessageEvent} event
   */
  #handle(type, message, event) {
    if (type === "action" || type === "resize" || type === "notify") this.#sender.acted();
    if (type === "action") return void this.#onAction(message, event);
    this.#seen(event, "accepted");
    if (type === "ready" || type === "getContext") void this.#answerContext("native");
    if (type === "resize") this.#frame.resize(message.height);
    if (type === "notify") this.#notify(message.text);
  }

  /** @param {unknown} text */
  #notify(text) {
    const now = Date.now();
    this.#noticedAt = this.#noticedAt.filter((at) => now - at < 60_000);
    if (typeof text !== "string" || !text.trim() || this.#noticedAt.length >= this.#limits.notices) return;
    this.#noticedAt.push(now);
    this.#options.notice?.({ type: "text", dock: this.#dock, text: text.trim().slice(0, this.#limits.noticeLength) });
  }

  /**
   * @param {Record<string, any>} message
   * @param {MessageEvent} event
   */
  async #onAction(message, event) {
    if (!isRequestId(message.requestId)) {
      return this.#seen(event, "ignored", "an action needs a requestId, a string of 1 to 100 characters");
    }
    const { verdict, reason, result } = this.#desk.take(message);
    this.#seen(event, verdict, reason);
    this.#post(nativeMessage("result", { requestId: message.requestId, ...(await result) }));
  }

  // What others see.

  /** @param {unknown} message */
  #post(message) {
    if (this.#closed || !this.#frame.hasPage) return; // whom it was for has gone
    this.#frame.window?.postMessage(message, this.#frame.origin);
    this.#options.onMessage?.({ direction: "out", verdict: "sent", origin: this.#frame.origin, data: message });
  }

  /**
   * @param {MessageEvent} event
   * @param {Seen["verdict"]} verdict
   * @param {string} [reason]
   */
  #seen(event, verdict, reason) {
    this.#options.onMessage?.({ direction: "in", verdict, reason, origin: event.origin, data: event.data });
  }

  /** @param {State} state */
  #setState(state) {
    this.#state = state;
    this.#options.onState?.(state);
  }

  /** @param {keyof typeof frameTexts} name */
  #text(name) {
    return this.#options.texts?.[name] ?? frameTexts[name];
  }
}
