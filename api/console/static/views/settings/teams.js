/** Teams and their members. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { agents, loadAgents, loadTeams, nameOf, quietly, teams } from '../../store/directory.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, Several, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Empty, Field, Loaded } from '../../ui/parts.js';
import { Add, Section, sure, Table, useDirectory } from './section.js';

/** @typedef {import('../../types.js').Team} Team */

export function Teams() {
  const [edited, setEdited] = useState(/** @type {Partial<Team> | null} */ (null));
  const all = useDirectory(teams, loadTeams);
  const write = may('teams:write');
  return html`<${Section} title="Teams"
    about="Conversations are assigned to teams; SLA policies and opening hours can go by them."
    action=${may('teams:manage') && html`<${Add} onClick=${() => setEdited({})}>Add team<//>`}>
    <${Loaded} of=${all} what="The teams could not be read.">${(/** @type {Team[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Teams" head=${['Name', 'About', 'Members']} rows=${list.map((t) => ({
        key: t.id,
        onOpen: write ? () => setEdited(t) : undefined,
        cells: [
          t.name,
          t.description,
          t.memberIds.map((m) => isolated(nameOf(m))).join(', ') || html`<span class="muted">Nobody yet</span>`,
        ],
      }))} />`
        : html`<${Empty} icon="team" text="There are no teams yet." />`}<//>
    ${edited && html`<${TeamDialog} team=${edited} onChanged=${all.reload} onClose=${() => setEdited(null)} />`}
  <//>`;
}

/** @param {{team: Partial<Team>, onClose: () => void, onChanged: () => Promise<void>}} props */
function TeamDialog({ team, onClose, onChanged }) {
  const before = { name: team.name ?? '', description: team.description ?? '', memberIds: team.memberIds ?? [] };
  const form = useForm(before, async (values) => {
    if (!team.id) await api.post('/v1/teams', values);
    else {
      const change = changed(before, values);
      if (Object.keys(change).length) await api.patch(`/v1/teams/${team.id}`, change);
    }
    await Promise.all([onChanged(), quietly(loadAgents)]);
    onClose();
  });
  const remove = async () => {
    if (
      await sure(
        {
          title: `Delete ${isolated(team.name)}?`,
          text: 'It must not have conversations, and no rule may name it.',
          confirm: 'Delete',
        },
        () => api.del(`/v1/teams/${team.id}`),
        'Team deleted.',
      )
    ) {
      await onChanged();
      onClose();
    }
  };
  return html`<${Dialog} title=${team.id ? 'Team' : 'New team'} onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="200"
        value=${form.values.name}
        onInput=${form.input('name')} /><//>
      <${Field} label="About" error=${form.wrong('description')}><input maxlength="1000"
        value=${form.values.description}
        onInput=${form.input('description')} /><//>
      <${Several} legend="Members" chosen=${form.values.memberIds}
        onChange=${(/** @type {string[]} */ memberIds) => form.put({ memberIds })}
        options=${agents.value
          .filter((a) => a.isActive || form.values.memberIds.includes(a.id))
          .map((a) => ({ value: a.id, label: a.name }))} />
      <${FormFoot} form=${form} label="Save" onCancel=${onClose} known=${['name', 'description']}>
        ${
          team.id &&
          may('teams:manage') &&
          html`<button type="button" onClick=${remove}><${Icon} name="trash" />Delete</button>`
        }<//>
    </form>
  <//>`;
}
