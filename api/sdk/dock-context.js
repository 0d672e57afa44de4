// @ts-check
// When a dock is sent its context, and in which form: apps that never ask call their own back ends each time one comes.

import { appContextMessage, nativeMessage } from "./dock-messages.js";

/** Times in milliseconds. */
export const limits = {
  // When the context is sent after a load that the page has not asked about. Not at once: a page that has asked meanwhile,
  // and so has shown in which form it speaks, is told in that form alone. The second time is for apps that attach their
  // listener late, and is left out once the page has asked or acted.
  unasked: [50, 1500],
};

/** @typedef {import("./dock-transport.js").DockSession} DockSession */

/**
 * What the sender knows of its host.
 * @typedef {object} Sending
 * @property {typeof limits} limits
 * @property {() => DockSession | null} session  null while there is nobody to tell, or nothing that is current
 * @property {() => {theme?: string, locale?: string}} appearance
 * @property {() => import("./dock-transport.js").Dock} dock
 * @property {(message: unknown) => void} post
 */

/** Sends one dock its context: when its page asks, when it has loaded, and after that only what is news to it. */
export class ContextSender {
  /** @type {ReturnType<typeof setTimeout>[]} */ #timers = [];
  #asked = false; // the page has asked since the latest load
  #begun = false; // the first context after the latest load was due
  #owed = false; // the next one is sent even if it is no news: the page has asked, or is to be told again
  #speaks = { native: false, strings: false }; // in which forms the dock has spoken
  #sent = { native: "", strings: "" }; // what the page was sent last, without its token

  /** @param {Sending} host */
  constructor(host) {
    this.host = host;
  }

  /** A page is about to load, in a frame of its own: nothing was sent to it yet. */
  loading() {
    this.stop();
    this.#asked = this.#owed = false;
    this.#sent = { native: "", strings: "" };
  }

  /**
   * A page has loaded. What has asked before is this page, if it is the frame's first; otherwise it may have been the page
   * before: then the context is sent, and not again.
   * @param {boolean} first
   */
  loaded(first) {
    this.stop();
    const asked = this.#asked;
    this.#asked = this.#begun = false;
    if (asked && first) return;
    const times = asked ? this.host.limits.unasked.slice(0, 1) : this.host.limits.unasked;
    this.#timers = times.map((after) =>
      setTimeout(() => {
        this.#begun = true;
        this.#owed = true;
        this.push();
      }, after),
    );
  }

  /** No context is sent any more because of the latest load. */
  stop() {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }

  /** The page has asked, in this form: the next push answers it. @param {"native" | "strings"} form */
  asked(form) {
    this.stop();
    this.#asked = this.#owed = true;
    this.speaks(form);
  }

  /** The page has acted: it has had the context that was sent, if one was. */
  acted() {
    if (this.#begun) this.stop();
  }

  /** From now on the dock is told in the forms that it has spoken in. @param {"native" | "strings"} form */
  speaks(form) {
    this.#speaks[form] = true;
  }

  /**
   * Sends the context in the form that the dock speaks, in both while that is not known: what differs from what the page was
   * sent last, or what is owed to it. What cannot be sent now is owed until it can: then the host pushes again.
   */
  push() {
    const session = this.host.session();
    if (!session) return;
    const { native, strings } = this.#speaks;
    if (strings || !native) {
      const message = appContextMessage(session.appContext);
      this.#send("strings", message, message);
    }
    if (native || !strings) {
      const { token, ...about } = this.#fields(session);
      this.#send("native", JSON.stringify(about), nativeMessage("context", { ...about, token }));
    }
    this.#owed = false;
  }

  /** @param {"native" | "strings"} form @param {string} about  the message without its token @param {unknown} message */
  #send(form, about, message) {
    if (!this.#owed && this.#sent[form] === about) return;
    this.#sent[form] = about;
    this.host.post(message);
  }

  /** @param {DockSession} session */
  #fields({ contextId, context: { conversation, contact, agent }, token }) {
    const { theme = "light", locale = "en" } = this.host.appearance();
    const { id, name, actions } = this.host.dock();
    return { contextId, data: { conversation, contact, agent, dock: { id, name, actions }, theme, locale }, token };
  }
}
