// The way to Quota objects: one for each principal, whatever the target, so that a limit over several targets is one count.
import { toHex } from '../core/bytes.ts';
import type { CountedLimit, LimitInForce } from '../core/quota/quota.ts';
import { nativeCrypto } from './crypto.ts';
import type { Env, QuotaRpc } from './env.ts';

const CONTEXT = new TextEncoder().encode('postern quota v1\0');

export function quotaStub(env: Env, principalId: string): DurableObjectStub<QuotaRpc> {
  return env.QUOTA.getByName(digest(principalId));
}

/** Entries as the object keeps them: conditions are long, and not its to know. */
export function countedLimits(limits: readonly LimitInForce[]): readonly CountedLimit[] {
  return limits.map(({ key, sessions, actionsPerMinute, rowsPerHour }) => ({
    key: digest(key),
    sessions,
    actionsPerMinute,
    rowsPerHour,
  }));
}

/** 32 hex digits. */
function digest(text: string): string {
  const bytes = nativeCrypto.sha256(CONTEXT, new TextEncoder().encode(text));
  return toHex(bytes.subarray(0, 16));
}
