// The frame of every page, and the headers that keep it what it is: nothing is loaded, nothing is executed, nobody frames
// it, and forms go to this origin alone. Everything that is put in is escaped by hono/html.
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { nativeCrypto } from '../../adapters/crypto.ts';
import type { DoorEnv } from '../door-env.ts';
import { csrfToken } from '../csrf.ts';
import type { HumanSession } from '../human-session.ts';
import { STYLE } from './style.ts';
import { shown } from './shown-text.ts';

/** What html`` gives. */
export type Markup = ReturnType<typeof html>;

const STYLE_HASH = Buffer.from(nativeCrypto.sha256(new TextEncoder().encode(STYLE))).toString(
  'base64',
);

/** In one piece: a formatter that puts a blank into it would change its hash, and a browser would drop all of it. */
const STYLE_ELEMENT = raw(`<style>${STYLE}</style>`);

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; ` +
    "frame-ancestors 'none'; base-uri 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  // Not no-referrer: browsers would send `Origin: null` with our own forms (Fetch, "append a request Origin header").
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'interest-cohort=()',
  'cache-control': 'no-store',
};

export interface Page {
  readonly title: string;
  readonly body: Markup;
  readonly session: HumanSession | null;
  /** Look again after so many seconds; for readers who have nothing to type here. */
  readonly refreshSeconds?: number;
}

export function renderPage(
  c: Context<DoorEnv>,
  status: ContentfulStatusCode,
  { title, body, session, refreshSeconds }: Page,
): Response | Promise<Response> {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`}
        <title>${title} · Postern</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <header class="bar">
          <a class="brand" href="/approvals">Postern</a>${viewer(c, session)}
        </header>
        <main>${body}</main>
      </body>
    </html>`;
  return c.html(document, status, HEADERS);
}

function viewer(c: Context<DoorEnv>, session: HumanSession | null): Markup | string {
  if (session === null) return '';
  const { principal } = session;
  const { name: full, email } = principal.claims;
  const name = [full, email].find((claim) => typeof claim === 'string') ?? principal.id;
  return html`<form class="viewer" method="post" action="/logout">
    <bdi title="${principal.id}">${shown(name)}</bdi>
    <input type="hidden" name="csrf" value="${csrfToken(c, session, 'logout') ?? ''}" />
    <button type="submit">Sign out</button>
  </form>`;
}
