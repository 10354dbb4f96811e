// The way to Call objects: their names, and their answers read back. An id leads to its object without a directory; whether
// the caller may see it is the object's to say.
import type { CallAnswer, CallCaller, CallOrder, CallView } from '../core/call/order.ts';
import type { Principal } from '../core/identity.ts';
import { toHex } from '../core/bytes.ts';
import { nativeCrypto } from './crypto.ts';
import type { Env } from './env.ts';

const CONTEXT = new TextEncoder().encode('postern call v1\0');

/** 32 hex digits: of caller, target and key where there is one, else of chance. */
export function callId(principal: Principal, target: string, key: string | null): string {
  if (key === null) return toHex(nativeCrypto.randomBytes(16));
  const named = new TextEncoder().encode(JSON.stringify([principal.id, target, key]));
  return toHex(nativeCrypto.sha256(CONTEXT, named).subarray(0, 16));
}

export function isCallId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Of the order's body: the schema has put its keys in order and its defaults in place. */
export function fingerprint(target: string, body: CallOrder['body']): string {
  return toHex(nativeCrypto.sha256(new TextEncoder().encode(JSON.stringify([target, body]))));
}

/** Begins the call, or joins the one that is there; answers once it is over or waits for people, at the latest after `waitMs`. */
export async function submitCall(env: Env, order: CallOrder, waitMs: number): Promise<CallAnswer> {
  const json = await env.CALL.getByName(order.id).submit(JSON.stringify(order), waitMs);
  return JSON.parse(json) as CallAnswer;
}

/** Null when there is no such call of this caller. */
export async function readCall(
  env: Env,
  id: string,
  caller: CallCaller,
  waitMs: number,
): Promise<CallView | null> {
  const json = await env.CALL.getByName(id).read(JSON.stringify(caller), waitMs);
  return json === null ? null : (JSON.parse(json) as CallView);
}

/** Null when there is no such call of this caller. What has ended stays as it ended. */
export async function cancelCall(
  env: Env,
  id: string,
  principalId: string,
): Promise<CallView | null> {
  const json = await env.CALL.getByName(id).cancel(principalId);
  return json === null ? null : (JSON.parse(json) as CallView);
}
