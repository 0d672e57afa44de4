// @ts-check
// The frame that a dock lives in: its attributes, its size, and what is shown when nothing comes from it.

import { originOf } from "./dock-origins.js";

/** What a dock's page may do. It cannot navigate the page it is in. */
const sandbox = [
  "allow-scripts",
  "allow-same-origin",
  "allow-forms",
  "allow-popups",
  "allow-popups-to-escape-sandbox",
  "allow-downloads",
  "allow-storage-access-by-user-activation",
];

/** The permission that is no feature of Permissions Policy: alert, confirm, prompt and print, which the sandbox keeps away. */
const modals = "modals";

/** The sentences that this script shows by itself; {name} is the dock's. */
export const texts = {
  notLoaded: "{name} did not load.",
  notAnswering: "{name} has stopped answering.",
  quiet: "Nothing has been heard from {name} yet.",
  blocked: "{name} has gone to {origin}, which this page does not let it show.",
  unavailable: "{name} cannot be opened.",
  reload: "Reload",
  fine: "It works",
};

/** Times in milliseconds, heights in pixels. */
export const limits = {
  load: 15_000, // for a page to load
  firstWord: 10_000, // for a loaded page to say something
  ping: 15_000, // between two looks whether a dock that can say so is alive
  pong: 10_000, // for its answer
  blocked: 2_000, // between word that this page's policy has kept a page away, and the load of an empty one in its place
  minHeight: 80,
  maxHeight: 4000,
};

const style = `
.atender-dock { position: relative; display: flex; flex-direction: column; min-height: 120px; }
.atender-dock-page { flex: 1 0 auto; display: flex; flex-direction: column; width: 100%; }
.atender-dock-problem { position: absolute; inset: 0; display: flex; flex-direction: column; gap: 12px; align-items: center;
  justify-content: center; padding: 16px; text-align: center; font: 14px/1.45 system-ui, sans-serif;
  color: var(--text-normal, CanvasText); background: var(--surface-1, Canvas); }
.atender-dock-hint { display: flex; gap: 8px; align-items: center; padding: 8px 12px; font: 12px/1.45 system-ui, sans-serif;
  color: var(--text-muted, GrayText); background: var(--surface-1, Canvas); border-top: 1px solid var(--line, GrayText); }
.atender-dock-hint > span { flex: 1; }
.atender-dock button { font: inherit; padding: 4px 12px; border-radius: 6px; cursor: pointer;
  color: var(--text-strong, ButtonText); background: var(--surface-0, ButtonFace); border: 1px solid var(--line, ButtonBorder); }
.atender-dock button:focus-visible { outline: 2px solid var(--accent, Highlight); outline-offset: 2px; }
.atender-dock [hidden] { display: none; }`;

/** Within the shadow root, where the document's style does not reach. */
const frameStyle = `
iframe { flex: 1 0 auto; width: 100%; min-height: 80px; border: 0; display: block; background: transparent; }`;

/** @type {WeakSet<Document | ShadowRoot>} */
const styled = new WeakSet();

/** @param {Document | ShadowRoot} root @param {string} text */
function addStyle(root, text) {
  if (styled.has(root)) return;
  styled.add(root);
  const sheet = new CSSStyleSheet(); // which a strict Content-Security-Policy lets through
  sheet.replaceSync(text);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/**
 * What the agent sees: `failed` covers the frame with its reason, `quiet` says at its foot that nothing has been heard.
 * @typedef {{name: "loading" | "open" | "quiet" | "failed", reason?: string}} Shown
 */

/**
 * One dock's frame within an element. The frame is covered only where there is nothing to see in it: while the dock cannot
 * be opened, when no page has loaded or one was kept away, and when a page that answered has stopped to. A page that loads
 * and says nothing may be one to sign in at, or an app that only listens: it stays visible, and only of a dock that has said
 * that it is ready is it told that it says nothing now.
 */
export class DockFrame {
  /** @type {HTMLIFrameElement | null} */ #frame = null;
  /** @type {HTMLElement | null} */ #page = null; // what has the frame within
  /** @type {HTMLElement} */ #problem;
  /** @type {HTMLElement} */ #hint;
  #url = "";
  #loaded = false;
  /** @type {Shown} */ #state = { name: "loading" }; // what is to be said of the page in the frame
  #unavailable = ""; // why the dock cannot be opened, whatever its page does; empty if it can
  /** @type {Shown | null} */ #said = null;
  #spoken = false; // since the latest load event the dock has said something, of its own accord
  #canPong = false; // a page of this address has said that it answers ping
  #greets = false; // the dock has said that it is ready, which it does after each load
  #blocked = ""; // the origin that a frame was kept from just now; empty if none was
  #wentAt = -Infinity; // when a page loaded that the frame went to by itself; on the clock of performance
  #hintDeclined = false;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */ #timers = new Map();

  /**
   * @param {HTMLElement} element  is emptied and filled
   * @param {object} on
   * @param {string} on.name  of the dock
   * @param {() => string[]} on.permissions
   * @param {typeof texts} on.texts
   * @param {typeof limits} on.limits
   * @param {(first: boolean) => void} on.load  a page has loaded, the frame's first or a later one; it need not be the dock's
   * @param {() => void} on.reload  the dock is to be loaded anew
   * @param {() => void} on.ping  the dock is to be asked whether it is alive
   * @param {(state: Shown["name"], reason?: string) => void} on.state
   */
  constructor(element, on) {
    this.element = element;
    this.on = on;
    addStyle(element.ownerDocument, style);
    element.classList.add("atender-dock");
    this.#problem = this.#notice("atender-dock-problem", "alert");
    this.#hint = this.#notice("atender-dock-hint", "status", () => {
      this.#hintDeclined = true;
      this.#is("open");
    });
    element.replaceChildren(this.#problem, this.#hint);
    element.ownerDocument.addEventListener("securitypolicyviolation", this.#onViolation);
  }

  /** Of the frame; null without one. */
  get window() {
    return this.#frame?.contentWindow ?? null;
  }
  /** Of the page that the frame was told to show. */
  get url() {
    return this.#url;
  }
  get origin() {
    return new URL(this.#url).origin;
  }
  get loaded() {
    return this.#loaded;
  }
  /** Whether there is a page in it to speak to; until then it is empty, and the browser complains of each message to it. */
  get hasPage() {
    return this.#loaded || this.#spoken;
  }

  /**
   * Shows a page, in a new frame: what is still said by the page before, is from another window. What listens to it has to
   * listen by now.
   * @param {string} url
   */
  navigate(url) {
    this.#url = url;
    this.#loaded = this.#spoken = this.#canPong = false;
    this.#blocked = "";
    this.#wentAt = -Infinity;
    this.#stopTimers();
    this.#is("loading");
    this.#timer("load", this.on.limits.load, () => this.#is("failed", this.on.texts.notLoaded));
    this.#insert(url);
  }

  /** The dock cannot be opened: what its page shows is about something else, and is covered. @param {string} why */
  unavailable(why) {
    this.#unavailable = why;
    this.#show();
  }

  /** The dock is open: its page is about what the agent looks at. */
  available() {
    if (!this.#unavailable) return;
    this.#unavailable = "";
    this.#show();
  }

  /**
   * The frame lives in a shadow root of an element of its own. Frames in a document are its window's items
   * (`parent[0]`, `parent.length`, `parent["name"]`) for every page that has the window, so a bad dock could find the
   * others and post them a context that is not the host's; frames in a shadow root are none of them (HTML Standard,
   * "document-tree child navigables"). For the same reason the frame has no name.
   * @param {string} url
   */
  #insert(url) {
    const document = this.element.ownerDocument;
    const page = document.createElement("div");
    page.className = "atender-dock-page";
    const root = page.attachShadow({ mode: "open" });
    addStyle(root, frameStyle);
    const frame = document.createElement("iframe");
    frame.title = this.on.name;
    const permissions = this.on.permissions();
    frame.setAttribute("sandbox", [...sandbox, ...(permissions.includes(modals) ? ["allow-modals"] : [])].join(" "));
    frame.referrerPolicy = "strict-origin";
    frame.allow = permissions.filter((name) => name !== modals && /^[a-z-]+$/.test(name)).join("; ");
    let first = true;
    frame.addEventListener("load", () => {
      this.#onLoad(first);
      first = false;
    });
    frame.src = url;
    root.append(frame);
    this.#page?.remove();
    this.#page = page;
    this.#frame = frame;
    this.element.prepend(page);
  }

  /**
   * A page has loaded: the one that was asked for, or where that has gone. What has spoken while it was loading may have been
   * the page before. So it is asked to answer, if one of them has said that it does; until it has, it is asked no more.
   * @param {boolean} first
   */
  #onLoad(first) {
    if (this.#blocked) return this.#onBlocked();
    this.#loaded = true;
    this.#wentAt = first ? -Infinity : performance.now();
    this.#stopTimers();
    this.#is("open");
    if (this.#greets && (!this.#spoken || this.#canPong))
      this.#timer("firstWord", this.on.limits.firstWord, () => this.#onSilence());
    this.#spoken = false;
    this.on.load(first);
    if (this.#canPong) this.on.ping();
  }

  /**
   * This page's policy has kept a frame from going somewhere: from the address of the dock itself, or from one that a page
   * went to. The browser does not say which frame: it is the one in which an empty page loads, just before or after.
   * @param {SecurityPolicyViolationEvent} event
   */
  #onViolation = ({ effectiveDirective, disposition, blockedURI }) => {
    if (effectiveDirective !== "frame-src" || disposition !== "enforce" || !this.#frame) return;
    this.#blocked = originOf(blockedURI);
    this.#timer("blocked", this.on.limits.blocked, () => {
      this.#blocked = "";
    });
    const own = !this.hasPage && this.#blocked === this.origin;
    const went = this.#loaded && !this.#spoken && performance.now() - this.#wentAt < this.on.limits.blocked;
    if (own || went) this.#onBlocked();
  };

  #onBlocked() {
    const origin = this.#blocked;
    this.#blocked = "";
    this.#loaded = this.#spoken = this.#canPong = false;
    this.#stopTimers();
    this.#is(
      "failed",
      this.on.texts.blocked.replaceAll("{origin}", () => origin),
    );
  }

  #onSilence() {
    if (!this.#hintDeclined) this.#is("quiet");
  }

  /**
   * A message has come from the dock.
   * @param {{greets?: boolean, canPong?: boolean, isPong?: boolean}} [message]  it says that it is ready, and perhaps that it
   *   answers ping; it is such an answer
   */
  heard({ greets = false, canPong = false, isPong = false } = {}) {
    if (isPong && !this.#loaded) return; // of the page before: this one was not asked
    if (!isPong) this.#spoken = true;
    if (canPong) this.#canPong = true;
    if (greets) this.#greets = true;
    for (const name of ["load", "firstWord", "pong"]) this.#cancel(name); // it works, though something on it may be slow
    this.#is("open");
    if (this.#loaded && this.#canPong && !this.#timers.has("ping")) this.#pingLater();
  }

  #pingLater() {
    this.#timer("ping", this.on.limits.ping, () => {
      if (!this.element.ownerDocument.hidden) {
        // pages in the background are slowed down
        this.on.ping();
        if (!this.#timers.has("pong")) this.#timer("pong", this.on.limits.pong, () => this.#onDeath());
      }
      this.#pingLater();
    });
  }

  #onDeath() {
    this.#is("failed", this.on.texts.notAnswering);
  }

  /** @param {Shown["name"]} name @param {string} [reason] */
  #is(name, reason) {
    this.#state = { name, reason };
    this.#show();
  }

  /** Shows what is to be said, and says it to others once. */
  #show() {
    /** @type {Shown} */
    const shown = this.#unavailable ? { name: "failed", reason: this.#unavailable } : this.#state;
    const { name, reason = "" } = shown;
    const problem = this.#say(this.#problem, name === "failed" ? reason : "");
    this.#say(this.#hint, name === "quiet" ? this.on.texts.quiet : "");
    if (this.#said?.name === name && this.#said.reason === problem) return;
    this.#said = { name, reason: problem };
    this.on.state(name, problem || undefined);
  }

  /** @param {unknown} height  in pixels, as the dock asks for it; what is not a number is not heeded */
  resize(height) {
    if (typeof height !== "number" || !Number.isFinite(height) || !this.#frame) return;
    const { minHeight, maxHeight } = this.on.limits;
    this.#frame.style.height = `${Math.min(Math.max(Math.ceil(height), minHeight), maxHeight)}px`;
  }

  remove() {
    this.#stopTimers();
    this.element.ownerDocument.removeEventListener("securitypolicyviolation", this.#onViolation);
    this.#frame = this.#page = null;
    this.element.replaceChildren();
    this.element.classList.remove("atender-dock");
  }

  /**
   * @param {string} className
   * @param {string} role
   * @param {() => void} [decline]
   */
  #notice(className, role, decline) {
    const document = this.element.ownerDocument;
    const box = document.createElement("div");
    box.className = className;
    box.setAttribute("role", role);
    box.hidden = true;
    const sentence = document.createElement("span");
    box.append(sentence, this.#button(this.on.texts.reload, this.on.reload));
    if (decline) box.append(this.#button(this.on.texts.fine, decline));
    return box;
  }

  /** @param {string} label @param {() => void} click */
  #button(label, click) {
    const button = this.element.ownerDocument.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", click);
    return button;
  }

  /** @param {HTMLElement} box @param {string} sentence  none: the box goes */
  #say(box, sentence) {
    const said = sentence.replaceAll("{name}", () => this.on.name);
    const place = /** @type {HTMLElement} */ (box.firstElementChild);
    // Only if it is another: it is read out again otherwise.
    if (place.textContent !== said) place.replaceChildren(...this.#parts(sentence));
    box.hidden = !said;
    return said;
  }

  /** The parts of a sentence, the dock's name set apart: it may be written in another direction. @param {string} sentence */
  #parts(sentence) {
    return sentence.split(/(\{name\})/).map((part) => {
      if (part !== "{name}") return part;
      const name = this.element.ownerDocument.createElement("bdi");
      name.textContent = this.on.name;
      return name;
    });
  }

  /** @param {string} name @param {number} after @param {() => void} then */
  #timer(name, after, then) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(then, after));
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #stopTimers() {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
  }
}
