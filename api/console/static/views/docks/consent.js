/** What an agent is asked before a dock's action, where its owner wants that: everything that would be done, as it is. */
import { isolated, visible } from '../../lib/text.js';
import { effect, html } from '../../lib/html.js';
import { route } from '../../lib/router.js';
import { ask } from '../../ui/dialog.js';
import { Formatted } from '../../ui/formatted.js';
import { DOCK_ACTION_KIND_PREVIEW } from '../../vocabulary.js';
import { words } from './notices.js';

/** @typedef {import('../../types.js').DockActionKind} DockActionKind */

/**
 * Asks the agent. The host has looked at the parameters: they are as the contract wants them.
 * @param {{dock: any, action: DockActionKind, params: Record<string, any>, context: any, signal: AbortSignal}} question
 * @returns {Promise<boolean>}
 * @throws {Error} with a code of the protocol: STALE_CONTEXT when the agent has left the conversation meanwhile
 */
export async function consent({ dock, action, params, context, signal }) {
  const { DockError } = await import('/sdk/dock-host.js');
  const left = new AbortController();
  const watching = effect(() => {
    if (route.value.path[1] !== context.conversation.id) left.abort();
  });
  try {
    const answer = await ask(
      {
        title: `${isolated(dock.name)} asks you`,
        confirm: 'Allow',
        careful: true,
        text: `It wants to ${words(action, params).todo}`,
        content: DOCK_ACTION_KIND_PREVIEW[action] && html`<${Outgoing} text=${params.text} source=${params.html} />`,
      },
      AbortSignal.any([signal, left.signal]),
    );
    if (left.signal.aborted) throw new DockError('STALE_CONTEXT', 'the agent has left the conversation');
    return answer;
  } finally {
    watching();
  }
}

/**
 * A message before it is sent: as text, if it has no HTML or that says something else; as formatted; and the HTML
 * itself, since channels may show what the cleaned page leaves out, and links say where they lead only there.
 * @param {{text: string, source?: string | null}} props
 */
function Outgoing({ text, source }) {
  if (!source) return html`<blockquote class="text" dir="auto">${visible(text)}</blockquote>`;
  return html`<div class="to-send">
    ${
      plain(source) !== squeezed(text) &&
      html`<h3>As text</h3>
      <blockquote class="text" dir="auto" tabindex="0">${visible(text)}</blockquote>`
    }
    <h3>Formatted</h3>
    <${Formatted} source=${source} title="Message as it would be sent" />
    <h3>The formatted message’s source</h3>
    <pre tabindex="0"><code>${visible(source)}</code></pre>
  </div>`;
}

/** @param {string} s */
const squeezed = (s) => s.replace(/\s+/g, ' ').trim();

/** What HTML says in words. The parser loads and runs nothing. @param {string} source */
function plain(source) {
  const page = new DOMParser().parseFromString(
    source.replace(/<(br|\/p|\/div|\/li|\/tr|\/h[1-6])\b/gi, ' $&'),
    'text/html',
  );
  return squeezed(page.documentElement.textContent ?? '');
}
