/** Sign-in by e-mail and password. */
import { html, useEffect, useState } from '../lib/html.js';
import { signIn } from '../store/session.js';
import { Field } from '../ui/parts.js';

export function SignIn() {
  const [form, setForm] = useState({ email: '', password: '', tenant: '' });
  const [tenants, setTenants] = useState(/** @type {{number: number, name: string}[]} */ ([]));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = 'Sign in · Atender';
  }, []);
  const set = (/** @type {string} */ name) => (/** @type {any} */ e) => setForm({ ...form, [name]: e.target.value });

  async function submit(/** @type {Event} */ e) {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await signIn({
        email: form.email.trim(),
        password: form.password,
        ...(form.tenant && { tenant: Number(form.tenant) }),
      });
    } catch (failure) {
      if (/** @type {any} */ (failure).code === 'TENANT_REQUIRED') {
        const known = /** @type {any} */ (failure).details.tenants;
        setTenants(known);
        setForm({ ...form, tenant: String(known[0].number) });
      } else setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return html`<main id="main" class="sign-in">
    <form onSubmit=${submit}>
      <img src="/console/icon.svg" alt="" width="40" height="40" />
      <h1>Sign in to Atender</h1>
      <${Field} label="E-mail"><input type="email" name="email" autocomplete="username" required autofocus
        value=${form.email}
        onInput=${set('email')} /><//>
      <${Field} label="Password"><input type="password" name="password" autocomplete="current-password" required
        value=${form.password} onInput=${set('password')} /><//>
      ${
        tenants.length > 0 &&
        html`<${Field} label="Organisation">
        <select name="tenant" value=${form.tenant} onChange=${set('tenant')}>
          ${tenants.map((t) => html`<option key=${t.number} value=${String(t.number)}>${t.name}</option>`)}
        </select><//>`
      }
      ${error && html`<p class="form-error" role="alert">${error.message}</p>`}
      <button type="submit" class="primary big" aria-disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
      <p class="muted small">No password yet? Ask an owner for a sign-in link.</p>
    </form>
  </main>`;
}
