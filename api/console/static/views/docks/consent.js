/** What an agent is asked before a dock's action, where its owner wants that: everything that would be done, as it is. */
import { effect, html } from '../../lib/html.js';
import { route } from '../../lib/router.js';
import { ask } from '../../ui/dialog.js';
import { Formatted } from '../../ui/formatted.js';
import { words } from './notices.js';

/** The longest text and the longest HTML that can be sent, in bytes of UTF-8. */
const LONGEST = 262_144;

/**
 * Asks the agent.
 * @param {{dock: any, action: string, params: Record<string, any>, context: any, signal: AbortSignal}} question
 * @returns {Promise<boolean>}
 * @throws {Error} with a code of the protocol: INVALID_PARAMS for what nobody can be asked about, STALE_CONTEXT when the
 *   agent has left the conversation meanwhile
 */
export async function consent({ dock, action, params, context, signal }) {
  const { DockError } = await import('/sdk/dock-host.js');
  const wrong = invalid(action, params);
  if (wrong) throw new DockError('INVALID_PARAMS', wrong);
  const left = new AbortController();
  const watching = effect(() => {
    if (route.value.path[1] !== context.conversation.id) left.abort();
  });
  try {
    const answer = await ask({
      title: `${dock.name} asks you`, confirm: 'Allow', careful: true, text: `It wants to ${words(action, params).todo}`,
      content: action === 'sendMessage' && html`<${Outgoing} text=${params.text} source=${params.html} />`,
    }, AbortSignal.any([signal, left.signal]));
    if (left.signal.aborted) throw new DockError('STALE_CONTEXT', 'the agent has left the conversation');
    return answer;
  } finally {
    watching();
  }
}

/**
 * What is wrong with the parameters, as far as the question needs them; the server looks at them again.
 * @param {string} action
 * @param {Record<string, any>} params
 * @returns {string | undefined}
 */
function invalid(action, params) {
  const filled = (/** @type {unknown} */ v) => typeof v === 'string' && v !== '';
  switch (action) {
    case 'addTag': return filled(params.tag) ? undefined : 'addTag needs tag: the name of a tag';
    case 'assign': return Object.keys(params).length && Object.values(params).every(filled) ? undefined
      : 'assign needs whom to assign to: agentId or agentEmail, teamId or teamName, or one of each';
    case 'snooze': return filled(params.until) && !Number.isNaN(Date.parse(params.until)) ? undefined
      : 'snooze needs until: an RFC 3339 time such as 2026-11-21T09:30:00Z, in the future';
    case 'sendMessage': return invalidMessage(params);
    default: return undefined;
  }
}

/** @param {Record<string, any>} params */
function invalidMessage({ text, html: source }) {
  if (typeof text !== 'string' || !text) return 'sendMessage needs text: what to send to the customer';
  if (source !== undefined && source !== null && typeof source !== 'string') return 'sendMessage takes html as a string';
  const long = (/** @type {string} */ s) => new TextEncoder().encode(s).length > LONGEST;
  return long(text) || long(source ?? '') ? 'text and html must have at most 256 KiB each, as UTF-8' : undefined;
}

/**
 * A message before it is sent: as text, if it has no HTML or that says something else; as formatted; and the HTML
 * itself, since channels may show what the cleaned page leaves out, and links say where they lead only there.
 * @param {{text: string, source?: string | null}} props
 */
function Outgoing({ text, source }) {
  if (!source) return html`<blockquote class="text" dir="auto">${text}</blockquote>`;
  return html`<div class="to-send">
    ${plain(source) !== squeezed(text) && html`<h3>As text</h3>
      <blockquote class="text" dir="auto" tabindex="0">${text}</blockquote>`}
    <h3>Formatted</h3>
    <${Formatted} source=${source} title="Message as it would be sent" />
    <h3>The formatted message’s source</h3>
    <pre tabindex="0"><code>${source}</code></pre>
  </div>`;
}

/** @param {string} s */
const squeezed = (s) => s.replace(/\s+/g, ' ').trim();

/** What HTML says in words. The parser loads and runs nothing. @param {string} source */
function plain(source) {
  const page = new DOMParser().parseFromString(source.replace(/<(br|\/p|\/div|\/li|\/tr|\/h[1-6])\b/gi, ' $&'), 'text/html');
  return squeezed(page.documentElement.textContent ?? '');
}
