/**
 * One line of the timeline: who did what, through what, and why if it happened by itself. Names are set apart, so that one
 * that is written from right to left leaves the words around it where they are.
 */
import { visible } from '../../lib/text.js';
import { html } from '../../lib/html.js';
import { to } from '../../lib/router.js';
import { exact, minute, moment } from '../../lib/time.js';
import { nameOf } from '../../store/directory.js';
import { me } from '../../store/session.js';
import { Icon } from '../../ui/icons.js';
import { METRICS } from '../inbox/badges.js';

/** @typedef {import('../../types.js').TimelineEntry} TimelineEntry */

/** The icons of all kinds but those that are messages. @type {Record<string, any>} */
const ICONS = {
  created: 'plus',
  snoozed: 'moon',
  woken: 'clock',
  unsnoozed: 'play',
  resolved: 'check',
  reopened: 'reopen',
  archived: 'archive',
  assigned: 'user',
  tag_added: 'tag',
  tag_removed: 'tag',
  edited: 'edit',
  sla_warning: 'alert',
  sla_breached: 'alert',
};

/** @param {import('../../types.js').Actor} actor */
function who(actor) {
  if (actor.type === 'system') return 'Atender';
  const name =
    actor.id && actor.id === me.value?.id
      ? 'You'
      : actor.name ||
        { customer: 'The customer', api_key: 'An API key' }[/** @type {'customer'} */ (actor.type)] ||
        'Somebody';
  return actor.via && actor.type !== 'customer'
    ? html`<bdi>${visible(name)}</bdi>, via <bdi>${visible(actor.via.name)}</bdi>`
    : html`<bdi>${visible(name)}</bdi>`;
}

/** @param {any[]} parts */
const list = (parts) => parts.flatMap((part, i) => [i === 0 ? '' : i < parts.length - 1 ? ', ' : ' and ', part]);

/** What happened, without who. @param {TimelineEntry} e @param {number} nowMs @returns {any} */
function what(e, nowMs) {
  const d = e.data ?? {};
  const byMessage = d.cause === 'customer_message' || d.cause === 'message' ? ' because the customer wrote' : '';
  switch (e.kind) {
    case 'created':
      return 'created the conversation';
    case 'snoozed':
      return `snoozed until ${moment(d.until, nowMs)}`;
    case 'woken':
      return 'woke the conversation: its time has come';
    case 'unsnoozed':
      return `woke the conversation${byMessage}`;
    case 'resolved':
      return 'resolved the conversation';
    case 'reopened':
      return `reopened the conversation${byMessage}`;
    case 'archived':
      return d.cause === 'auto_archive'
        ? 'archived the conversation: it was done for long enough'
        : 'archived the conversation';
    case 'assigned':
      return assigned(d);
    case 'tag_added':
      return html`added tag <bdi>${visible(d.tag)}</bdi>`;
    case 'tag_removed':
      return html`removed tag <bdi>${visible(d.tag)}</bdi>`;
    case 'edited':
      return [
        'changed ',
        ...(d.fields?.length ? list(d.fields.map((/** @type {string} */ f) => FIELDS[f] ?? f)) : ['the conversation']),
      ];
    default:
      return e.kind.startsWith('sla') ? sla(e) : e.kind.replaceAll('_', ' ');
  }
}

/** @type {Record<string, string>} */
const FIELDS = { subject: 'the subject', customFields: 'custom fields', contact: 'the contact' };

/** @param {Record<string, any>} d */
function assigned({ from = {}, to: target = {} }) {
  const parts = [];
  if (from.assigneeId !== target.assigneeId)
    parts.push(target.assigneeId ? html`to <bdi>${visible(nameOf(target.assigneeId))}</bdi>` : 'to nobody');
  if (from.teamId !== target.teamId)
    parts.push(target.teamId ? html`to the team <bdi>${visible(nameOf(target.teamId))}</bdi>` : 'to no team');
  return ['assigned the conversation ', ...list(parts)];
}

/** @param {TimelineEntry} e */
function sla(e) {
  const d = e.data ?? {};
  const metric = METRICS[/** @type {'resolution'} */ (d.metric)] ?? 'SLA';
  const state =
    { at_risk: 'at risk', urgent: 'urgent', breached: 'breached' }[/** @type {'urgent'} */ (d.state)] ?? 'changed';
  return html`${metric}${d.policyName && html` (<bdi>${visible(d.policyName)}</bdi>)`}: ${state}`;
}

/** @param {{of: TimelineEntry, conversation: import('../../types.js').Conversation}} props */
export function Entry({ of: e, conversation: c }) {
  const dock = e.actor.via?.type === 'dock';
  const tone = e.kind.startsWith('sla') ? (e.data?.state === 'breached' ? 'danger' : 'warn') : '';
  return html`<div class=${`entry ${tone}`}>
    <${Icon} name=${dock ? 'dock' : (ICONS[e.kind] ?? 'clock')} />
    <span><span class="entry-who">${who(e.actor)}</span>${
      e.kind.startsWith('sla') ? ': ' : dock ? ': ' : ' '
    }${what(e, minute.value)}
      ${
        e.kind === 'created' &&
        c.previousConversationId &&
        html`, continuing <a href=${to('inbox', c.previousConversationId)}>an
        archived one</a>`
      }</span>
    <time datetime=${e.createdAt} title=${exact(e.createdAt)}>${moment(e.createdAt, minute.value)}</time>
  </div>`;
}
