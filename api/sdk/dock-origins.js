// @ts-check
// What the addresses of frames say of where they lead.

/**
 * Whether a page may be shown in a frame like this, and if not, why.
 * @param {string} url
 * @returns {string | null}
 */
export function whyNotFramed(url) {
  let target;
  try {
    target = new URL(url);
  } catch {
    return "its URL is not one";
  }
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(target.hostname);
  if (target.protocol !== "https:" && !(target.protocol === "http:" && loopback)) return "its URL has to be https";
  // With allow-same-origin such a page could take its own sandbox off.
  if (target.origin === location.origin) return "it would be of this page's own origin";
  return null;
}

/** The origin of an address as a violation tells it; of one that has none, its scheme. @param {string} address */
export function originOf(address) {
  try {
    const { origin, protocol } = new URL(address);
    return origin === "null" ? protocol : origin;
  } catch {
    return address.slice(0, 100) || "an address that is not told";
  }
}
