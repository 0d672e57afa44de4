/** One dock: an element that its host fills, and what the agent sees of what it does. */
import { isolated } from '../../lib/text.js';
import { html, useEffect, useRef, useState } from '../../lib/html.js';
import { theme, shown } from '../../lib/theme.js';
import { conversation } from '../../store/conversations.js';
import { Failed } from '../../ui/parts.js';
import { consent } from './consent.js';
import { announce } from './notices.js';

const HOST = '/sdk/dock-host.js';

/**
 * @param {object} props
 * @param {import('./panel.js').VisibleDock} props.dock
 * @param {string | null} props.conversationId null where the dock is not beside what the agent looks at, or it is not known yet
 * @param {boolean} props.visible
 * @param {number} props.changes how often the docks have been changed since the panel was opened
 */
export function Dock({ dock, conversationId, visible, changes }) {
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [host, setHost] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [tries, setTries] = useState(0);

  useEffect(() => {
    let made = /** @type {any} */ (null);
    let gone = false;
    setError(null);
    import(HOST)
      .then(({ DockHost, restTransport }) => {
        if (gone) return;
        made = new DockHost(element.current, {
          dock,
          transport: restTransport(),
          theme: shown.peek(),
          locale: navigator.language,
          visible: false,
          confirm: consent,
          notice: announce,
        });
        setHost(made);
      })
      .catch((failure) => !gone && setError(failure));
    return () => {
      gone = true;
      setHost(null);
      made?.close();
    };
  }, [dock.id, tries]);

  useEffect(() => {
    host?.setConversation(conversationId);
    host?.setVisible(visible && !!conversationId);
  }, [host, conversationId, visible]);

  // A change of the contact raises no version of the conversation.
  const c = conversationId ? conversation(conversationId).value : undefined;
  const version = c && `${c.version} ${c.contact.updatedAt}`;
  const told = useRef(/** @type {Record<string, string | undefined>} */ ({}));
  useEffect(() => {
    if (!host || !conversationId) return;
    const before = told.current[conversationId];
    told.current = { [conversationId]: version };
    if (before !== undefined && before !== version) host.refresh();
  }, [host, conversationId, version]);
  const known = useRef(changes);
  useEffect(() => {
    if (known.current !== changes) host?.refresh(); // its address, or what it may do, can be another
    known.current = changes;
  }, [host, changes]);
  useEffect(() => {
    host?.setAppearance({ theme: shown.value });
  }, [host, theme.value, shown.value]);

  return html`<div class="dock" role="tabpanel" id=${`dock-${dock.id}`} aria-labelledby=${`tab-${dock.id}`}
    hidden=${!visible}>
    ${
      error &&
      html`<${Failed} error=${{ message: 'Its script was not loaded.' }}
      what=${`${isolated(dock.name)} cannot be shown.`}
      retry=${() => setTries(tries + 1)} />`
    }
    <div ref=${element}></div>
  </div>`;
}
