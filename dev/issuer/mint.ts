// Makes a token for any subject and groups, for `postern dev token` and tests. Asks for the key that lies in the state
// folder (mode 0600): the stack may guard somebody's real targets, and other users of this machine are not invited.
import { timingSafeEqual } from 'node:crypto';
import { SignJWT, importJWK } from 'jose';
import type { JWK } from 'jose';
import { z } from 'zod';

/** Body of POST <issuer>/dev/mint. */
const mintRequest = z.strictObject({
  subject: z.string().min(1).max(200),
  groups: z.array(z.string().min(1).max(200)).max(200),
  ttlSeconds: z.int().min(1).max(86_400),
  /** Another audience than the gateway's, for tests that must be refused. */
  audience: z.string().min(1).max(500).optional(),
});

export type MintRequest = z.infer<typeof mintRequest>;

export interface Mint {
  readonly issuer: string;
  readonly keys: readonly JWK[];
  audiences(): readonly string[];
}

/** @throws ZodError when the body is not a MintRequest. */
export async function mintToken(mint: Mint, body: unknown): Promise<string> {
  const { subject, groups, ttlSeconds, audience } = mintRequest.parse(body);
  const key = mint.keys.find(({ alg }) => alg === 'ES256');
  if (key === undefined) throw new Error('the issuer has no ES256 key');
  return new SignJWT({ groups, client_id: 'dev-mint' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(key.kid) })
    .setIssuer(mint.issuer)
    .setSubject(subject)
    .setAudience(audience ?? mint.audiences()[0] ?? mint.issuer)
    .setIssuedAt()
    .setExpirationTime(`${ttlSeconds}s`)
    .setJti(crypto.randomUUID())
    .sign(await importJWK(key, 'ES256'));
}

export function mayMint(authorization: string | undefined, key: string): boolean {
  const given = Buffer.from(authorization ?? '');
  const wanted = Buffer.from(`Bearer ${key}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
