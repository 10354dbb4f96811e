// /login, /callback, /logout: people sign in at one of the policy's issuers of kind human, and come back to the page they
// wanted. The protocol is in adapters/human-login.ts, the cookies in human-session.ts.
import { Hono, type Context, type ErrorHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import {
  beginLogin,
  finishLogin,
  loginIssuers,
  type LoginFailure,
} from '../../adapters/human-login.ts';
import type { PolicyIssuer } from '../../core/policy/policy.ts';
import { activePolicy } from '../approval-access.ts';
import { isOwnForm } from '../csrf.ts';
import type { DoorEnv } from '../door-env.ts';
import {
  cookieKind,
  endSession,
  humanSession,
  sessionKey,
  startLogin,
  startSession,
  takeLogin,
} from '../human-session.ts';
import { renderPage } from '../pages/layout.ts';
import { noticePage } from '../pages/notice-page.ts';
import { HttpFailure, renderFailure } from '../render-failure.ts';
import { readForm } from '../request-body.ts';

const HOME = '/approvals';
const MAX_RETURN_CHARS = 512;

export const loginRoutes = new Hono<DoorEnv>();

/** Failures in a browser, as pages. The codes, sentences and the log are render-failure.ts's. */
export const failurePage: ErrorHandler<DoorEnv> = async (error, c) => {
  const answer = await renderFailure(error, c);
  const { code, title, detail } = await answer.json<{
    code: string;
    title: string;
    detail: string;
  }>();
  return renderPage(c, answer.status as ContentfulStatusCode, {
    title,
    body: noticePage({
      title,
      text: detail,
      links: [
        code === 'login_needed' || code === 'login_failed'
          ? { label: 'Sign in', href: loginPath(code === 'login_needed' ? c.req.path : HOME) }
          : { label: 'All approvals', href: HOME },
      ],
    }),
    session: null,
  });
};

loginRoutes.onError(failurePage);

loginRoutes.get('/login', async (c) => {
  const returnTo = ownPath(c.req.query('return'), c.req.url);
  requireSessions(c);
  const issuers = loginIssuers((await activePolicy(c)).policy);
  const wanted = c.req.query('issuer');
  const chosen =
    wanted === undefined && issuers.length === 1
      ? issuers[0]
      : issuers.find(({ id }) => id === wanted);
  if (chosen !== undefined) return toIssuer(c, chosen, returnTo);
  if (issuers.length === 0) throw new HttpFailure('login_unavailable');
  return renderPage(c, 200, {
    title: 'Sign in',
    body: noticePage({
      title: 'Sign in',
      text: 'Where do you belong?',
      links: issuers.map(({ id }) => ({ label: id, href: loginPath(returnTo, id) })),
    }),
    session: null,
  });
});

loginRoutes.get('/callback', async (c) => {
  requireSessions(c);
  const now = Date.now();
  const login = await takeLogin(c, now);
  // No cookie: too late, another browser, or an answer to a question that this browser has not asked.
  if (login === null)
    throw new HttpFailure('login_failed', 'This login took too long, or was begun elsewhere.');
  const active = await activePolicy(c);
  const issuer = loginIssuers(active.policy).find(({ id }) => id === login.issuer);
  if (issuer === undefined) throw new HttpFailure('login_failed');
  const result = await finishLogin(c.env, issuer, new URL(c.req.url), login, now);
  if (!result.ok) return failed(result.error);
  if (!(await startSession(c, result.value, active, now))) {
    throw new HttpFailure(
      'login_failed',
      'You are in more groups than a session can hold; tell an operator.',
    );
  }
  return c.redirect(ownPath(login.returnTo, c.req.url), 302);
});

loginRoutes.post('/logout', async (c) => {
  const session = await humanSession(c, await activePolicy(c), Date.now());
  const form = await readForm(c);
  // Nobody to sign out: the same end.
  if (session !== null && isOwnForm(c, session, 'logout', form.get('csrf')) !== true) {
    throw new HttpFailure('form_refused');
  }
  endSession(c);
  return renderPage(c, 200, {
    title: 'Signed out',
    body: noticePage({
      title: 'Signed out',
      text: 'Your session at this gateway has ended. The one at your issuer has not.',
      links: [{ label: 'Sign in again', href: loginPath(HOME) }],
    }),
    session: null,
  });
});

export function loginPath(returnTo: string, issuer?: string): string {
  const query = new URLSearchParams({
    return: returnTo,
    ...(issuer === undefined ? {} : { issuer }),
  });
  return `/login?${query.toString()}`;
}

/**
 * The path to go back to after a login: one of this origin, or the list of approvals. `//evil`, `/\evil`, control characters
 * and whatever else a browser reads as another origin are not paths of ours.
 */
export function ownPath(path: string | undefined, requestUrl: string): string {
  if (path === undefined || path.length > MAX_RETURN_CHARS) return HOME;
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(path) || path.includes('\\')) return HOME;
  const base = new URL(requestUrl).origin;
  const url = URL.parse(path, base);
  if (url === null || url.origin !== base) return HOME;
  // Normalised: what is checked is what the browser gets.
  return /^\/(?![/\\])/.test(url.pathname) ? `${url.pathname}${url.search}` : HOME;
}

async function toIssuer(
  c: Context<DoorEnv>,
  issuer: PolicyIssuer,
  returnTo: string,
): Promise<Response> {
  const redirect = new URL('/callback', c.req.url);
  const begun = await beginLogin(c.env, issuer, redirect.href);
  if (!begun.ok) return failed(begun.error);
  if (!(await startLogin(c, begun.value.pending, returnTo, Date.now()))) {
    throw new HttpFailure('login_unavailable');
  }
  return c.redirect(begun.value.url, 302);
}

/** @throws HttpFailure always; the reason is for the log, and holds no token */
function failed({ code, detail }: LoginFailure): never {
  console.warn(JSON.stringify({ event: 'login_failed', code, detail }));
  throw new HttpFailure(code === 'login_unavailable' ? 'login_unavailable' : 'login_failed');
}

/** Fails closed: no key to seal with, or no https to keep a cookie to. */
function requireSessions(c: Context<DoorEnv>): void {
  if (sessionKey(c.env, 'session') === null) {
    console.warn(
      JSON.stringify({
        event: 'login_failed',
        code: 'login_unavailable',
        detail: 'SESSION_KEY is not set',
      }),
    );
    throw new HttpFailure('login_unavailable');
  }
  if (cookieKind(c, 'session') === null) {
    throw new HttpFailure('login_unavailable', 'Signing in needs https.');
  }
}
