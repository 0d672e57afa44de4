/** Agents: who may sign in, and as what. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { to } from '../../lib/router.js';
import { agents, loadAgents, mayWork, nameOf } from '../../store/directory.js';
import { may, me, session } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { changed, FormFoot, useForm } from '../../ui/form.js';
import { Avatar, Badge, Check, Code, Field, Loaded } from '../../ui/parts.js';
import { ROLE_NAMES } from '../../vocabulary.js';
import { Add, Section, Table, useDirectory } from './section.js';

/** @typedef {import('../../types.js').Agent} Agent */

export function Agents() {
  const [edited, setEdited] = useState(/** @type {Partial<Agent> | null} */ (null));
  const [invited, setInvited] = useState(/** @type {Agent | null} */ (null));
  const all = useDirectory(agents, loadAgents);
  const write = may('users:write');
  return html`<${Section} title="Agents" about="The people who work on conversations."
    action=${write && html`<${Add} onClick=${() => setEdited({})}>Add agent<//>`}>
    <${Loaded} of=${all} what="The agents could not be read.">${(/** @type {Agent[]} */ list) => html`
      <${Table} label="Agents" head=${['Name', 'E-mail', 'Role', 'Teams', '']} rows=${list.map((a) => ({
        key: a.id,
        quiet: !a.isActive,
        onOpen: write ? () => setEdited(a) : undefined,
        cells: [
          html`<span class="person"><${Avatar} name=${a.name} kind="ours" />${a.name}</span>`,
          a.email,
          a.role,
          a.teamIds.map((t) => isolated(nameOf(t))).join(', '),
          !a.isActive && html`<${Badge}>Inactive<//>`,
        ],
      }))} />`}<//>
    ${
      edited &&
      html`<${AgentDialog} agent=${edited} onChanged=${all.reload} onMade=${setInvited}
      onClose=${() => setEdited(null)} />`
    }
    ${
      invited &&
      html`<${Dialog} title="One more step" onClose=${() => setInvited(null)}>
      <p>${isolated(invited.name)} signs in for the first time with a link that works once. Whoever runs the server makes it:</p>
      <${Code} text=${`atender agent link --tenant=${session.value?.tenant.id} ${invited.email}`} />
      <footer class="dialog-foot"><button type="button" class="primary"
        onClick=${() => setInvited(null)}>Done</button></footer>
    <//>`
    }
  <//>`;
}

/** @param {{agent: Partial<Agent>, onClose: () => void, onChanged: () => Promise<void>, onMade: (agent: Agent) => void}} props */
function AgentDialog({ agent, onClose, onChanged, onMade }) {
  const before = {
    name: agent.name ?? '',
    email: agent.email ?? '',
    role: agent.role ?? 'agent',
    isActive: agent.isActive ?? true,
  };
  const form = useForm(before, async ({ email, isActive, ...rest }) => {
    if (agent.id) {
      const change = changed(before, { ...rest, isActive });
      if (Object.keys(change).length) await api.patch(`/v1/agents/${agent.id}`, change);
    } else onMade(await api.post('/v1/agents', { ...rest, email }));
    await onChanged();
    onClose();
  });
  const self = agent.id === me.value?.id;
  const lets = { ...agent, ...form.values };
  const keeps = agent.id && mayWork(/** @type {Agent} */ (agent)) && !mayWork(/** @type {Agent} */ (lets));
  return html`<${Dialog} title=${agent.id ? 'Agent' : 'New agent'} onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="200"
        value=${form.values.name}
        onInput=${form.input('name')} /><//>
      <${Field} label="E-mail" error=${form.wrong('email')}><input type="email" required disabled=${!!agent.id}
        value=${form.values.email}
        onInput=${form.input('email')} /><//>
      <${Field} label="Role" error=${form.wrong('role')}><select value=${form.values.role}
        onChange=${form.input('role')} disabled=${self}>
        ${Object.entries(ROLE_NAMES).map(
          ([value, label]) => html`<option key=${value} value=${value}>${label}</option>`,
        )}</select><//>
      ${
        agent.id &&
        html`<${Check} label="Active: may sign in and be assigned" checked=${form.values.isActive}
        disabled=${self}
        onChange=${(/** @type {boolean} */ isActive) => form.put({ isActive })} />`
      }
      ${
        keeps &&
        html`<p class="muted small">What is assigned to ${agent.name} stays so; nothing more can be assigned.
        <a href=${to('inbox', { status: 'any', assignee: agent.id ?? '' })}>Show what is</a></p>`
      }
      <${FormFoot} form=${form} label="Save" onCancel=${onClose} known=${['name', 'email', 'role']} />
    </form>
  <//>`;
}
