// /approvals: what people see and decide in a browser. Server-rendered, no script; who they are comes from the sealed
// cookie, that they meant it from the form's own token (csrf.ts). Failures are pages too.
import { Hono, type Context } from 'hono';
import { createApprovalIndex } from '../../adapters/approval-index.ts';
import { castBallot } from '../../adapters/approvals.ts';
import type { ActivePolicy } from '../../adapters/policy-store.ts';
import type { ApprovalView } from '../../core/approval/view.ts';
import type { VoteCode } from '../../core/failure.ts';
import { activePolicy, asked, origin, visibleApproval, voteHindrance } from '../approval-access.ts';
import { csrfToken, isOwnForm } from '../csrf.ts';
import type { DoorEnv } from '../door-env.ts';
import { humanSession, type HumanSession } from '../human-session.ts';
import { approvalListPage } from '../pages/approval-list-page.ts';
import { approvalPage, type Reader } from '../pages/approval-page.ts';
import { renderPage } from '../pages/layout.ts';
import { HttpFailure, renderingOf } from '../render-failure.ts';
import { readForm } from '../request-body.ts';
import { failurePage, loginPath } from './login.ts';

const LISTED = 100;
const RECENT_MS = 7 * 24 * 60 * 60_000;
/** A page without a form looks again by itself, so that whoever asked sees the decision. */
const REFRESH_SECONDS = 10;

export const approvalPages = new Hono<DoorEnv>();

approvalPages.onError(failurePage);

approvalPages.get('/approvals', async (c) => {
  const active = await activePolicy(c);
  const session = await humanSession(c, active, Date.now());
  if (session === null) return c.redirect(loginPath('/approvals'), 302);
  const now = Date.now();
  const { id, groups } = session.principal;
  const index = createApprovalIndex(c.env.DB);
  const audience = { principalId: id, groups };
  const [waiting, own, all] = await Promise.all([
    index.search(audience, { state: 'pending', own: false }, null, LISTED, now),
    index.search(audience, { own: true }, null, 20, now),
    index.search(audience, { own: false }, null, 50, now),
  ]);
  const recent = all.filter((row) => row.state !== 'pending' && row.requestedAt > now - RECENT_MS);
  return renderPage(c, 200, {
    title: 'Approvals',
    body: approvalListPage({ waiting, own, recent }, now),
    session,
  });
});

approvalPages.get('/approvals/:id', async (c) => {
  const active = await activePolicy(c);
  const session = await humanSession(c, active, Date.now());
  if (session === null) return c.redirect(loginPath(c.req.path), 302);
  const view = await visibleApproval(c, c.req.param('id'), session.principal);
  return show(c, session, view, active, { status: 200, refused: null, typed: '' });
});

approvalPages.post('/approvals/:id', async (c) => {
  const active = await activePolicy(c);
  const session = await humanSession(c, active, Date.now());
  // A page with a link, not a redirect: form-action 'self' holds for where a form is redirected to as well.
  if (session === null) throw new HttpFailure('login_needed');
  const id = c.req.param('id');
  const form = await readForm(c);
  if (isOwnForm(c, session, id, form.get('csrf')) !== true) throw new HttpFailure('form_refused');
  const view = await visibleApproval(c, id, session.principal);
  const vote = form.get('vote');
  if (vote !== 'approve' && vote !== 'deny') throw new HttpFailure('request_invalid');
  // A browser sends line ends as CRLF; they count once against the limit that the page announced.
  const reason = (form.get('reason') ?? '').replaceAll('\r\n', '\n');
  const result = await asked(() =>
    castBallot(c.env, {
      id: view.id,
      digest: form.get('digest') ?? '',
      policyHash: active.hash,
      vote,
      reason,
      voter: session.principal,
      via: 'page',
      ...origin(c),
    }),
  );
  if (result.ok) return c.redirect(`/approvals/${view.id}`, 303);
  const after = await visibleApproval(c, id, session.principal);
  return show(c, session, after, active, { status: 409, refused: result.code, typed: reason });
});

async function show(
  c: Context<DoorEnv>,
  session: HumanSession,
  view: ApprovalView,
  active: ActivePolicy,
  attempt: {
    readonly status: 200 | 409;
    readonly refused: VoteCode | 'not_found' | null;
    readonly typed: string;
  },
): Promise<Response> {
  const { principal } = session;
  const hindrance = voteHindrance(view, principal, active);
  const own = view.votes.filter(({ by }) => by === principal.id).at(-1);
  // Somebody who approved may still deny; the form stays, and says what they did.
  const csrf = hindrance === null ? csrfToken(c, session, view.id) : null;
  const reader: Reader = {
    form: csrf === null ? null : { csrf },
    why: hindrance === null ? null : WHY[hindrance],
    current: hindrance !== 'policy_changed',
    notice:
      attempt.refused !== null
        ? { tone: 'bad', text: renderingOf(attempt.refused).detail }
        : own !== undefined && view.state === 'pending'
          ? {
              tone: 'good',
              text: 'You approved this. It needs more people; you may still deny it.',
            }
          : null,
    typed: attempt.typed,
    nowMs: Date.now(),
  };
  return renderPage(c, attempt.status, {
    title: 'Approval',
    body: await approvalPage(view, reader),
    session,
    ...(view.state === 'pending' && csrf === null ? { refreshSeconds: REFRESH_SECONDS } : {}),
  });
}

const WHY: Readonly<Record<VoteCode, string>> = {
  workload_cannot_decide: 'Only people decide about approvals.',
  own_request:
    'You asked for this yourself, so somebody else decides. This page looks again by itself.',
  not_an_approver: 'You are in none of the groups that are asked.',
  already_voted: 'You have voted on this.',
  digest_mismatch: 'What is asked for is not what you were shown.',
  policy_changed: 'The policy has changed since this was asked.',
  reason_invalid: 'The reason is missing or too long.',
  approval_settled: 'This has been decided.',
  replayed: 'This was sent before.',
};
