// Who may see an approval: whoever asked, and the people who are asked. For everybody else it does not exist.
import type { Context } from 'hono';
import { viewApproval } from '../adapters/approvals.ts';
import { isDevelopment } from '../adapters/env.ts';
import { policies, type ActivePolicy } from '../adapters/policy-store.ts';
import { mayAnswer, voteRefusal } from '../core/approval/quorum.ts';
import { parseApprovalId, type ApprovalView } from '../core/approval/view.ts';
import type { VoteCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure } from './render-failure.ts';

/** @throws HttpFailure policy_unreadable */
export async function activePolicy(c: Context<DoorEnv>): Promise<ActivePolicy> {
  const active = await policies.current(c.env.DB, isDevelopment(c.env), Date.now());
  if (!active.ok) throw new HttpFailure('policy_unreadable');
  return active.value;
}

export function maySee(view: ApprovalView, principal: Principal): boolean {
  const { request } = view;
  if (request.principal.id === principal.id) return true;
  return principal.kind === 'human' && mayAnswer(request.demands, principal.groups);
}

/** @throws HttpFailure not_found, also for what this principal may not see; approval_unavailable */
export async function visibleApproval(
  c: Context<DoorEnv>,
  id: string,
  principal: Principal,
  also: (view: ApprovalView) => boolean = () => false,
): Promise<ApprovalView> {
  // An object is only ever asked for something that could be one of its rounds.
  if (parseApprovalId(id) === null) throw new HttpFailure('not_found');
  const view = await asked(() => viewApproval(c.env, id));
  if (view === null) throw new HttpFailure('not_found');
  if (maySee(view, principal) !== true && also(view) !== true) throw new HttpFailure('not_found');
  return view;
}

/** Why this principal cannot vote now; null when they can. The object decides again when the vote comes in. */
export function voteHindrance(
  view: ApprovalView,
  principal: Principal,
  active: ActivePolicy,
): VoteCode | null {
  const { demands, policyHash, principal: requester } = view.request;
  const refused = voteRefusal(demands, requester, principal);
  if (refused !== null) return refused;
  if (view.state !== 'pending') return 'approval_settled';
  return policyHash === active.hash ? null : 'policy_changed';
}

/** A Durable Object that is being moved or restarted throws; whoever asks can only try again. */
export async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch {
    throw new HttpFailure('approval_unavailable');
  }
}

/** Where a person's request came from, as Cloudflare saw it. */
export function origin(c: Context<DoorEnv>): {
  readonly address: string;
  readonly country: string;
} {
  return {
    address: c.req.header('cf-connecting-ip') ?? '',
    country: c.req.header('cf-ipcountry') ?? '',
  };
}
