// What must be true of a request before people are asked: it is what its digest says, somebody can be asked, and it can be
// kept and shown whole. Recomputed by the Approval object, whatever the session believes.
import { nativeCrypto } from '../adapters/crypto.ts';
import { loadSqlParser } from '../adapters/sql-parser.ts';
import { envelope } from '../core/approval/envelope.ts';
import type { ApprovalRequest } from '../core/approval/request.ts';
import { approvalName } from '../core/approval/view.ts';
import { MAX_APPROVAL_BYTES } from '../core/limits.ts';
import { ApprovalStore } from './approval-store.ts';

const DIGEST = /^[0-9a-f]{64}$/;

/** @throws Error with why not. `objectName` is the name of the object that is asked. */
export async function checkRequest(
  request: ApprovalRequest,
  objectName: string | undefined,
): Promise<void> {
  if (!DIGEST.test(request.digest)) throw new Error('not a digest');
  if (objectName !== approvalName(request.digest)) {
    throw new Error('not the object of this digest');
  }
  const { demands } = request;
  const askable = demands.every(
    ({ by, quorum, expiresSeconds }) => by.length > 0 && quorum >= 1 && expiresSeconds > 0,
  );
  if (demands.length === 0 || !askable) throw new Error('there is nobody to ask');
  if (ApprovalStore.encode(request).length > MAX_APPROVAL_BYTES) throw new Error('too large');
  const bound = envelope(request, await loadSqlParser(), nativeCrypto);
  if (!bound.ok || bound.value.digest !== request.digest) {
    throw new Error('the request is not what its digest says');
  }
}
