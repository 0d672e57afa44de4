import { otherTab } from './browser.js';
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { closeStorage, forgetPerson, onRemembered, recall, remember, storageOf } from '../static/lib/storage.js';

beforeEach(() => localStorage.clear());

test('what is remembered is there after a reload', () => {
  remember('draft.c1', { text: 'Hello' });
  assert.deepEqual(recall('draft.c1', null), { text: 'Hello' });
  remember('draft.c1', undefined);
  assert.equal(recall('draft.c1', null), null);
});

test('what cannot be read is not there', () => {
  localStorage.setItem('atender.theme', '{');
  assert.equal(recall('theme', 'system'), 'system');
});

test('a browser that stores nothing does not stop the console', () => {
  const { setItem, getItem } = localStorage;
  const refuse = () => {
    throw new Error('QuotaExceededError');
  };
  Object.assign(localStorage, { setItem: refuse, getItem: refuse });
  remember('theme', 'dark');
  assert.equal(recall('theme', 'system'), 'system');
  Object.assign(localStorage, { setItem, getItem });
  Reflect.deleteProperty(localStorage, 'setItem');
  Reflect.deleteProperty(localStorage, 'getItem');
});

test('another person finds nothing of the one before; the same one finds everything', () => {
  storageOf('grace');
  remember('draft.c1', { text: 'Hello' });
  remember('unsent.c1', []);
  remember('seen', {});
  remember('docks.active', 'd1');
  remember('theme', 'dark');
  localStorage.setItem('elsewhere', 'kept');
  storageOf('grace');
  assert.deepEqual(recall('draft.c1', null), { text: 'Hello' });
  storageOf('ada');
  for (const key of ['draft.c1', 'unsent.c1', 'seen', 'docks.active']) assert.equal(recall(key, null), null, key);
  assert.equal(recall('theme', 'system'), 'dark', "how the page looks is the browser's");
  assert.equal(localStorage.getItem('elsewhere'), 'kept');
  forgetPerson();
  assert.equal(recall('person', null), null);
});

test("what another tab stores is told, and nothing that is not the console's", () => {
  /** @type {unknown[]} */
  const told = [];
  const stop = onRemembered((key, value) => told.push([key, value]));
  otherTab.stores('atender.theme', 'dark');
  otherTab.stores('atender.theme', undefined);
  otherTab.stores('elsewhere', 1);
  assert.deepEqual(told, [
    ['theme', 'dark'],
    ['theme', undefined],
  ]);
  stop();
  otherTab.stores('atender.theme', 'light');
  assert.equal(told.length, 2);
});

test('a page that is about to go leaves no trace', () => {
  closeStorage();
  remember('draft.c1', { text: 'Too late' });
  assert.equal(recall('draft.c1', null), null);
});
