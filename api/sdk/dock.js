// @ts-check
// For pages that are shown as a tool dock. In a page:
//
//   <script src="https://support.example.com/sdk/dock.js"></script>
//   <script>
//     AtenderDock.onContext(async (context) => {
//       const order = await findOrder(context.contact.email);
//       await context.addTag("order-" + order.state);
//     });
//   </script>
//
// As an ES module: import { onContext } from "https://support.example.com/sdk/dock.mjs". Types: dock.d.ts. No dependencies.
//
// The host is the Atender that this script was loaded from. Where it is served from elsewhere, or the dock is shown in
// another agent UI, data-host names the host's origin, or several with spaces between.
(() => {
  // biome-ignore lint/suspicious/noRedundantUseStrict: pages load it as a classic script, too, which is not strict by itself
  "use strict";

  const PROTOCOL = "atender.dock";
  const VERSION = 1;
  const contextTime = 10_000; // ms for the host to send a context
  const actionTime = 180_000; // ms for an action; the agent may have to confirm it

  /** An action that was refused: `code` is one of the documented ones, `message` says why. */
  class DockError extends Error {
    /** @param {string} code @param {string} message */
    constructor(code, message) {
      super(message);
      this.name = "DockError";
      this.code = code;
    }
  }

  /** @type {string[]} */ let hosts = [];
  /** @type {string | null} */ let host = null; // the one of them that has sent a context
  /** @type {any} */ let current = null;
  let known = ""; // what the listeners have been told
  /** @type {Set<(context: any) => void>} */ const listeners = new Set();
  /** @type {Set<(context: any) => void>} */ const waiting = new Set();
  /** @type {Map<string, {resolve: (value: any) => void, reject: (error: Error) => void, timer: any}>} */
  const requests = new Map();

  /** @param {string} type @param {object} [fields] */
  function post(type, fields) {
    if (window.parent === window) return;
    const message = { protocol: PROTOCOL, version: VERSION, type, ...fields };
    for (const origin of host ? [host] : reachable()) window.parent.postMessage(message, origin);
  }

  /** The hosts that can be meant: browsers that name the page around this one spare us a complaint in the console. */
  function reachable() {
    const around = location.ancestorOrigins?.[0];
    return around ? hosts.filter((origin) => origin === around) : hosts;
  }

  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !hosts.includes(event.origin)) return;
    const message = event.data;
    if (typeof message !== "object" || message === null || message.protocol !== PROTOCOL || message.version !== VERSION)
      return;
    if (message.type === "context") {
      host = event.origin;
      take(message);
    }
    if (message.type === "result") applyResult(message);
    if (message.type === "ping") post("pong");
  });

  /** @param {any} message */
  function take({ contextId, token, data }) {
    const context = Object.freeze({ ...data, contextId, token, ...actionsOn(() => contextId) });
    const about = JSON.stringify([contextId, data]);
    const isNews = about !== known;
    current = context;
    known = about;
    for (const tell of waiting) tell(context);
    waiting.clear();
    if (!isNews) return; // the same again, with a younger token
    for (const listener of listeners) void call(listener, context);
  }

  /** One listener's mistake is not another's. @param {(context: any) => void} listener @param {any} context */
  async function call(listener, context) {
    try {
      await listener(context);
    } catch (error) {
      console.error(error);
    }
  }

  /** @param {any} message */
  function applyResult({ requestId, ok, conversation, error }) {
    const request = requests.get(requestId);
    if (!request) return;
    requests.delete(requestId);
    clearTimeout(request.timer);
    if (ok) request.resolve(conversation);
    else request.reject(new DockError(error?.code ?? "UNAVAILABLE", error?.message ?? "the host gave no reason"));
  }

  /**
   * @param {string | undefined} contextId
   * @param {string} action
   * @param {object} params
   */
  function act(contextId, action, params) {
    if (!contextId)
      return Promise.reject(new DockError("UNAVAILABLE", "no context has come yet: is this page shown as a dock?"));
    return new Promise((resolve, reject) => {
      const requestId = randomId();
      const timer = setTimeout(() => {
        requests.delete(requestId);
        reject(new DockError("TIMEOUT", "the host has not answered in time; the action may still be carried out"));
      }, actionTime);
      requests.set(requestId, { resolve, reject, timer });
      try {
        post("action", { requestId, contextId, action, params });
      } catch (cause) {
        requests.delete(requestId);
        clearTimeout(timer);
        reject(new DockError("INVALID_PARAMS", `the parameters cannot be sent: ${cause}`));
      }
    });
  }

  function randomId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    );
  }

  // The parameter that each action can be given alone, instead of an object with all: "" for none, null for an action that
  // takes no parameters. From api/openapi.yaml, by `make generate`.
  // generated: alone
  const alone = Object.freeze({
    addTag: "tag",
    assign: "",
    resolve: null,
    sendMessage: "text",
    snooze: "until",
  });
  // generated: end

  /**
   * The parameters of an action, from what its function was called with.
   * @param {string | null} name  of the parameter that is given alone
   * @param {any} given
   */
  function paramsOf(name, given) {
    if (name === null) return {};
    if (given instanceof Date) given = given.toJSON(); // null if it is no time, which is refused
    if (name === "" || (typeof given === "object" && given !== null)) return { ...given };
    return { [name]: given };
  }

  /**
   * The actions, on one context. Each resolves to the conversation as it is then, and rejects with a DockError.
   * @param {() => string | undefined} contextId
   */
  function actionsOn(contextId) {
    return Object.fromEntries(
      Object.entries(alone).map(([action, name]) => [
        action,
        (/** @type {any} */ given) => act(contextId(), action, paramsOf(name, given)),
      ]),
    );
  }

  /**
   * Calls the function with every context: now, if there is one, when the agent moves on, and when something changes.
   * @param {(context: any) => void} listener
   * @returns {() => void} ends it
   */
  function onContext(listener) {
    listeners.add(listener);
    if (current) void call(listener, current);
    return () => void listeners.delete(listener);
  }

  /** Asks for the context anew, with a token that has at least 4 minutes to live. */
  function getContext() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(tell);
        reject(
          new DockError(
            "TIMEOUT",
            "the host has sent no context: is this page shown as a dock, and is data-host right?",
          ),
        );
      }, contextTime);
      const tell = (/** @type {any} */ context) => {
        clearTimeout(timer);
        resolve(context);
      };
      waiting.add(tell);
      post("getContext");
    });
  }

  /** Shows a notice under the dock's name. @param {string} text */
  const notify = (text) => post("notify", { text });

  /** Asks for a height in pixels; that of the page's content if there is none given. @param {number} [height] */
  const resize = (height) => post("resize", { height: height ?? document.documentElement.scrollHeight });

  /**
   * Names the host and tells it that this dock is there. Only needed where the script cannot know: see above.
   * @param {{host: string | string[]}} options  origins, such as https://support.example.com
   */
  function connect({ host: names }) {
    hosts = [...new Set([names].flat().map((name) => new URL(name).origin))];
    host = null;
    post("ready", { ping: true });
  }

  const dock = {
    onContext,
    getContext,
    notify,
    resize,
    connect,
    DockError,
    ...actionsOn(() => current?.contextId),
    /** The latest context; null before the first. */
    get context() {
      return current;
    },
  };
  Object.defineProperty(globalThis, "AtenderDock", { value: dock, configurable: true });

  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  if (script?.dataset.host) connect({ host: script.dataset.host.trim().split(/\s+/) });
  else if (script?.src && new URL(script.src).origin !== location.origin) connect({ host: script.src });
  else if (script) console.warn("dock.js: data-host has to name the origin of the page that shows this dock");
})();
