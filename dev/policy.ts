// Puts a policy file in force in the local D1: as a new revision when it differs from the active one, never when it is
// invalid. `postern apply --local` writes to the same table; whoever wrote last is active.
import { userInfo } from 'node:os';
import type { D1Database } from '@cloudflare/workers-types';
import { CliError } from '../cli/failure.ts';
import { readPolicyFile } from '../cli/policy-file.ts';
import type { PolicyFile } from '../cli/policy-file.ts';
import type { Policy } from '../core/policy/policy.ts';

export type Applied =
  | { readonly kind: 'applied' | 'unchanged'; readonly revision: number; readonly policy: Policy }
  /** One line per problem, each with file:line:column. The active revision stays. */
  | { readonly kind: 'invalid'; readonly problems: string };

export async function applyPolicy(database: D1Database, file: string): Promise<Applied> {
  let read: PolicyFile;
  try {
    read = readPolicyFile(file, { development: true });
  } catch (error) {
    if (error instanceof CliError) return { kind: 'invalid', problems: error.message };
    throw error;
  }
  const { document, hash, policy } = read;
  const active = await database
    .prepare('SELECT revision, hash FROM policy_revisions ORDER BY revision DESC LIMIT 1')
    .first<{ revision: number; hash: string }>();
  if (active?.hash === hash) return { kind: 'unchanged', revision: active.revision, policy };
  // The key refuses a second writer who computed the same number at the same time.
  const revision = (active?.revision ?? 0) + 1;
  await database
    .prepare(
      'INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by, note) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .bind(revision, hash, document, Date.now(), userInfo().username, 'npm run dev')
    .run();
  return { kind: 'applied', revision, policy };
}

/** Which audiences the policy expects from each issuer, by the issuer's URL. */
export function expectedAudiences(policy: Policy): ReadonlyMap<string, readonly string[]> {
  const expected = new Map<string, readonly string[]>();
  for (const { issuer, audiences } of policy.issuers) {
    expected.set(issuer, [...(expected.get(issuer) ?? []), ...audiences]);
  }
  return expected;
}

/** Replaces `${NAME}`; a template never names a value the stack does not have. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{([A-Z_]+)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the policy template asks for an unknown ${name}`);
    return value;
  });
}
