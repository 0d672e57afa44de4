// @ts-check
// The token that a dock's back end checks, made in the page with a secret that stays in it.

const lifetime = 5 * 60; // seconds

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

/** @param {number} byte */
const hex = (byte) => byte.toString(16).padStart(2, "0");

/**
 * A JWT (RFC 7519), HS256 with the secret's characters as the key.
 * @param {string} secret  empty: no token
 * @param {Record<string, unknown>} claims
 * @returns {Promise<string>}  empty where the browser has no cryptography for pages: those that are not of a secure origin
 */
export async function signToken(secret, claims) {
  if (!secret || !globalThis.crypto?.subtle) return "";
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: "atender", ...claims, iat: now, exp: now + lifetime, jti: crypto.randomUUID() };
  const text = new TextEncoder();
  const kid = Array.from(
    new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(secret))).subarray(0, 4),
    hex,
  ).join("");
  const signed = [{ alg: "HS256", kid, typ: "JWT" }, all]
    .map((part) => base64url(text.encode(JSON.stringify(part))))
    .join(".");
  const key = await crypto.subtle.importKey("raw", text.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return `${signed}.${base64url(new Uint8Array(await crypto.subtle.sign("HMAC", key, text.encode(signed))))}`;
}
