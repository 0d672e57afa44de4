/**
 * A frame that the page's policy does not allow yet: a dock was added or moved since the page was loaded. The page is
 * loaded once more, which brings the policy of today; drafts survive it.
 */
const KEY = 'atender.reloaded-for';

/** How long after a reload the same frame does not cause another, in ms. */
const ONCE = 300_000;

export function reloadForNewFrames() {
  document.addEventListener('securitypolicyviolation', (event) => {
    if (event.effectiveDirective !== 'frame-src') return;
    const [origin, at] = (sessionStorage.getItem(KEY) ?? '').split(' ');
    if (origin === event.blockedURI && Date.now() - Number(at) < ONCE) return;
    sessionStorage.setItem(KEY, `${event.blockedURI} ${Date.now()}`);
    location.reload();
  });
}
