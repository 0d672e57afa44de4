/** The people, teams, tags and channels of the tenant: short lists that many views name things from. */
import { computed, signal } from '../lib/html.js';
import { all, api, ApiError } from '../lib/api.js';
import { onLive } from '../lib/live.js';
import { may } from './session.js';

/** @type {import('../vendor/signals.js').Signal<import('../types.js').Agent[]>} */
export const agents = signal([]);
/** @type {import('../vendor/signals.js').Signal<import('../types.js').Team[]>} */
export const teams = signal([]);
/** @type {import('../vendor/signals.js').Signal<{id: string, name: string}[]>} */
export const tags = signal([]);
/** @type {import('../vendor/signals.js').Signal<{channel: string, displayName: string, enabled: boolean}[]>} */
export const channels = signal([]);

/** The standard channels with the names that people use. */
export const CHANNELS = {
  email: 'E-mail', messenger: 'Messenger', sms: 'SMS', phone: 'Phone', voice: 'Voice', whatsapp: 'WhatsApp',
  webchat: 'Web chat', amazon: 'Amazon',
};

/** Names of agents and teams by id. */
const names = computed(() => new Map([...agents.value, ...teams.value].map((x) => [x.id, x.name])));

/** @param {string|null|undefined} id @param {string} [nobody] */
export const nameOf = (id, nobody = 'Nobody') => (id ? names.value.get(id) ?? 'Somebody who left' : nobody);

/** What the tenant calls a channel. @param {string} channel */
export const channelName = (channel) => channels.value.find((c) => c.channel === channel)?.displayName
  ?? CHANNELS[/** @type {keyof typeof CHANNELS} */ (channel)] ?? channel;

/** A list that has one page. @param {string} path */
const one = async (path) => (await api.get(path)).data;

/** Reads the lists that the agent may read. What fails is tried again with the next resync. */
export async function loadDirectory() {
  await Promise.all([
    refresh(agents, '/v1/agents', 'users:read'),
    refresh(teams, '/v1/teams', 'teams:read'),
    refresh(tags, '/v1/tags', 'tags:read'),
    loadChannels(),
  ]);
}

export const loadTags = () => refresh(tags, '/v1/tags', 'tags:read');
export const loadTeams = () => refresh(teams, '/v1/teams', 'teams:read');
export const loadChannels = () => refresh(channels, '/v1/channels', 'channels:read', one);
export const loadAgents = () => refresh(agents, '/v1/agents', 'users:read');

/**
 * @param {import('../vendor/signals.js').Signal<any[]>} list
 * @param {string} path
 * @param {string} scope
 * @param {(path: string) => Promise<any[]>} [read]
 */
async function refresh(list, path, scope, read = all) {
  if (!may(scope)) return;
  try {
    list.value = await read(path);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

onLive((event) => {
  if (event.type === 'resync') loadDirectory();
});
