// What a person sees when a device asks to be logged in (RFC 8628 section 3.3): type the code, confirm, done. The forms
// themselves are oidc-provider's.
import type { KoaContextWithOIDC } from 'oidc-provider';
import { developmentPage, escapeHtml } from './page.ts';

export const devicePages = {
  userCodeInputSource(
    context: KoaContextWithOIDC,
    form: string,
    _out: unknown,
    error: unknown,
  ): void {
    const remark =
      error === undefined || error === null ? '' : '<p>That code is not known here.</p>';
    context.body = developmentPage(
      'Log a device in',
      `${remark}<p>Type the code that the device shows.</p>${form}<button type="submit" form="op.deviceInputForm">Continue</button>`,
    );
  },
  userCodeConfirmSource(
    context: KoaContextWithOIDC,
    form: string,
    client: { readonly clientId: string },
    _device: unknown,
    code: string,
  ): void {
    context.body = developmentPage(
      'Log this device in?',
      `<p><code>${escapeHtml(client.clientId)}</code> shows the code <b>${escapeHtml(code)}</b>.</p>${form}
<button type="submit" form="op.deviceConfirmForm">It does: log it in</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">It does not</button>`,
    );
  },
  successSource(context: KoaContextWithOIDC): void {
    context.body = developmentPage('The device is logged in', '<p>You may close this window.</p>');
  },
};
