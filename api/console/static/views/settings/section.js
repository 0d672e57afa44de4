/** What the pages of the settings have in common. */
import { html } from '../../lib/html.js';
import { useResource } from '../../lib/resource.js';
import { ask } from '../../ui/dialog.js';
import { Icon } from '../../ui/icons.js';
import { notify } from '../../store/notices.js';

/**
 * @param {{title: any, about?: any, back?: string, action?: any, children: any}} props back: the address of the page above
 */
export function Section({ title, about, back, action, children }) {
  return html`<section class="section">
    <header class="section-head">
      ${back && html`<a class="button icon-button" href=${back} aria-label="Back"><${Icon} name="back" /></a>`}
      <div class="section-title"><h1>${title}</h1>${about && html`<p class="muted">${about}</p>`}</div>
      ${action && html`<div class="section-action">${action}</div>`}
    </header>
    ${children}
  </section>`;
}

/**
 * A list of the directory as a resource: what is known of it is there at once, while it is read again.
 * @param {import('../../vendor/signals.js').Signal<any[]>} list @param {() => Promise<any[]>} load
 * @returns {import('../../lib/resource.js').Resource<any[]>}
 */
export function useDirectory(list, load) {
  const read = useResource('directory', load);
  return { ...read, data: read.data || list.value.length ? list.value : undefined };
}

/** A part of a page with a head of its own. @param {{title: string, about?: any, action?: any, children: any}} props */
export function Part({ title, about, action, children }) {
  return html`<section class="part">
    <header class="part-head"><div><h2>${title}</h2>${
      about && html`<p class="muted">${about}</p>`
    }</div>${action}</header>
    ${children}
  </section>`;
}

/** @param {{onClick: () => void, children: any}} props */
export function Add({ onClick, children }) {
  return html`<button type="button" class="primary" onClick=${onClick}><${Icon} name="plus" />${children}</button>`;
}

/**
 * A table whose rows open something. Its parts say what they are: laid out as cards, on a phone, a browser forgets it.
 * @param {{head: any[], rows: {key: string, cells: any[], onOpen?: () => void, quiet?: boolean}[], label: string}} props
 */
export function Table({ head, rows, label }) {
  return html`<div class="table-box"><table class="table" role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${head.map(
      (h, i) => html`<th key=${i} role="columnheader" scope="col">${h || html`<span class="hidden">More</span>`}</th>`,
    )}</tr></thead>
    <tbody role="rowgroup">${rows.map(
      (row) => html`<tr key=${row.key} role="row"
      class=${[row.onOpen && 'opens', row.quiet && 'quiet'].filter(Boolean).join(' ')}
      onClick=${(/** @type {MouseEvent} */ e) => {
        if (!(e.target instanceof Element) || e.target.closest('a, button, input')) return;
        row.onOpen?.();
      }}>${row.cells.map(
        (cell, i) =>
          html`<td key=${i} role="cell" data-label=${typeof head[i] === 'string' ? head[i] : ''}>${
            i === 0 && row.onOpen
              ? html`<button type="button" class="link row-open"
          onClick=${row.onOpen}>${cell}</button>`
              : cell
          }</td>`,
      )}</tr>`,
    )}
    </tbody>
  </table></div>`;
}

/**
 * Asks, then does something that cannot be undone.
 * @param {{title: string, text: string, confirm: string}} question
 * @param {() => Promise<any>} action
 * @param {string} done said when it has happened
 * @returns {Promise<boolean>}
 */
export async function sure(question, action, done) {
  if (!(await ask({ ...question, danger: true }))) return false;
  return attempt(action, done);
}

/** Does something, and says what came of it. @param {() => Promise<any>} action @param {string} done */
export async function attempt(action, done) {
  try {
    await action();
    if (done) notify({ text: done });
    return true;
  } catch (error) {
    notify({ tone: 'danger', text: /** @type {Error} */ (error).message });
    return false;
  }
}
