// Signing keys of the development issuers, made once per state folder so that yesterday's login still verifies today.
import { existsSync, readFileSync } from 'node:fs';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import { writeWhole } from '../state.ts';
import type { State } from '../state.ts';

/** ES256 for access tokens, RS256 for ID tokens (OpenID Connect requires issuers to support it). */
const ALGORITHMS = ['ES256', 'RS256'] as const;

export async function issuerKeys(state: State, issuer: string): Promise<readonly JWK[]> {
  const file = state.path(`issuer-${issuer}.json`);
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { keys: JWK[] }).keys;
  const keys = await Promise.all(
    ALGORITHMS.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      const key = await exportJWK(privateKey);
      // A thumbprint: another state folder's key never passes for this one in somebody's key cache.
      return { ...key, alg, use: 'sig', kid: await calculateJwkThumbprint(key) };
    }),
  );
  writeWhole(file, `${JSON.stringify({ keys })}\n`);
  return keys;
}
