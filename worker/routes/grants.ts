// /v1/grants: just-in-time access. Asking opens an approval for `connect`; once people have approved it, connections of this
// principal to this target need no further approval until the window ends, is given back or is taken away.
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { approvalStub } from '../../adapters/approvals.ts';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { gatewayOrigin, type GrantView } from '../../adapters/env.ts';
import { activeGrant, grantStub } from '../../adapters/grants.ts';
import { envelope } from '../../core/approval/envelope.ts';
import { grantCovers, grantSecondsOf, MIN_GRANT_SECONDS } from '../../core/approval/grant.ts';
import { duration } from '../../core/approval/message.ts';
import type {
  ApprovalRequest,
  ApprovalStanding,
  TooManyPending,
} from '../../core/approval/request.ts';
import { approvalName, type ApprovalView } from '../../core/approval/view.ts';
import type { ApprovalDemand } from '../../core/decision.ts';
import type { Principal } from '../../core/identity.ts';
import { judge, ruleSet } from '../../core/policy/judge.ts';
import type { PolicyTarget } from '../../core/policy/policy.ts';
import { activePolicy, asked, visibleApproval } from '../approval-access.ts';
import { policyAccess } from '../audit-access.ts';
import type { DoorEnv } from '../door-env.ts';
import { HttpFailure } from '../render-failure.ts';
import { readJson } from '../request-body.ts';
import { iso, MAX_WAIT_SECONDS } from './approvals.ts';
import { parseQuery } from './audit-query.ts';

export const grantBody = z.strictObject({
  target: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  forSeconds: z.int().min(MIN_GRANT_SECONDS),
  reason: z.string().trim().min(1).max(500),
});

const showQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(MAX_WAIT_SECONDS).default(0),
});

/** Behind requirePrincipal. */
export const grantRoutes = new Hono<DoorEnv>();

grantRoutes.post('/v1/grants', async (c) => {
  const { status, grant } = await askForAccess(c, await readJson(c, grantBody));
  return c.json({ grant }, status);
});

/** 200: access is open already, and long enough. 202: people are asked. @throws HttpFailure */
export async function askForAccess(
  c: Context<DoorEnv>,
  { target: id, forSeconds, reason }: z.output<typeof grantBody>,
) {
  const principal = c.get('principal');
  const active = await activePolicy(c);
  const target = active.policy.targets.get(id);
  if (target === undefined) throw new HttpFailure('target_unknown');
  const demands = demandsOf(c, active.policy, principal, target);
  const offered = grantSecondsOf(demands);
  if (offered === null) {
    throw new HttpFailure(
      'grant_not_offered',
      'Each connection to this target needs its own approval; just connect.',
    );
  }
  if (forSeconds > offered) {
    throw new HttpFailure('grant_not_offered', `The rules offer at most ${duration(offered)}.`);
  }
  const now = Date.now();
  const open = await asked(() => activeGrant(c.env, principal.id, id, now));
  if (open !== null && grantCovers(open, demands, now + forSeconds * 1000)) {
    const grant = { id: open.id, state: 'active', target: id, endsAt: iso(open.endsAtMs) };
    return { status: 200, grant } as const;
  }
  const origin = gatewayOrigin(c.env, c.req.url);
  const request = grantRequest({
    principal,
    target: { id: target.id, kind: target.kind, labels: target.labels },
    content: { kind: 'connect', protocol: target.kind, seconds: forSeconds },
    facts: null,
    demands,
    revision: active.revision,
    policyHash: active.hash,
    estimatedRows: null,
    claimed: reason,
    origin,
    session: '',
    action: 0,
  });
  const standing = await asked(async (): Promise<ApprovalStanding | TooManyPending> =>
    c.env.APPROVAL.getByName(approvalName(request.digest)).request(request, now),
  );
  if (standing.state === 'too_many') throw new HttpFailure('approval_too_many');
  const view = await visibleApproval(c, standing.id, principal);
  return { status: 202, grant: await grantJson(c, view, origin) } as const;
}

grantRoutes.get('/v1/grants/:id', async (c) => {
  const { wait } = parseQuery(showQuery, c.req.query());
  return c.json({ grant: await accessStanding(c, c.req.param('id'), wait) });
});

/** After `wait` seconds at the latest. @throws HttpFailure not_found, approval_unavailable */
export async function accessStanding(c: Context<DoorEnv>, id: string, wait: number) {
  let view = await visibleGrant(c, id);
  if (wait > 0 && (view.state === 'pending' || view.state === 'approved')) {
    await asked(async () => approvalStub(c.env, id)?.settled(id, wait * 1000));
    view = await visibleGrant(c, id);
  }
  return grantJson(c, view, gatewayOrigin(c.env, c.req.url));
}

/** Giving back is the requester's; people who were asked, and whoever may end the requester's sessions, take away. */
grantRoutes.delete('/v1/grants/:id', async (c) => {
  const principal = c.get('principal');
  const view = await visibleGrant(c, c.req.param('id'));
  const { request } = view;
  const own = request.principal.id === principal.id;
  const window = await windowOf(c, view);
  if (window === null) {
    if (!own) throw new HttpFailure('forbidden', 'Deny the request instead.');
    const cancelled = await asked(async () =>
      approvalStub(c.env, view.id)?.cancel(view.id, principal.id),
    );
    if (cancelled !== true) throw new HttpFailure('grant_ended');
  } else {
    if (!own && principal.kind !== 'human') throw new HttpFailure('forbidden');
    const ended = await asked(() =>
      grantStub(c.env, request.principal.id, request.target.id).end(
        window.id,
        own ? 'returned' : 'revoked',
        principal.id,
      ),
    );
    if (ended !== true) throw new HttpFailure('grant_ended');
  }
  const after = await visibleGrant(c, view.id);
  return c.json({ grant: await grantJson(c, after, gatewayOrigin(c.env, c.req.url)) });
});

/** What must be approved before this principal may connect. @throws HttpFailure when nothing, or when it is denied */
function demandsOf(
  c: Context<DoorEnv>,
  policy: Parameters<typeof ruleSet>[0],
  principal: Principal,
  target: PolicyTarget,
): readonly ApprovalDemand[] {
  const request = {
    client: (c.req.header('user-agent') ?? '').slice(0, 200),
    country: c.req.header('cf-ipcountry') ?? '',
  };
  const decision = judge(
    ruleSet(policy, principal, target, request),
    { kind: 'connect', connect: { protocol: target.kind, ...request } },
    Date.now(),
  );
  switch (decision.kind) {
    case 'approve':
      return decision.demands;
    case 'allow':
      throw new HttpFailure('grant_not_needed');
    case 'deny':
    default:
      throw new HttpFailure(decision.code, decision.message);
  }
}

function grantRequest(draft: Omit<ApprovalRequest, 'digest'>): ApprovalRequest {
  // No SQL in it: nothing is parsed.
  const bound = envelope(
    draft,
    () => ({ ok: false, failure: { kind: 'unclassifiable' } }),
    nativeCrypto,
  );
  if (!bound.ok) throw new HttpFailure('approval_unavailable', bound.error.detail);
  return { ...draft, digest: bound.value.digest };
}

/** @throws HttpFailure not_found, also for approvals that are about something else */
async function visibleGrant(c: Context<DoorEnv>, id: string): Promise<ApprovalView> {
  const principal = c.get('principal');
  const view = await seen(c, id, principal);
  const { content } = view.request;
  if (content.kind !== 'connect' || content.seconds === null) throw new HttpFailure('not_found');
  return view;
}

/** Operators who may end sessions see every window, to be able to end it. */
async function seen(c: Context<DoorEnv>, id: string, principal: Principal): Promise<ApprovalView> {
  const access = await policyAccess(c);
  return visibleApproval(c, id, principal, (view) =>
    access.mayKill({ principalId: view.request.principal.id }),
  );
}

async function windowOf(c: Context<DoorEnv>, view: ApprovalView): Promise<GrantView | null> {
  if (view.state !== 'consumed') return null;
  const { principal, target } = view.request;
  return asked(() => grantStub(c.env, principal.id, target.id).view(view.id, Date.now()));
}

async function grantJson(c: Context<DoorEnv>, view: ApprovalView, page: string) {
  const window = await windowOf(c, view);
  const { request, reason, decidedBy } = view;
  const seconds = request.content.kind === 'connect' ? request.content.seconds : null;
  return {
    id: view.id,
    url: `${page}/approvals/${view.id}`,
    state: stateOf(view, window),
    target: request.target.id,
    principal: request.principal.id,
    forSeconds: seconds,
    askedOf: [...new Set(request.demands.flatMap(({ by }) => by))].sort(),
    expiresAt: iso(view.expiresAtMs),
    startsAt: window === null ? null : iso(window.startsAtMs),
    endsAt: window === null ? null : iso(window.endsAtMs),
    endedAt: window?.end === undefined || window.end === null ? null : iso(window.end.atMs),
    decidedBy,
    reason,
  };
}

/** `pending` until the window is open: between the last vote and its opening lies a moment. */
function stateOf({ state }: ApprovalView, window: GrantView | null): string {
  if (window !== null) return window.end === null ? 'active' : window.end.kind;
  return state === 'approved' || state === 'consumed' ? 'pending' : state;
}
