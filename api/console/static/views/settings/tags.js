/** Tags: rename, delete, add. A change reaches the conversations that carry the tag. */
import { isolated } from '../../lib/text.js';
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { to } from '../../lib/router.js';
import { loadTags, tags } from '../../store/directory.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { FormFoot, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Empty, Field, Loaded } from '../../ui/parts.js';
import { Add, Section, sure, Table, useDirectory } from './section.js';

/** @typedef {{id: string, name: string}} Tag */

export function Tags() {
  const [edited, setEdited] = useState(/** @type {Partial<Tag> | null} */ (null));
  const all = useDirectory(tags, loadTags);
  const write = may('tags:write');
  return html`<${Section} title="Tags"
    about="Conversations carry tags by name; renaming and deleting reaches all of them."
    action=${write && html`<${Add} onClick=${() => setEdited({})}>Add tag<//>`}>
    <${Loaded} of=${all} what="The tags could not be read.">${(/** @type {Tag[]} */ list) =>
      list.length
        ? html`
      <${Table} label="Tags" head=${['Name', '']} rows=${byName(list).map((t) => ({
        key: t.id,
        onOpen: write ? () => setEdited(t) : undefined,
        cells: [t.name, html`<a href=${to('inbox', { tag: t.name, status: 'any' })}>Conversations</a>`],
      }))} />`
        : html`<${Empty} icon="tag" text="There are no tags yet." />`}<//>
    ${edited && html`<${TagDialog} tag=${edited} onChanged=${all.reload} onClose=${() => setEdited(null)} />`}
  <//>`;
}

/** @param {Tag[]} list */
const byName = (list) => list.toSorted((a, b) => a.name.localeCompare(b.name));

/** @param {{tag: Partial<Tag>, onClose: () => void, onChanged: () => Promise<void>}} props */
function TagDialog({ tag, onClose, onChanged }) {
  const form = useForm({ name: tag.name ?? '' }, async (values) => {
    if (tag.id) await api.patch(`/v1/tags/${tag.id}`, values);
    else await api.post('/v1/tags', values);
    await onChanged();
    onClose();
  });
  const remove = async () => {
    if (
      await sure(
        {
          title: `Delete “${isolated(tag.name)}”?`,
          text: 'It is taken off every conversation that carries it.',
          confirm: 'Delete',
        },
        () => api.del(`/v1/tags/${tag.id}`),
        'Tag deleted.',
      )
    ) {
      await onChanged();
      onClose();
    }
  };
  return html`<${Dialog} title=${tag.id ? 'Tag' : 'New tag'} onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Name" error=${form.wrong('name')}><input autofocus required maxlength="100"
        value=${form.values.name}
        onInput=${form.input('name')} /><//>
      <${FormFoot} form=${form} label="Save" onCancel=${onClose} known=${['name']}>
        ${tag.id && html`<button type="button" onClick=${remove}><${Icon} name="trash" />Delete</button>`}<//>
    </form>
  <//>`;
}
