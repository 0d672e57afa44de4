/**
 * HTML that came from outside, such as a customer's: the server cleans it and makes a page of it, which is shown in a
 * frame without scripts and without an origin.
 */
import { cx, html, useEffect, useId, useMemo, useRef, useState } from '../lib/html.js';

/** As in the policy that the page is served with: links open in tabs of their own, and nothing else happens. */
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox';

/** Where HTML that no message has yet is cleaned. */
const PREVIEW = '/console/preview';

/**
 * @param {{source: string, src?: string, title: string}} props
 *   source: the HTML; src: where its page is, if it is a message's
 */
export function Formatted({ source, src, title }) {
  const [images, setImages] = useState(false);
  const [tall, setTall] = useState(false);
  const remote = useMemo(() => /<img|background/i.test(source), [source]);
  const size = cx(tall ? 'tall' : source.length < 600 ? 'low' : '');
  return html`<div class="formatted">
    ${src ? html`<iframe class=${size} sandbox=${SANDBOX} referrerpolicy="no-referrer" loading="lazy" title=${title}
        src=${src + (images ? '?images=1' : '')}></iframe>`
      : html`<${Preview} key=${String(images)} source=${source} images=${images} size=${size} title=${title} />`}
    <div class="formatted-foot">
      ${remote && !images && html`<button type="button" class="link small" onClick=${() => setImages(true)}>
        Load remote images</button>`}
      <button type="button" class="link small" onClick=${() => setTall(!tall)}>${tall ? 'Smaller' : 'Larger'}</button>
    </div>
  </div>`;
}

/**
 * Sends the HTML to the server, whose answer goes into the frame: nothing of it becomes part of this page.
 * @param {{source: string, images: boolean, size: string, title: string}} props
 */
function Preview({ source, images, size, title }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const name = useId();
  useEffect(() => form.current?.submit(), []);
  return html`
    <form ref=${form} hidden method="post" action=${PREVIEW} target=${name}>
      <input type="hidden" name="html" value=${source} />
      ${images && html`<input type="hidden" name="images" value="1" />`}
    </form>
    <iframe name=${name} class=${size} sandbox=${SANDBOX} referrerpolicy="no-referrer" title=${title}></iframe>`;
}
