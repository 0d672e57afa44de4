/** Changing one's own password. Every other session of the agent ends with it. */
import { html } from '../lib/html.js';
import { api } from '../lib/api.js';
import { Dialog } from '../ui/dialog.js';
import { FormFoot, useForm } from '../ui/form.js';
import { Field } from '../ui/parts.js';
import { notify } from '../store/notices.js';

/** @param {{onClose: () => void}} props */
export function PasswordDialog({ onClose }) {
  const form = useForm({ currentPassword: '', newPassword: '' }, async ({ currentPassword, newPassword }) => {
    await api.put('/console/password', { newPassword, ...(currentPassword && { currentPassword }) });
    notify({ text: 'Password changed. Other sessions were signed out.' });
    onClose();
  });
  return html`<${Dialog} title="Change password" onClose=${onClose}>
    <form class="form" onSubmit=${form.submit}>
      <${Field} label="Current password" error=${form.wrong('currentPassword')}
        hint="Not needed within an hour of signing in by link."><input type="password" autofocus
        autocomplete="current-password" value=${form.values.currentPassword} onInput=${form.input('currentPassword')} /><//>
      <${Field} label="New password" error=${form.wrong('newPassword')} hint="At least 12 characters.">
        <input type="password" autocomplete="new-password" required minlength="12" value=${form.values.newPassword}
          onInput=${form.input('newPassword')} /><//>
      <${FormFoot} form=${form} label="Change" onCancel=${onClose} known=${['currentPassword', 'newPassword']} />
    </form>
  <//>`;
}
