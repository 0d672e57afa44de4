// @ts-check
// The playground's list of messages and requests: newest last, what was said as it was, to be copied.

import { jsonOf } from "/sdk/dock-messages.js";

const keep = 400; // entries; the oldest go first

/** @typedef {import("/sdk/dock-host.js").Seen} Seen */
/** @typedef {import("./local-transport.js").Sent} Sent */

export class Log {
  /**
   * @param {HTMLElement} list  an ol
   * @param {HTMLElement} empty  shown while there is nothing
   */
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
  }

  clear() {
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  /** A message between frame and host. @param {Seen} seen */
  message({ direction, verdict, reason, origin, data }) {
    const colour = { accepted: "ok", sent: "", refused: "danger", ignored: "warn" }[verdict];
    const refusal = refusalIn(data);
    this.#add({
      kind: "message",
      trouble: verdict === "refused" || verdict === "ignored" || refusal !== null,
      way: direction === "in" ? "dock → host" : "host → dock",
      what: nameOf(data),
      badge: refusal?.code ?? verdict,
      colour: refusal ? "danger" : colour,
      why: reason ?? refusal?.message ?? "",
      parts: [["Copy", pretty(data)]],
      about: direction === "in" ? `from ${origin}` : `to ${origin}`,
    });
  }

  /** A request that would have gone to the server. @param {Sent} sent */
  request({ method, path, body, status, answer }) {
    const trouble = status >= 400 || /** @type {any} */ (answer)?.status === "rejected";
    const curl =
      `curl -X ${method} ${location.origin}${path}` +
      (body === undefined ? "" : ` -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`);
    this.#add({
      kind: "request",
      trouble,
      way: "host → server",
      what: `${method} ${short(path)}`,
      badge: String(status),
      colour: trouble ? "danger" : "info",
      why: "",
      about: "as it would have been sent",
      parts: [
        ["Copy as curl", body === undefined ? curl : pretty(body), curl],
        ["Copy answer", pretty(answer ?? "no content")],
      ],
    });
  }

  /**
   * @param {{kind: string, trouble: boolean, way: string, what: string, badge: string, colour: string, why: string,
   *   about: string, parts: string[][]}} entry
   */
  #add({ kind, trouble, way, what, badge, colour, why, about, parts }) {
    const follows = this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 8;
    const at = new Date();
    const summary = make("summary", "", [
      make("time", "", [`${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`]),
      make("span", "way", [way]),
      make("span", "what", [what]),
      make("span", `badge ${colour}`, [badge]),
    ]);
    if (why) summary.append(make("span", "why", [why]));
    const inside = make("div", "inside", [make("p", "muted", [about])]);
    for (const [label, text, copied = text] of parts)
      inside.append(make("div", "copies", [copyButton(label, copied)]), make("pre", "", [text]));
    const item = make("li", "", [make("details", "", [summary, inside])]);
    item.dataset.kind = kind;
    if (trouble) item.dataset.trouble = "";
    this.list.append(item);
    if (this.list.childElementCount > keep) this.list.firstElementChild?.remove();
    this.empty.hidden = true;
    if (follows) this.list.scrollTop = this.list.scrollHeight; // only for those who are at the end
  }
}

/** The error of a result, if it has one. @param {any} data @returns {{code: string, message: string} | null} */
const refusalIn = (data) => (data?.type === "result" && data.ok === false ? data.error : null);

/** @param {unknown} data */
function nameOf(data) {
  if (typeof data === "string") return data.includes('"appContext"') ? "appContext" : data.slice(0, 80);
  const { type, action } = /** @type {any} */ (data ?? {});
  if (type === "action") return `action ${brief(action)}`;
  return brief(type ?? data);
}

/** @param {unknown} value */
const brief = (value) => (typeof value === "string" ? value : (jsonOf(value) ?? notJSON(value))).slice(0, 80);

/** What a window can be sent, and JSON cannot say. @param {unknown} value */
const notJSON = (value) => (typeof value === "object" ? "an object that is no JSON" : `${value} (${typeof value})`);

/** @param {unknown} value */
function pretty(value) {
  if (typeof value !== "string") return jsonOf(value) === undefined ? notJSON(value) : JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

/** @param {string} path */
const short = (path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, (id) => `${id.slice(0, 8)}…`);

/** For a POSIX shell. @param {unknown} body */
const quoted = (body) => `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;

/** @param {string} tag @param {string} className @param {(string | Node)[]} children */
export function make(tag, className, children) {
  const element = document.createElement(tag);
  if (className) element.className = className.trim();
  element.append(...children); // strings become text, never HTML
  return element;
}

/** @param {string} label @param {string} text */
export function copyButton(label, text) {
  const button = /** @type {HTMLButtonElement} */ (make("button", "small", [label]));
  button.type = "button";
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    button.textContent = done ? "Copied" : "Not allowed here";
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
  return button;
}
