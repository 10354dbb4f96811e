// Where windows of access are looked up. One Grant object for each principal on each target keeps them; an isolate keeps
// what it was told for a few seconds, so that a thousand sessions looking every few seconds cost few calls.
import { encode } from '../core/approval/encoding.ts';
import type { ActiveGrant } from '../core/approval/grant.ts';
import { GRANT_REFRESH_MS } from '../core/limits.ts';
import { nativeCrypto } from './crypto.ts';
import type { Env, GrantRpc } from './env.ts';

interface Known {
  readonly grant: ActiveGrant;
  readonly at: number;
}

const known = new Map<string, Known>();
const MAX_KNOWN = 10_000;

export function grantStub(
  env: Env,
  principalId: string,
  targetId: string,
): DurableObjectStub<GrantRpc> {
  return env.GRANT.getByName(grantName(principalId, targetId));
}

/**
 * The open window of this principal on this target; null when there is none. One that was given back or taken away can
 * still be answered for GRANT_REFRESH_MS. Rejects when the object cannot be asked: a connection must then be refused, a
 * live session may ask again at its next tick.
 */
export async function activeGrant(
  env: Env,
  principalId: string,
  targetId: string,
  nowMs: number,
): Promise<ActiveGrant | null> {
  const name = grantName(principalId, targetId);
  const held = known.get(name);
  if (held !== undefined && nowMs >= held.at && nowMs - held.at < GRANT_REFRESH_MS) {
    return held.grant.endsAtMs > nowMs ? held.grant : null;
  }
  const grant = await env.GRANT.getByName(name).active(nowMs);
  known.delete(name);
  // "None" is not kept: a window that has just been approved opens at once.
  if (grant !== null) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(name, { grant, at: nowMs });
  }
  return grant;
}

/** 64 hex digits: names of principals are long and not for logs. */
function grantName(principalId: string, targetId: string): string {
  return Buffer.from(nativeCrypto.sha256(encode([principalId, targetId]))).toString('hex');
}
