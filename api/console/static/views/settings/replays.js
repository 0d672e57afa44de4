/** Replays: past events on their way once more, with how far they have come. */
import { html, useState } from '../../lib/html.js';
import { api } from '../../lib/api.js';
import { usePolling, useResource } from '../../lib/resource.js';
import { exact, localInput } from '../../lib/time.js';
import { may } from '../../store/session.js';
import { Dialog } from '../../ui/dialog.js';
import { FormFoot, useForm } from '../../ui/form.js';
import { Icon } from '../../ui/icons.js';
import { Badge, Check, Field, Loaded } from '../../ui/parts.js';
import { attempt, Part, Table } from './section.js';

/**
 * @typedef {object} Replay
 * @property {string} id
 * @property {'running'|'completed'|'cancelled'} status
 * @property {string|null} reason
 * @property {string} since
 * @property {string} until
 * @property {string[]} events
 * @property {boolean} onlyFailed
 * @property {number} progress 0 to 1
 * @property {number} queued @property {number} missing @property {string} createdAt @property {string|null} finishedAt
 */

/** How long after an answer a running replay is looked at again, in ms. */
const EVERY = 1500;

/** @param {{id: string, active: boolean}} props */
export function Replays({ id, active }) {
  const path = `/v1/webhooks/${id}/replays`;
  const replays = useResource(path, async (signal) => (await api.get(path, { limit: 10 }, signal)).data);
  const [asking, setAsking] = useState(false);
  const running = replays.data?.some((/** @type {Replay} */ r) => r.status === 'running');
  usePolling(replays.reload, running ? EVERY : null);
  const cancel = async (/** @type {Replay} */ r) => {
    await attempt(() => api.del(`${path}/${r.id}`), 'Replay cancelled.');
    replays.reload();
  };
  return html`<${Part} title="Replays" about="Send past events once more, under their old ids."
    action=${
      may('webhooks:write') &&
      html`<button type="button" aria-disabled=${!active || !!running}
      onClick=${() => active && !running && setAsking(true)}>
      <${Icon} name="refresh" />Replay…</button>`
    }>
    <${Loaded} of=${replays} what="The replays could not be read."
      rows=${1}>${(/** @type {Replay[]} */ list) =>
        list.length
          ? html`
      <${Table} label="Replays" head=${['From', 'To', 'Progress', 'Sent', '']} rows=${list.map((r) => ({
        key: r.id,
        cells: [
          exact(r.since),
          exact(r.until),
          html`<${Progress} of=${r} />`,
          html`<span class="figures">${r.queued.toLocaleString()}</span>`,
          r.status === 'running' &&
            may('webhooks:write') &&
            html`<button type="button" onClick=${() => cancel(r)}>Cancel</button>`,
        ],
      }))} />`
          : html`<p class="muted">None yet.</p>`}<//>
    ${
      asking &&
      html`<${ReplayDialog} id=${id} onClose=${() => setAsking(false)} onStarted=${() => {
        setAsking(false);
        replays.reload();
      }} />`
    }
  <//>`;
}

/** @param {{of: Replay}} props */
function Progress({ of: r }) {
  const percent = Math.round(r.progress * 100);
  if (r.status !== 'running') {
    return html`<${Badge} tone=${r.status === 'completed' ? 'ok' : 'plain'}>${r.status}<//>${
      r.reason && html`<span class="muted small"> ${r.reason}</span>`
    }`;
  }
  return html`<span class="progress"><progress max="100" value=${percent} aria-label="Progress of the replay" /><span
    class="figures small">${percent} %</span></span>`;
}

/** @param {{id: string, onClose: () => void, onStarted: () => void}} props */
function ReplayDialog({ id, onClose, onStarted }) {
  const form = useForm(
    { since: localInput(new Date(Date.now() - 24 * 3600_000)), until: localInput(new Date()), onlyFailed: true },
    async (v) => {
      await api.post(`/v1/webhooks/${id}/replay`, {
        since: new Date(v.since).toISOString(),
        until: new Date(v.until).toISOString(),
        onlyFailed: v.onlyFailed,
      });
      onStarted();
    },
  );
  return html`<${Dialog} title="Replay past events" onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <div class="form-pair">
        <${Field} label="From" error=${form.wrong('since')}><input type="datetime-local" required
          value=${form.values.since} onInput=${form.input('since')} /><//>
        <${Field} label="To" error=${form.wrong('until')}><input type="datetime-local" required
          value=${form.values.until} onInput=${form.input('until')} /><//>
      </div>
      <${Check} label="Only what failed for good or was cancelled" checked=${form.values.onlyFailed}
        onChange=${(/** @type {boolean} */ onlyFailed) => form.put({ onlyFailed })} />
      <p class="muted small">Events keep their webhook-id: a receiver that ignores ids it has seen takes no harm. What
        happens now is not held up for long.</p>
      <${FormFoot} form=${form} label="Start" onCancel=${onClose} known=${['since', 'until']} />
    </form>
  <//>`;
}
