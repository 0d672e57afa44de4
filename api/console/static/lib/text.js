/**
 * Text of others within the console's own sentences. Names, tags and the like may be written from right to left, or hold
 * control characters that turn what follows them around: both change what a question seems to ask.
 */

/** Controls, and what directs or joins text without being seen; not the joiners and marks that scripts and emoji need. */
const UNSEEN = /(?![\t\n])\p{Cc}|[\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** Letters that are written from right to left, and the marks that say so. */
const RIGHT_TO_LEFT =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\u200e\u200f\u061c]/u;

const FIRST_STRONG_ISOLATE = '\u2068';
const POP_DIRECTIONAL_ISOLATE = '\u2069';

/**
 * A text with its unseen characters as what they are, such as ⟨U+202E⟩.
 * @param {unknown} text
 * @returns {string}
 */
export const visible = (text) =>
  String(text ?? '').replace(
    UNSEEN,
    (c) => `⟨U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );

/**
 * A text for a sentence that is a string, where there can be no `<bdi>`: of no consequence for the direction of the rest.
 * @param {unknown} text
 * @returns {string}
 */
export function isolated(text) {
  const shown = visible(text);
  return RIGHT_TO_LEFT.test(shown) ? FIRST_STRONG_ISOLATE + shown + POP_DIRECTIONAL_ISOLATE : shown;
}
