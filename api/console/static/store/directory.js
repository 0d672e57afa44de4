/** The people, teams, tags and channels of the tenant: short lists that many views name things from. */
import { computed, signal } from '../lib/html.js';
import { all, api, ApiError } from '../lib/api.js';
import { onStream } from '../lib/stream.js';
import { CHANNEL_NAMES } from '../vocabulary.js';
import { onConversation } from './conversations.js';
import { may } from './session.js';

/** @type {import('../vendor/signals.js').Signal<import('../types.js').Agent[]>} */
export const agents = signal([]);
/** @type {import('../vendor/signals.js').Signal<import('../types.js').Team[]>} */
export const teams = signal([]);
/** @type {import('../vendor/signals.js').Signal<{id: string, name: string}[]>} */
export const tags = signal([]);
/** @type {import('../vendor/signals.js').Signal<{channel: string, displayName: string, enabled: boolean}[]>} */
export const channels = signal([]);

/** Whether conversations can be assigned to an agent: one who is active, of a role that may change conversations. */
export const mayWork = (/** @type {import('../types.js').Agent} */ a) =>
  a.isActive && (a.role === 'owner' || a.role === 'lead' || a.role === 'agent');

/** Names of agents and teams by id. */
const names = computed(() => new Map([...agents.value, ...teams.value].map((x) => [x.id, x.name])));

/** @param {string|null|undefined} id @param {string} [none] what is said where there is no id */
export function nameOf(id, none = 'Nobody') {
  if (!id) return none;
  const name = names.value.get(id);
  if (name !== undefined || !ready.value || !names.value.size) return name ?? '…'; // … until it is known
  queueMicrotask(() => meet(id, loadAgents, loadTeams)); // it may be new
  return answered.value.has(id) ? 'Somebody who left' : '…';
}

/** What the tenant calls a channel. @param {string} channel */
export const channelName = (channel) =>
  channels.value.find((c) => c.channel === channel)?.displayName ??
  CHANNEL_NAMES[/** @type {keyof typeof CHANNEL_NAMES} */ (channel)] ??
  channel;

/** A list that has one page. @param {string} path */
const one = async (path) => (await api.get(path)).data;

/** Whether the lists have been read, as far as they could be. */
const ready = signal(false);

/** Reads the lists that the agent may read. What fails is tried again with the next resync. */
export async function loadDirectory() {
  met.clear();
  answered.value = new Set();
  await Promise.all([loadAgents, loadTeams, loadTags, loadChannels].map(quietly));
  ready.value = true;
}

/** @throws {ApiError} as the three below do, whose lists stay as they were then */
export const loadTags = () => refresh(tags, '/v1/tags', 'tags:read');
export const loadTeams = () => refresh(teams, '/v1/teams', 'teams:read');
export const loadChannels = () => refresh(channels, '/v1/channels', 'channels:read', one);
export const loadAgents = () => refresh(agents, '/v1/agents', 'users:read');

/**
 * @param {import('../vendor/signals.js').Signal<any[]>} list
 * @param {string} path
 * @param {string} scope
 * @param {(path: string) => Promise<any[]>} [read]
 * @returns {Promise<any[]>} the list; as it was, if the agent may not read it
 */
async function refresh(list, path, scope, read = all) {
  if (may(scope)) list.value = await read(path);
  return list.peek();
}

/**
 * Reads a list where a failure is not shown: what is known of it stays.
 * @param {() => Promise<any[]>} load
 * @returns {Promise<boolean>} whether it was read
 */
export async function quietly(load) {
  try {
    await load();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return false;
  }
}

/** How long after lists were read for what was met they are not read for more of it, in ms. */
const CALM = 5000;

/** What was met and is in no list: ids of people and teams, and tags. Nothing tells of new ones. @type {Set<string>} */
const met = new Set();
/** That of it for which the lists have been read: if it is in none now, it is gone. */
const answered = signal(/** @type {ReadonlySet<string>} */ (new Set()));
/** What reads the lists in which it may be. @type {Set<() => Promise<any[]>>} */
const wanted = new Set();
let timer = 0;
let readAt = -CALM;

/** @param {string} what @param {(() => Promise<any[]>)[]} loads */
function meet(what, ...loads) {
  if (met.has(what)) return;
  met.add(what);
  for (const load of loads) wanted.add(load);
  if (!timer) timer = window.setTimeout(look, Math.max(0, readAt + CALM - performance.now()));
}

async function look() {
  readAt = performance.now();
  timer = 0;
  const asked = [...met].filter((what) => !answered.peek().has(what));
  const loads = [...wanted];
  wanted.clear();
  const read = await Promise.all(loads.map(quietly));
  if (read.every(Boolean)) answered.value = new Set([...answered.peek(), ...asked]);
  else for (const what of asked) met.delete(what); // which may be met again
}

/** Reads the tags again if this is none of them: it has just been made. @param {string} name */
export async function meetTag(name) {
  if (!tags.peek().some((t) => t.name === name)) await quietly(loadTags);
}

onConversation((c, before) => {
  if (!ready.peek() || c.tags === before?.tags) return;
  for (const name of c.tags) if (!tags.peek().some((t) => t.name === name)) meet(`tag/${name}`, loadTags);
});

onStream((event) => {
  if (event.type === 'resync') loadDirectory();
});
