// The way to Approval objects for everybody but the sessions that wait: by id, which leads to the object without a
// directory.
import type { ApprovalView, Ballot, BallotResult } from '../core/approval/view.ts';
import { parseApprovalId } from '../core/approval/view.ts';
import type { ApprovalRpc, Env } from './env.ts';

/** Null for what is no id of an approval. */
export function approvalStub(env: Env, id: string): DurableObjectStub<ApprovalRpc> | null {
  const parsed = parseApprovalId(id);
  return parsed === null ? null : env.APPROVAL.getByName(parsed.name);
}

/** Null when there is no such approval. Says nothing about who may see it. Rejects when the object cannot be asked. */
export async function viewApproval(env: Env, id: string): Promise<ApprovalView | null> {
  // Written by our own object: its shape is known.
  const json = (await approvalStub(env, id)?.view(id)) ?? null;
  return json === null ? null : (JSON.parse(json) as ApprovalView);
}

export async function castBallot(env: Env, ballot: Ballot): Promise<BallotResult> {
  const stub = approvalStub(env, ballot.id);
  return stub === null ? { ok: false, code: 'not_found' } : stub.vote(ballot);
}
