// Whether Slack sent a request: HMAC-SHA-256 over `v0:timestamp:body` with the app's signing secret, compared in constant
// time, at most five minutes from now in either direction (docs.slack.dev/authentication/verifying-requests-from-slack).
// That a request counts once is the Approval object's to see to: Ballot.once.
import { nativeCrypto } from './crypto.ts';

const WINDOW_SECONDS = 5 * 60;

/** The signature, to recognise the request by if it comes again; null when Slack did not send this now. */
export function verifiedSignature(
  signingSecret: string,
  headers: Headers,
  body: string,
  nowMs: number,
): string | null {
  const timestamp = headers.get('x-slack-request-timestamp') ?? '';
  const signature = headers.get('x-slack-signature') ?? '';
  const given = /^v0=([0-9a-f]{64})$/.exec(signature)?.[1];
  if (given === undefined || !/^[1-9]\d{0,11}$/.test(timestamp)) return null;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > WINDOW_SECONDS) return null;
  const expected = nativeCrypto.hmacSha256(
    Buffer.from(signingSecret),
    Buffer.from(`v0:${timestamp}:${body}`),
  );
  return nativeCrypto.equal(expected, Buffer.from(given, 'hex')) ? signature : null;
}
