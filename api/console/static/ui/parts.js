/** The small parts that every page is made of. */
import { cloneElement, cx, html, toChildArray, useId } from '../lib/html.js';
import { ago, exact, now } from '../lib/time.js';
import { CopyButton } from './copy.js';
import { Icon } from './icons.js';

/** How long ago, exact on hover. @param {{at: string, class?: string}} props */
export function Ago({ at, class: name }) {
  return html`<time class=${name} datetime=${at} title=${exact(at)}>${ago(at, now.value)}</time>`;
}

/** Initials on a disc. @param {{name: string|null, kind?: string}} props */
export function Avatar({ name, kind }) {
  const words = (name?.trim() || '?').split(/\s+/);
  const initials = letter(words[0]) + (words.length > 1 ? letter(words[words.length - 1]) : '');
  return html`<span class=${cx('avatar', kind)} aria-hidden="true">${initials.toUpperCase()}</span>`;
}

const letters = new Intl.Segmenter();

/** What a word begins with, as people see it: an accent or a flag is several characters. @param {string} word */
const letter = (word) => letters.segment(word)[Symbol.iterator]().next().value?.segment ?? '';

/** @param {{tone?: string, children?: any, title?: string}} props */
export function Badge({ tone = 'plain', children, title }) {
  return html`<span class=${`badge ${tone}`} title=${title}>${children}</span>`;
}

/** Grey shapes where lines will be. @param {{rows?: number, class?: string}} props */
export function Skeleton({ rows = 6, class: name = '' }) {
  return html`<div class=${`skeletons ${name}`} role="group" aria-busy="true" aria-label="Loading">
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
    <p><strong>${what}</strong> ${error.message}${
      error.requestId &&
      html`
      <span class="muted small block">Request ${error.requestId}</span>`
    }</p>
    <button type="button" onClick=${retry}><${Icon} name="refresh" /> Try again</button>
  </div>`;
}

/**
 * What a resource has to show: skeletons, an error, or its content; both, if it could not be read again.
 * @param {{of: import('../lib/resource.js').Resource<any>, what: string, rows?: number, children: (data: any) => any}} props
 */
export function Loaded({ of, what, rows, children }) {
  if (of.data !== undefined) {
    return html`${
      of.error &&
      html`<p class="callout danger" role="alert">${what} ${of.error.message} Below is what was
      read before. <button type="button" class="link" onClick=${of.reload}>Try again</button></p>`
    }${children(of.data)}`;
  }
  if (of.error) return html`<${Failed} error=${of.error} what=${what} retry=${of.reload} />`;
  return of.waiting ? html`<${Skeleton} rows=${rows} />` : null;
}

/** Something as it is, monospace, that can be copied. @param {{text: string, label?: string}} props */
export function Code({ text, label }) {
  return html`<div class="code">
    ${label && html`<div class="code-label">${label}</div>`}
    <pre tabindex="0"><code>${text}</code></pre>
    <${CopyButton} text=${text} small />
  </div>`;
}

const CONTROLS = ['input', 'select', 'textarea'];

/**
 * A labelled field with its error. What is said of it, right or wrong, is its description, and not part of its name.
 * @param {{label: string, error?: string, hint?: any, children: any, class?: string}} props children: a control, and
 *   perhaps what belongs to it
 */
export function Field({ label, error, hint, children, class: name }) {
  const id = useId();
  const said = error || hint;
  return html`<div class=${cx('field', error && 'wrong', name)}>
    <label class="field-label" for=${id}>${label}</label>
    ${toChildArray(children).map((/** @type {any} */ child) =>
      !CONTROLS.includes(child?.type)
        ? child
        : cloneElement(child, {
            id,
            'aria-describedby': said ? `${id}-said` : undefined,
            'aria-invalid': error ? 'true' : undefined,
          }),
    )}
    ${
      error
        ? html`<span id=${`${id}-said`} class="field-error" role="alert">${error}</span>`
        : hint && html`<span id=${`${id}-said`} class="field-hint">${hint}</span>`
    }
  </div>`;
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
