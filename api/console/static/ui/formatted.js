/**
 * HTML that came from outside, such as a customer's: the server cleans it and makes a page of it, which is shown in a
 * frame without scripts and without an origin.
 */
import { cx, html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../lib/html.js';

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
    <${Apart} class=${size} key=${src ? '' : String(images)}>
      ${
        src
          ? html`<iframe sandbox=${SANDBOX} referrerpolicy="no-referrer" loading="lazy" title=${title}
          src=${src + (images ? '?images=1' : '')}></iframe>`
          : html`<${Preview} source=${source} images=${images} title=${title} />`
      }
    <//>
    <div class="formatted-foot">
      ${
        remote &&
        !images &&
        html`<button type="button" class="link small" onClick=${() => setImages(true)}>
        Load remote images</button>`
      }
      <button type="button" class="link small" onClick=${() => setTall(!tall)}>${tall ? 'Smaller' : 'Larger'}</button>
    </div>
  </div>`;
}

/**
 * Sends the HTML to the server, whose answer goes into the frame: nothing of it becomes part of this page.
 * @param {{source: string, images: boolean, title: string}} props
 */
function Preview({ source, images, title }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const name = useMemo(secretName, []);
  useEffect(() => form.current?.submit(), []);
  return html`
    <form ref=${form} hidden method="post" action=${PREVIEW} target=${name}>
      <input type="hidden" name="html" value=${source} />
      ${images && html`<input type="hidden" name="images" value="1" />`}
    </form>
    <iframe name=${name} sandbox=${SANDBOX} referrerpolicy="no-referrer" title=${title}></iframe>`;
}

/** A name for a frame that no other page can guess: a page that knows it can send a form or a link into the frame. */
const secretName = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');

/** Within the shadow root, where the page's style does not reach. */
const STYLE = 'iframe { display: block; width: 100%; height: 100%; border: 0; } [hidden] { display: none; }';

/**
 * Shows its children in a shadow root: frames there are not among those that other pages, docks too, find in this one.
 * @param {{class: string, children: any}} props
 */
function Apart({ class: name, children }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (host.current);
    if (!element.shadowRoot) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      element.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet];
    }
    render(children, /** @type {any} */ (element.shadowRoot));
  });
  useLayoutEffect(
    () => () => host.current?.shadowRoot && render(null, /** @type {any} */ (host.current.shadowRoot)),
    [],
  );
  return html`<div ref=${host} class=${cx('formatted-page', name)}></div>`;
}
