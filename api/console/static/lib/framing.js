/**
 * A frame that the page's policy does not allow yet: a dock was added or moved since the page was loaded. The page is
 * loaded once more, which brings the policy of today; drafts survive it. Where else a frame may want to go, by a link or
 * of its own accord, is none of the page's business: that frame stays empty, and the dock's host says where it wanted to go.
 */
import { api, writing } from './api.js';
import { documentOutdated, route } from './router.js';

/** What the page was loaded anew for: `[docks' origins, origin]`, in this tab. */
const KEY = 'atender.reloaded-for-frames';

export function reloadForNewFrames() {
  let asking = false;
  document.addEventListener('securitypolicyviolation', async (event) => {
    if (event.effectiveDirective !== 'frame-src' || asking) return;
    const blocked = originOf(event.blockedURI);
    if (!blocked || allowed(event.originalPolicy).includes(blocked)) return;
    asking = true; // what is blocked meanwhile is blocked again when it is shown again
    try {
      const docks = await docksNow();
      if (!docks.includes(blocked) || !firstTime(docks, blocked)) return;
      documentOutdated();
      if (!writing()) location.reload();
    } catch {
      // The docks are not known: the frame says that nothing has come from it, and has a button to try again.
    } finally {
      asking = false;
    }
  });
}

/** The origin of an address; none for what has none. @param {string} address */
function originOf(address) {
  try {
    const { origin } = new URL(address);
    return origin === 'null' ? '' : origin;
  } catch {
    return '';
  }
}

/** The origins that a policy lets into frames. @param {string} policy */
function allowed(policy) {
  const sources = /(?:^|;)\s*frame-src\s+([^;]*)/.exec(policy)?.[1] ?? '';
  return sources.split(/\s+/).map(originOf);
}

/** The origins of the docks beside the open conversation, as the server knows them now. @returns {Promise<string[]>} */
async function docksNow() {
  const [page, id] = route.peek().path;
  if (page !== 'inbox' || !id) return [];
  const { data } = await api.get(`/v1/conversations/${encodeURIComponent(id)}/docks`);
  const origins = data.flatMap((/** @type {{url: string, frameOrigins?: string[]}} */ dock) =>
    [dock.url, ...(dock.frameOrigins ?? [])].map(originOf),
  );
  return [...new Set(origins)].sort();
}

/**
 * Whether the page was never loaded anew for this origin while the docks were these: if that did not help, it never will.
 * @param {string[]} docks
 * @param {string} origin
 */
function firstTime(docks, origin) {
  const reason = JSON.stringify([docks, origin]);
  try {
    const before = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    if (before.includes(reason)) return false;
    sessionStorage.setItem(KEY, JSON.stringify([...before, reason].slice(-20)));
    return true;
  } catch {
    return false; // without a memory it could go round and round
  }
}
