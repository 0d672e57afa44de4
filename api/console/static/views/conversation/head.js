/** The head of a conversation: what it is about, whose it is, and what can be done with it. */
import { isolated, visible } from '../../lib/text.js';
import { html } from '../../lib/html.js';
import { go, to } from '../../lib/router.js';
import { addTag, archive, assign, busy, removeTag, reopen, resolve, unsnooze } from '../../store/actions.js';
import { agents, channelName, mayWork, nameOf, tags, teams } from '../../store/directory.js';
import { me } from '../../store/session.js';
import { docksOpen, menu, toggleDocks } from '../../store/view.js';
import { copy } from '../../ui/copy.js';
import { ask } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { Avatar } from '../../ui/parts.js';
import { Picker } from '../../ui/picker.js';
import { notify } from '../../store/notices.js';
import { SlaBadge, StatusBadge } from '../inbox/badges.js';
import { filterQuery } from '../inbox/filters.js';
import { Details } from './details.js';
import { SnoozePicker } from './snooze.js';

/** @typedef {import('../../types.js').Conversation} Conversation */

/** @param {typeof menu.value} name */
const opened = (name) => ({
  open: menu.value === name,
  onOpen: (/** @type {boolean} */ open) => {
    menu.value = open ? name : null;
  },
});

/** @param {{of: Conversation, write: boolean}} props */
export function Head({ of: c, write }) {
  return html`<header class="head">
    <div class="head-top">
      <button type="button" class="icon-button back" aria-label="Back to the list"
        onClick=${() => go(to('inbox', filterQuery()))}>
        <${Icon} name="back" /></button>
      <h1 dir="auto" title=${c.subject}>${c.subject || 'No subject'}</h1>
      <${Verbs} of=${c} write=${write} />
    </div>
    <button type="button" class="head-contact" title="Details (i)" onClick=${() => {
      menu.value = 'details';
    }}>
      <${Avatar} name=${c.contact.name ?? c.contact.email} kind="customer" />
      <bdi>${visible(c.contact.name ?? c.contact.email ?? 'Somebody')}</bdi>
      <bdi class="muted head-email">${c.contact.name ? visible(c.contact.email) : ''}</bdi>
      <span class="muted head-number">#${c.number} · ${channelName(c.channel)}</span>
    </button>
    <div class="head-facts">
      <${StatusBadge} of=${c} />
      <${SlaBadge} of=${c} long />
      <${Assignment} of=${c} write=${write} />
      <${Tags} of=${c} write=${write} />
    </div>
    ${
      menu.value === 'details' &&
      html`<${Details} of=${c} onClose=${() => {
        menu.value = null;
      }} />`
    }
  </header>`;
}

/** @param {{of: Conversation, write: boolean}} props */
function Verbs({ of: c, write }) {
  const waits = busy.value.has(c.id);
  const open = c.status === 'active' || c.status === 'snoozed';
  const done = c.status === 'done';
  const more = [
    { value: 'details', label: 'Details', hint: 'i' },
    { value: 'link', label: 'Copy link' },
    ...(write && c.status !== 'archived' ? [{ value: 'archive', label: 'Archive…' }] : []),
  ];
  return html`<div class="verbs">
    ${
      write &&
      c.status === 'snoozed' &&
      html`<button key="wake" type="button" aria-disabled=${waits}
      title="Wake" onClick=${() => !waits && unsnooze(c.id)}><${Icon} name="play" /><span class="wide-only">Wake</span></button>`
    }
    ${write && open && html`<${SnoozePicker} key="snooze" of=${c} disabled=${waits} ...${opened('snooze')} />`}
    ${
      write &&
      (open || done) &&
      html`<button key="turn" type="button" aria-disabled=${waits}
      title=${done ? 'Reopen (e)' : 'Resolve (e)'} onClick=${() => !waits && (done ? reopen : resolve)(c.id)}>
      <${Icon} name=${done ? 'reopen' : 'check'} /><span class="wide-only">${done ? 'Reopen' : 'Resolve'}</span></button>`
    }
    <${Picker} key="more" label="More" align="end" class="icon-button" choices=${more}
      onChoose=${(/** @type {string} */ v) => choose(c, v)}
      ...${opened('more')}><${Icon} name="down" /><//>
    <button key="docks" type="button" class="icon-button docks-toggle" aria-pressed=${docksOpen.value}
      aria-label="Docks" title="Docks (d)" onClick=${toggleDocks}><${Icon} name="dock" /></button>
  </div>`;
}

/** @param {Conversation} c @param {string} what */
async function choose(c, what) {
  if (what === 'details')
    setTimeout(() => {
      menu.value = 'details';
    });
  if (what === 'link' && (await copy(location.origin + to('inbox', c.id)))) notify({ text: 'Link copied.' });
  if (
    what === 'archive' &&
    (await ask({
      title: 'Archive this conversation?',
      confirm: 'Archive',
      danger: true,
      text: 'Nothing leads back from the archive. If the customer writes again, a new conversation continues this one.',
    }))
  )
    archive(c.id);
}

/** @param {{of: Conversation, write: boolean}} props */
function Assignment({ of: c, write }) {
  if (!write)
    return html`<span class="muted">${isolated(nameOf(c.assigneeId))}${c.teamId && `, ${isolated(nameOf(c.teamId))}`}</span>`;
  const mine = me.value?.id;
  const people = agents.value
    .filter((a) => mayWork(a) || a.id === c.assigneeId)
    .sort((a, b) => Number(b.id === mine) - Number(a.id === mine) || a.name.localeCompare(b.name));
  return html`
    <${Picker} label="Assignee" searchable choices=${[
      ...people.map((a) => ({
        value: a.id,
        label: a.id === mine ? `${isolated(a.name)} (me)` : a.name,
        chosen: a.id === c.assigneeId,
      })),
      { value: '', label: 'Nobody', chosen: !c.assigneeId },
    ]} onChoose=${(/** @type {string} */ v) => assign(c.id, { assigneeId: v || null })} ...${opened('assign')}>
      <${Icon} name="user" /><bdi class="cut">${visible(nameOf(c.assigneeId))}</bdi><//>
    <${Picker} label="Team" choices=${[
      ...teams.value.map((t) => ({ value: t.id, label: t.name, chosen: t.id === c.teamId })),
      { value: '', label: 'No team', chosen: !c.teamId },
    ]} onChoose=${(/** @type {string} */ v) => assign(c.id, { teamId: v || null })} ...${opened('team')}>
      <${Icon} name="team" /><bdi class="cut">${visible(nameOf(c.teamId, 'No team'))}</bdi><//>`;
}

/** @param {{of: Conversation, write: boolean}} props */
function Tags({ of: c, write }) {
  return html`<span class="tags">
    ${c.tags.map(
      (tag) => html`<span key=${tag} class="tag" title=${visible(tag)}><bdi class="cut">${visible(tag)}</bdi>${
        write &&
        html`
      <button type="button" aria-label=${`Remove tag ${isolated(tag)}`} onClick=${() => removeTag(c.id, tag)}><${Icon}
        name="close" /></button>`
      }
    </span>`,
    )}
    ${
      write &&
      html`<${Picker} label="Add a tag" searchable stay
      choices=${tags.value.map((t) => ({ value: t.name, label: t.name, chosen: c.tags.includes(t.name) }))}
      onChoose=${(/** @type {string} */ t) => (c.tags.includes(t) ? removeTag(c.id, t) : addTag(c.id, t))}
      onCreate=${(/** @type {string} */ t) => addTag(c.id, t)} ...${opened('tag')}>
      <${Icon} name="tag" />${c.tags.length ? '' : 'Tag'}<//>`
    }
  </span>`;
}
