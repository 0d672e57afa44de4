/** Changing one's own password. Every other session of the agent ends with it. */
import { html, useState } from '../lib/html.js';
import { api } from '../lib/api.js';
import { Dialog } from '../ui/dialog.js';
import { Field } from '../ui/parts.js';
import { notify } from '../ui/toast.js';

/** @param {{onClose: () => void}} props */
export function PasswordDialog({ onClose }) {
  const [form, setForm] = useState({ currentPassword: '', newPassword: '' });
  const [error, setError] = useState(/** @type {any} */ (null));
  const set = (/** @type {string} */ name) => (/** @type {any} */ e) => setForm({ ...form, [name]: e.target.value });
  async function submit(/** @type {Event} */ e) {
    e.preventDefault();
    try {
      await api.put('/console/password', {
        newPassword: form.newPassword, ...(form.currentPassword && { currentPassword: form.currentPassword }),
      });
      notify({ text: 'Password changed. Other sessions were signed out.' });
      onClose();
    } catch (failure) {
      setError(failure);
    }
  }
  return html`<${Dialog} title="Change password" onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <${Field} label="Current password" error=${error?.fields.get('currentPassword')}
        hint="Not needed within an hour of signing in by link."><input type="password" autofocus
        autocomplete="current-password" value=${form.currentPassword} onInput=${set('currentPassword')} /><//>
      <${Field} label="New password" error=${error?.fields.get('newPassword')} hint="At least 12 characters.">
        <input type="password" autocomplete="new-password" required minlength="12" value=${form.newPassword}
          onInput=${set('newPassword')} /><//>
      ${error && !error.fields.size && html`<p class="form-error" role="alert">${error.message}</p>`}
      <footer class="dialog-foot"><button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary">Change</button></footer>
    </form>
  <//>`;
}
