import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolated, visible } from '../static/lib/text.js';

test('characters that are not seen are shown as what they are', () => {
  assert.equal(visible('refunded\u202Egat'), 'refunded⟨U+202E⟩gat');
  assert.equal(visible('\u2066a\u2069\u200b\u0000\u0085\ufeff'), '⟨U+2066⟩a⟨U+2069⟩⟨U+200B⟩⟨U+0000⟩⟨U+0085⟩⟨U+FEFF⟩');
});

test('text of all scripts, emoji and lines stay what they are', () => {
  for (const text of ['Zoë', 'a\tb\nc', 'می\u200cخواهم', '👩‍💻', '❤️', 'שלום\u200f!', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'])
    assert.equal(visible(text), text);
  assert.equal(visible(undefined), '');
});

test('what is written from right to left is set apart in a sentence, and nothing ends that before its end', () => {
  assert.equal(isolated('Refunds'), 'Refunds');
  assert.equal(isolated('مسترد'), '\u2068مسترد\u2069');
  assert.equal(isolated('מ\u2069x\u202e'), '\u2068מ⟨U+2069⟩x⟨U+202E⟩\u2069');
});
