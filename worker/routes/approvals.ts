// /v1/approvals: the machine's view of what waits, and the decision of a person who sends their own token. The pages for
// people in a browser are in approval-pages.ts; both end in the same ballot.
import { Hono } from 'hono';
import { z } from 'zod';
import { createApprovalIndex, type ApprovalCursor } from '../../adapters/approval-index.ts';
import { approvalStub, castBallot } from '../../adapters/approvals.ts';
import { gatewayOrigin } from '../../adapters/env.ts';
import type { ApprovalRow } from '../../adapters/schema.ts';
import { cautions } from '../../core/approval/cautions.ts';
import { listLine } from '../../core/approval/headline.ts';
import { shownHeaders } from '../../core/approval/http-message.ts';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import type { ApprovalView } from '../../core/approval/view.ts';
import { activePolicy, asked, origin, visibleApproval, voteHindrance } from '../approval-access.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure } from '../render-failure.ts';
import { readJson } from '../request-body.ts';
import { parseQuery } from './audit-query.ts';

/** A long poll ends before anything in between gives up on it. */
export const MAX_WAIT_SECONDS = 50;

const cursor = z
  .string()
  .regex(/^\d{1,15}\.[0-9a-f-]{1,64}$/)
  .transform((text): ApprovalCursor => {
    const [at = '', id = ''] = text.split('.');
    return { requestedAt: Number(at), id };
  });

export const approvalsQuery = z.strictObject({
  state: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'consumed']).optional(),
  target: z.string().min(1).max(63).optional(),
  own: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: cursor.optional(),
});

export const showQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(MAX_WAIT_SECONDS).default(0),
});

export const decisionBody = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  /** Of what the person was shown. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  reason: z.string().default(''),
});

/** Behind requirePrincipal. */
export const approvalRoutes = new Hono<DoorEnv>();

approvalRoutes.get('/v1/approvals', async (c) => {
  const { limit, cursor: after, ...filter } = parseQuery(approvalsQuery, c.req.query());
  const principal = c.get('principal');
  const rows = await createApprovalIndex(c.env.DB).search(
    { principalId: principal.id, groups: principal.kind === 'human' ? principal.groups : [] },
    filter,
    after ?? null,
    limit + 1,
    Date.now(),
  );
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return c.json({
    approvals: rows.slice(0, limit).map((row) => rowJson(row, gatewayOrigin(c.env, c.req.url))),
    next: last === undefined ? null : `${last.requestedAt}.${last.id}`,
  });
});

approvalRoutes.get('/v1/approvals/:id', async (c) => {
  const { wait } = parseQuery(showQuery, c.req.query());
  const principal = c.get('principal');
  const id = c.req.param('id');
  let view = await visibleApproval(c, id, principal);
  if (wait > 0 && view.state === 'pending') {
    await asked(async () => approvalStub(c.env, id)?.settled(id, wait * 1000));
    view = await visibleApproval(c, id, principal);
  }
  const hindrance = voteHindrance(view, principal, await activePolicy(c));
  const page = gatewayOrigin(c.env, c.req.url);
  return c.json({ approval: viewJson(view, page), mayDecide: hindrance === null, hindrance });
});

approvalRoutes.post('/v1/approvals/:id/decision', async (c) => {
  const principal = c.get('principal');
  // Before anything else, and whether or not there is such an approval: no workload decides anything.
  if (principal.kind !== 'human') throw new HttpFailure('workload_cannot_decide');
  const { decision, digest, reason } = await readJson(c, decisionBody);
  const active = await activePolicy(c);
  const view = await visibleApproval(c, c.req.param('id'), principal);
  const result = await asked(() =>
    castBallot(c.env, {
      id: view.id,
      digest,
      policyHash: active.hash,
      vote: decision,
      reason,
      voter: principal,
      via: 'api',
      ...origin(c),
    }),
  );
  if (!result.ok) throw new HttpFailure(result.code);
  return c.json({ standing: result.standing });
});

function rowJson(row: ApprovalRow, page: string) {
  const { id, state, kind, target, summary, tables, rules, asked: by, decidedBy, reason } = row;
  return {
    id,
    url: `${page}/approvals/${id}`,
    state,
    kind,
    principal: row.principalId,
    target,
    summary,
    tables,
    rules,
    asked: by,
    requestedAt: iso(row.requestedAt),
    expiresAt: iso(row.expiresAt),
    decidedAt: row.decidedAt === null ? null : iso(row.decidedAt),
    decidedBy,
    reason,
  };
}

/** Facts of SQL and of requests stand in one place, and a caller's own keys in none. */
function contentJson({ content, facts }: ApprovalRequest) {
  if (content.kind === 'mcp') {
    const { facts: mcp, ...rest } = content;
    return { content: rest, facts: mcp };
  }
  if (content.kind !== 'http') return { content, facts };
  const { facts: http, headers, ...rest } = content;
  const shown = shownHeaders(headers);
  return { content: { ...rest, headers: shown.effective, inertHeaders: shown.other }, facts: http };
}

/** Everything that was asked and decided. From where somebody voted stays with the journal. */
function viewJson(view: ApprovalView, page: string) {
  const { id, state, request, questions, decidedBy, reason, usedBy } = view;
  const { principal, target } = request;
  return {
    id,
    url: `${page}/approvals/${id}`,
    state,
    digest: request.digest,
    summary: listLine(request),
    cautions: cautions(request),
    principal: {
      id: principal.id,
      kind: principal.kind,
      groups: principal.groups,
      claims: principal.claims,
    },
    target,
    ...contentJson(request),
    estimatedRows: request.estimatedRows,
    claimed: request.claimed,
    demands: request.demands.map(({ rule, message, by, quorum, maxRows, grantSeconds }) => ({
      rule,
      message,
      by,
      quorum,
      maxRows,
      grantSeconds,
    })),
    questions,
    votes: view.votes.map(({ by, vote, reason: why, atMs, via }) => ({
      by,
      vote,
      reason: why,
      at: iso(atMs),
      via,
    })),
    revision: request.revision,
    policyHash: request.policyHash,
    session: request.session,
    requestedAt: iso(view.requestedAtMs),
    expiresAt: iso(view.expiresAtMs),
    decidedAt: view.decidedAtMs === null ? null : iso(view.decidedAtMs),
    decidedBy,
    reason,
    usedBy:
      usedBy === null
        ? null
        : { session: usedBy.session, action: usedBy.action, at: iso(usedBy.atMs) },
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
