/** Copying. The browser can refuse it; then what was to be copied has to be selected by hand. */
import { html, useState } from '../lib/html.js';
import { Icon } from './icons.js';
import { notify } from '../store/notices.js';

/** How long a button says that it has copied, in ms. */
const SAYS = 1500;

/** Copies, or says that the browser did not let it. @param {string} text @returns {Promise<boolean>} whether it worked */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    notify({ tone: 'danger', text: 'The browser did not let it be copied. Select it and copy it yourself.' });
    return false;
  }
}

/** @param {{text: string, small?: boolean}} props small: as an icon */
export function CopyButton({ text, small }) {
  const [copied, setCopied] = useState(false);
  const word = copied ? 'Copied' : 'Copy';
  return html`<button type="button" class=${small ? 'icon-button small' : ''} aria-label=${small ? word : undefined}
    title=${small ? 'Copy' : undefined} onClick=${async () => {
      if (!(await copy(text))) return;
      setCopied(true);
      setTimeout(() => setCopied(false), SAYS);
    }}><${Icon} name=${copied ? 'check' : 'copy'} />${!small && word}</button>
    <span class="hidden" role="status">${copied ? 'Copied' : ''}</span>`;
}
