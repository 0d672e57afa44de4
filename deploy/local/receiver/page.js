/** The receiver's page: what has arrived, newest first, as it arrives. */

/**
 * @typedef {object} Delivery
 * @property {number} number counts from 1, in order of arrival
 * @property {string} at
 * @property {string} id
 * @property {string} event empty if the body has none
 * @property {string} reference
 * @property {boolean} verified
 * @property {string} [problem] why it is not verified
 * @property {number} delayedBySeconds
 * @property {Record<string, string>} headers
 * @property {unknown} [body] if it is JSON
 * @property {string} [unreadable]
 *
 * @typedef {object} Events the answer of `GET /events.json`
 * @property {number} total
 * @property {number} clearedUpTo
 * @property {number} refusedWhileDown
 * @property {number} downForSeconds
 * @property {Delivery[]} deliveries newest first
 */

/** How many deliveries the page shows; the server keeps as many. */
const MOST = 500;

/** How long the page waits before it asks again, in ms. */
const EVERY = 1000;

/** How long "Go down" lasts, in seconds. */
const DOWN_FOR = 60;

/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

let last = 0;
let cleared = 0;
let first = true;
let isDown = false;
let wake = () => {};

$('url').textContent = `${location.origin}/hooks`;

/** @param {Delivery} d */
function row(d) {
  const template = /** @type {HTMLTemplateElement} */ ($('row'));
  const li = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (li.querySelector(selector));
  const set = (/** @type {string} */ selector, /** @type {string} */ text) => {
    part(selector).textContent = text;
  };
  set('.event', d.event || 'not an event');
  set('.mark', d.verified ? 'signature verified' : 'not verified');
  part('.mark').classList.add(d.verified ? 'good' : 'bad');
  set('summary .about', [d.reference, d.id].filter(Boolean).join(' · '));
  const at = new Date(d.at);
  const time = /** @type {HTMLTimeElement} */ (part('time'));
  time.dateTime = d.at;
  time.textContent =
    at.toLocaleTimeString() + (d.delayedBySeconds > 0 ? ` · after ${duration(d.delayedBySeconds)}` : '');
  time.title = at.toLocaleString();
  set('.problem', d.problem || '');
  part('.problem').hidden = !d.problem;
  // Rendered when they are looked at: five hundred bodies are much.
  part('details').addEventListener(
    'toggle',
    () => {
      set('.body', d.body === undefined ? d.unreadable || '' : JSON.stringify(d.body, null, 2));
      const names = Object.keys(d.headers).sort();
      set('.headers', names.map((name) => `${name}: ${d.headers[name]}`).join('\n'));
    },
    { once: true },
  );
  if (!first) li.classList.add('new');
  return li;
}

/** @param {number} s */
function duration(s) {
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 90) return `${s.toFixed(1)} s`;
  return `${Math.round(s / 60)} min`;
}

/** @param {Events} answer @returns {boolean} false: the list was emptied, and is to be read from its beginning */
function show(answer) {
  // A receiver that was started anew counts from the beginning again.
  if (answer.clearedUpTo + answer.total < last) return restart(0);
  if (answer.clearedUpTo > cleared) return restart(answer.clearedUpTo);
  for (const d of answer.deliveries.reverse()) {
    $('list').prepend(row(d));
    last = d.number;
  }
  while ($('list').children.length > MOST) $('list').lastElementChild?.remove();
  isDown = answer.downForSeconds > 0;
  $('state').textContent = isDown ? `down, ${Math.ceil(answer.downForSeconds)} s left` : 'up';
  $('state').classList.toggle('down', isDown);
  $('down').textContent = isDown ? 'Come up now' : `Go down for ${DOWN_FOR} s`;
  const refused = answer.refusedWhileDown ? `, ${answer.refusedWhileDown} refused while down` : '';
  $('count').textContent = `${answer.total} ${answer.total === 1 ? 'delivery' : 'deliveries'}${refused}`;
  $('empty').hidden = answer.total > 0;
  const badge = isDown ? '(down) ' : answer.total ? `(${answer.total}) ` : '';
  document.title = `${badge}Webhook receiver`;
  first = false;
  return true;
}

/** @param {number} from */
function restart(from) {
  $('list').replaceChildren();
  last = from;
  cleared = from;
  return false;
}

async function update() {
  let answer;
  try {
    answer = await (await fetch(`events.json?after=${last}`)).json();
  } catch {
    $('state').textContent = 'the local stack is not running';
    $('state').classList.add('down');
    return;
  }
  if (!show(answer)) await update();
}

/** One request after another: two answers that overlap would show a delivery twice. */
async function loop() {
  for (;;) {
    await update();
    await /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, EVERY);
      })
    );
  }
}

$('down').addEventListener('click', async () => {
  await fetch(`down?seconds=${isDown ? 0 : DOWN_FOR}`, { method: 'POST' });
  wake();
});
$('clear').addEventListener('click', async () => {
  await fetch('events', { method: 'DELETE' });
  wake();
});
loop();
