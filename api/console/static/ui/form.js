/** Forms: their values, what the server says of them, and that they are sent once. */
import { html, useEffect, useId, useRef, useState } from '../lib/html.js';

/** What an error is about: the field, or the first one of several that it is about together. */
const WRONG = '[aria-invalid="true"], fieldset:has(> .field-error) :is(input, select, textarea, button)';

/**
 * @template {Record<string, any>} T
 * @param {T} initial
 * @param {(values: T) => Promise<void>} save
 */
export function useForm(initial, save) {
  const [values, setValues] = useState(initial);
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => {
    const first = error && form.current?.querySelector(WRONG);
    if (first instanceof HTMLElement) first.focus();
  }, [error]);
  const put = (/** @type {Partial<T>} */ change) => setValues((v) => ({ ...v, ...change }));
  return {
    values,
    put,
    busy,
    /** For `onInput` of a field. @param {keyof T} name */
    input: (name) => (/** @type {any} */ e) =>
      put(
        /** @type {any} */ ({
          [name]: e.target.type === 'checkbox' ? e.target.checked : e.target.value,
        }),
      ),
    /** What is wrong with a field, or with something in it. @param {string} name @returns {string | undefined} */
    wrong(name) {
      for (const [field, message] of error?.fields ?? []) {
        if (field === name || field.startsWith(`${name}.`) || field.startsWith(`${name}[`)) return message;
      }
      return undefined;
    },
    error,
    /** @param {Event} e */
    async submit(e) {
      e.preventDefault();
      if (busy) return;
      form.current = /** @type {HTMLFormElement} */ (e.currentTarget);
      setBusy(true);
      setError(null);
      try {
        await save(values);
      } catch (failure) {
        setError(failure);
      } finally {
        setBusy(false);
      }
    },
  };
}

/**
 * The foot of a form in a dialog: what went wrong as a whole, and the buttons.
 * @param {{form: ReturnType<typeof useForm>, label: string, onCancel: () => void, known?: string[], children?: any}} props
 *   known: fields that show their own errors
 */
export function FormFoot({ form, label, onCancel, known = [], children }) {
  const { error } = form;
  const unshown = [...(error?.fields ?? [])].filter(
    ([field]) => !known.some((k) => field === k || field.startsWith(`${k}.`) || field.startsWith(`${k}[`)),
  );
  return html`
    ${
      error &&
      (!error.fields.size || unshown.length > 0) &&
      html`<div class="form-error" role="alert">
      ${
        error.fields.size
          ? unshown.map(([field, message]) => html`<div key=${field}>${field}: ${message}</div>`)
          : error.message
      }
    </div>`
    }
    <footer class="dialog-foot">
      ${children}<span class="spring" />
      <button type="button" onClick=${onCancel}>Cancel</button>
      <button type="submit" class="primary" aria-disabled=${form.busy}>${form.busy ? 'Saving…' : label}</button>
    </footer>`;
}

/**
 * Boxes for a choice of several.
 * @param {{legend: string, options: {value: string, label: any}[], chosen: string[], onChange: (chosen: string[]) => void, hint?: string}} props
 */
export function Several({ legend, options, chosen, onChange, hint }) {
  const id = useId();
  return html`<fieldset aria-describedby=${hint ? id : undefined}><legend>${legend}</legend>
    <div class="checks">${options.map(
      (o) => html`<label key=${o.value} class="check">
      <input type="checkbox" checked=${chosen.includes(o.value)} onChange=${(/** @type {any} */ e) =>
        onChange(e.target.checked ? [...chosen, o.value] : chosen.filter((c) => c !== o.value))} />
      <span>${o.label}</span></label>`,
    )}</div>
    ${hint && html`<span id=${id} class="field-hint">${hint}</span>`}
  </fieldset>`;
}

/** Only what differs, as a PATCH wants it. @param {Record<string, any>} before @param {Record<string, any>} after */
export function changed(before, after) {
  return Object.fromEntries(Object.entries(after).filter(([k, v]) => JSON.stringify(before[k]) !== JSON.stringify(v)));
}
