/** The small parts that every page is made of. */
import { cx, html, useState } from '../lib/html.js';
import { ago, exact, now } from '../lib/time.js';
import { Icon } from './icons.js';

/** How long ago, exact on hover. @param {{at: string, class?: string}} props */
export function Ago({ at, class: name }) {
  return html`<time class=${name} datetime=${at} title=${exact(at)}>${ago(at, now.value)}</time>`;
}

/** Initials on a disc. @param {{name: string|null, kind?: string}} props */
export function Avatar({ name, kind }) {
  const words = (name ?? '?').trim().split(/\s+/);
  const initials = (words[0]?.[0] ?? '?') + (words.length > 1 ? words[words.length - 1][0] : '');
  return html`<span class=${cx('avatar', kind)} aria-hidden="true">${initials.toUpperCase()}</span>`;
}

/** @param {{tone?: string, children?: any, title?: string}} props */
export function Badge({ tone = 'plain', children, title }) {
  return html`<span class=${`badge ${tone}`} title=${title}>${children}</span>`;
}

/** Grey shapes where lines will be. @param {{rows?: number, class?: string}} props */
export function Skeleton({ rows = 6, class: name = '' }) {
  return html`<div class=${`skeletons ${name}`} aria-busy="true" aria-label="Loading">
    ${Array.from({ length: rows }, (_, i) => html`<div key=${i} class="skeleton"><i /><i /></div>`)}
  </div>`;
}

/** One sentence and one action. @param {{icon?: any, text: string, children?: any}} props */
export function Empty({ icon, text, children }) {
  return html`<div class="empty">${icon && html`<${Icon} name=${icon} />`}<p>${text}</p>${children}</div>`;
}

/** What failed, and another try. @param {{error: any, what: string, retry: () => void}} props */
export function Failed({ error, what, retry }) {
  return html`<div class="empty failed" role="alert">
    <${Icon} name="alert" />
    <p><strong>${what}</strong> ${error.message}${error.requestId && html`
      <span class="muted small block">Request ${error.requestId}</span>`}</p>
    <button type="button" onClick=${retry}><${Icon} name="refresh" /> Try again</button>
  </div>`;
}

/**
 * What a resource has to show: skeletons, an error, or its content; both, if it could not be read again.
 * @param {{of: import('../lib/resource.js').Resource<any>, what: string, rows?: number, children: (data: any) => any}} props
 */
export function Loaded({ of, what, rows, children }) {
  if (of.data !== undefined) {
    return html`${of.error && html`<p class="callout danger" role="alert">${what} ${of.error.message} Below is what was
      read before. <button type="button" class="link" onClick=${of.reload}>Try again</button></p>`}${children(of.data)}`;
  }
  if (of.error) return html`<${Failed} error=${of.error} what=${what} retry=${of.reload} />`;
  return of.waiting ? html`<${Skeleton} rows=${rows} />` : null;
}

/** Something as it is, monospace, that can be copied. @param {{text: string, label?: string}} props */
export function Code({ text, label }) {
  const [copied, setCopied] = useState(false);
  return html`<div class="code">
    ${label && html`<div class="code-label">${label}</div>`}
    <pre tabindex="0"><code>${text}</code></pre>
    <button type="button" class="icon-button small" aria-label=${copied ? 'Copied' : 'Copy'} title="Copy"
      onClick=${async () => {
        await navigator.clipboard.writeText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      }}><${Icon} name=${copied ? 'check' : 'copy'} /></button>
  </div>`;
}

/**
 * A labelled field with its error.
 * @param {{label: string, error?: string, hint?: any, children: any, class?: string}} props
 */
export function Field({ label, error, hint, children, class: name }) {
  return html`<label class=${cx('field', error && 'wrong', name)}>
    <span class="field-label">${label}</span>
    ${children}
    ${error ? html`<span class="field-error" role="alert">${error}</span>` : hint
      && html`<span class="field-hint">${hint}</span>`}
  </label>`;
}

/**
 * A box to tick.
 * @param {{label: any, checked: boolean, onChange: (checked: boolean) => void, disabled?: boolean}} props
 */
export function Check({ label, checked, onChange, disabled }) {
  return html`<label class="check">
    <input type="checkbox" checked=${checked} disabled=${disabled}
      onChange=${(/** @type {any} */ e) => onChange(e.target.checked)} />
    <span>${label}</span>
  </label>`;
}
