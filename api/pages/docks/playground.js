// @ts-check
// The playground: a real dock host whose server is this page.

import { DockHost } from "/sdk/dock-host.js";
import { messageOf } from "/sdk/dock-messages.js";
import { DOCK_ACTION_KINDS } from "/sdk/vocabulary.js";
import { LocalTransport, unknownPlaceholder } from "./local-transport.js";
import { Log, make } from "./log.js";
import { samples } from "./sample.js";

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);

const dockId = "0198c000-0000-7000-8000-00000000d0c5";
const log = new Log($("entries"), $("no-entries"));
/** @type {Map<string, any>} */
const contexts = new Map(samples.map((context) => [context.conversation.id, structuredClone(context)]));
/** @type {DockHost | null} */ let host = null;
/** @type {LocalTransport | null} */ let transport = null;
let shown = samples[0].conversation.id; // the conversation in the editor

const theme = () =>
  document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

// The dock.

/** What the settings say of it. */
function dock() {
  const url = $("url").value.trim();
  const chosen = Object.fromEntries(DOCK_ACTION_KINDS.map((action) => [action, $(`action-${action}`).value]));
  return {
    id: dockId,
    name: "Your dock",
    url,
    permissions: ["clipboard-write", "modals"],
    actions: DOCK_ACTION_KINDS.filter((action) => chosen[action] !== "no"),
    confirm: DOCK_ACTION_KINDS.filter((action) => chosen[action] === "confirm"),
  };
}

async function load() {
  const unknown = unknownPlaceholder($("url").value);
  problem("url-problem", unknown && `There is no placeholder {{${unknown}}}: see “How docks work”.`);
  if (unknown || !$("url").value.trim()) return;
  await host?.close();
  remember();
  transport = new LocalTransport({
    dock: dock(),
    contexts,
    secret: $("secret").value,
    onSent: (sent) => {
      log.request(sent);
      followServer();
    },
  });
  host = new DockHost($("dock"), {
    dock: transport.dock,
    transport,
    theme: theme(),
    locale: navigator.language,
    visible: isVisible(),
    onMessage: (seen) => log.message(seen),
    onState: showState,
    notice,
    confirm,
  });
  await host.setConversation(shown);
}

const isVisible = () => $("visible").getAttribute("aria-pressed") === "true";

/** @param {import("/sdk/dock-host.js").State} state */
function showState({ name, reason }) {
  const [text, colour] = {
    closed: ["not loaded", ""],
    loading: ["loading", ""],
    open: ["open", "ok"],
    quiet: ["loaded, silent", "warn"],
    failed: ["failed", "danger"],
  }[name];
  $("state").textContent = text;
  $("state").className = `badge ${colour}`.trim();
  $("state").title = reason ?? "";
}

/** @param {import("/sdk/dock-host.js").Notice} told */
function notice(told) {
  const text =
    told.type === "text"
      ? `${told.dock.name}: ${told.text}`
      : `${told.agent?.name ?? "The agent"}, via ${told.dock.name}: ${told.action} ${asASCII(told.params)}` +
        (told.type === "pending" ? " waits for the server" : "");
  $("notices").append(make("p", "notice", [text]));
  if ($("notices").childElementCount > 5) $("notices").firstElementChild.remove();
  $("notices").scrollTop = $("notices").scrollHeight;
}

/**
 * JSON in which nothing is unseen, nor turns around what follows it: what is not ASCII is escaped.
 * @param {unknown} value
 * @param {number} [indent]
 */
const asASCII = (value, indent) =>
  JSON.stringify(value, null, indent).replace(
    /[^\x20-\x7e\n]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** @param {import("/sdk/dock-host.js").Question} question @returns {Promise<boolean>} */
function confirm({ dock, action, params, signal }) {
  $("confirm-title").textContent = `${dock.name} wants to use ${action}`;
  $("confirm-params").textContent = asASCII(params, 2);
  const dialog = $("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  signal.addEventListener("abort", () => dialog.close("no"), { once: true });
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}

// The settings.

/** The context in the editor follows what actions have changed. */
function followServer() {
  if (document.activeElement !== $("context")) showContext();
}

function showContext() {
  $("context").value = JSON.stringify(contexts.get(shown), null, 2);
  problem("context-problem");
}

function editContext() {
  let edited;
  try {
    edited = JSON.parse($("context").value);
  } catch (error) {
    return problem("context-problem", `Not JSON yet: ${messageOf(error)}`);
  }
  const missing = ["conversation", "contact", "agent"].find(
    (key) => typeof edited?.[key] !== "object" || edited[key] === null,
  );
  if (missing)
    return problem("context-problem", `${missing} is missing: the context has conversation, contact and agent.`);
  problem("context-problem");
  contexts.set(shown, edited);
  host?.refresh();
}

/** @param {string} id @param {string} [text] */
function problem(id, text) {
  $(id).textContent = text ?? "";
  $(id).hidden = !text;
}

function changeDock() {
  if (transport) transport.dock = dock();
  remember();
  host?.refresh();
}

/** Keeps URL and actions for the next visit; never the secret. */
function remember() {
  const actions = Object.fromEntries(DOCK_ACTION_KINDS.map((action) => [action, $(`action-${action}`).value]));
  try {
    localStorage.setItem("atender.playground", JSON.stringify({ url: $("url").value, actions }));
  } catch {
    /* a browser that keeps nothing */
  }
}

function recall() {
  try {
    const { url = "", actions = {} } = JSON.parse(localStorage.getItem("atender.playground") ?? "{}");
    $("url").value = url;
    for (const action of DOCK_ACTION_KINDS) $(`action-${action}`).value = actions[action] ?? "yes";
  } catch {
    /* what was kept is not ours */
  }
  const asked = new URLSearchParams(location.hash.slice(1)).get("url");
  if (asked) $("url").value = asked;
}

for (const action of DOCK_ACTION_KINDS) {
  const choice = /** @type {HTMLSelectElement} */ (make("select", "", []));
  choice.id = `action-${action}`;
  choice.append(new Option("allowed", "yes"), new Option("agent confirms", "confirm"), new Option("not allowed", "no"));
  choice.addEventListener("change", changeDock);
  const label = /** @type {HTMLLabelElement} */ (make("label", "", [action]));
  label.htmlFor = choice.id;
  $("actions").append(label, choice);
}
for (const { conversation, contact } of samples) {
  $("conversation").append(
    new Option(`#${conversation.number} ${contact.name}: ${conversation.subject}`, conversation.id),
  );
}

$("load").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  void load();
});
$("reload").addEventListener("click", () => host?.reload());
$("visible").addEventListener("click", () => {
  const visible = !isVisible();
  $("visible").setAttribute("aria-pressed", String(visible));
  $("visible").textContent = visible ? "Visible" : "Hidden";
  void host?.setVisible(visible);
});
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
  showTheme();
  host?.setAppearance({ theme: theme() });
});
$("conversation").addEventListener("change", () => {
  shown = $("conversation").value;
  showContext();
  void host?.setConversation(shown);
});
$("context").addEventListener("input", editContext);
$("secret").addEventListener("change", () => {
  if (transport) transport.secret = $("secret").value;
  $("secret-problem").hidden = !$("secret").value || Boolean(globalThis.crypto?.subtle);
  host?.refresh();
});
$("show").addEventListener("change", () => {
  $("entries").dataset.show = $("show").value;
});
$("clear").addEventListener("click", () => log.clear());

function showTheme() {
  $("theme").textContent = `Theme: ${theme()}`;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  showTheme();
  host?.setAppearance({ theme: theme() });
});

recall();
showTheme();
showContext();
if ($("url").value) void load();
