// Requests for approval with a true digest, objects to send them to, and what a session would have been told.
import { applyD1Migrations, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { viewApproval } from '../../adapters/approvals.ts';
import type { ApprovalRpc, Env } from '../../adapters/env.ts';
import { grantStub } from '../../adapters/grants.ts';
import { loadSqlParser } from '../../adapters/sql-parser.ts';
import { envelope } from '../../core/approval/envelope.ts';
import type { ApprovalRequest, SqlContent } from '../../core/approval/request.ts';
import { approvalName, type ApprovalView, type Ballot } from '../../core/approval/view.ts';
import type { Principal } from '../../core/identity.ts';
import { content, human, request } from '../core/approval/fixtures.ts';

export { human };

export const gateway = env as unknown as Env;

export const ann = human('ann', ['dba']);
export const bo = human('bo', ['dba']);
export const cy = human('cy', ['dba', 'sre']);

let statements = 0;

/** A DELETE that nobody has asked for before. */
export function someSql(change: Partial<SqlContent> = {}): SqlContent {
  statements += 1;
  return {
    ...content,
    text: `DELETE FROM orders WHERE status = $1 AND id > ${statements}`,
    ...change,
  };
}

/** With the digest of what it asks. Every call asks for something new, unless it says what. */
export async function asking(change: Partial<ApprovalRequest> = {}): Promise<ApprovalRequest> {
  const draft = { ...request, policyHash: POLICY_HASH, content: someSql(), ...change };
  const bound = envelope(draft, await loadSqlParser(), nativeCrypto);
  if (!bound.ok) throw new Error(bound.error.detail);
  await freePlaces(draft);
  return { ...draft, digest: bound.value.digest };
}

/** A file of tests asks for more in the name of one agent than may wait at a time. */
export async function freePlaces({
  principal,
  target,
}: Pick<ApprovalRequest, 'principal' | 'target'>): Promise<void> {
  await runInDurableObject(grantStub(gateway, principal.id, target.id), (_object, { storage }) => {
    storage.sql.exec('DROP TABLE IF EXISTS places');
  });
}

export function objectOf(digest: string): DurableObjectStub<ApprovalRpc> {
  return gateway.APPROVAL.getByName(approvalName(digest));
}

export async function viewOf(asked: ApprovalRequest, round = 1): Promise<ApprovalView | null> {
  return viewApproval(gateway, `${approvalName(asked.digest)}-${round}`);
}

export function ballot(
  asked: ApprovalRequest,
  voter: Principal,
  change: Partial<Ballot> = {},
): Ballot {
  return {
    id: `${approvalName(asked.digest)}-1`,
    digest: asked.digest,
    policyHash: asked.policyHash,
    vote: 'approve',
    reason: '',
    voter,
    via: 'page',
    address: '192.0.2.1',
    country: 'NL',
    ...change,
  };
}

/** A policy in force whose people log in at https://people.example, and what its rules ask of agents. */
export const POLICY = `version: 1
issuers:
  - { id: github, issuer: "https://ci.example", audience: https://gate.example, kind: workload, groupsFrom: claims.groups }
  - id: okta
    issuer: https://people.example
    audience: https://gate.example
    kind: human
    groupsFrom: claims.groups
    login: { clientId: web-client, scopes: [openid, offline_access] }
targets:
  - id: shop-db
    kind: postgres
    address: db.example:5432
    database: shop
    credential: { user: app, password: SHOP_DB_PASSWORD }
    labels: { env: prod }
  - id: bastion
    kind: postgres
    address: db.example:5432
    database: shop
    credential: { user: app, password: SHOP_DB_PASSWORD }
rules:
  - id: agents-read
    who: '"agents" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
  - id: bastion-access
    who: '"agents" in principal.groups'
    on: [bastion]
    when: action.kind == "connect"
    then: approve
    message: Say what you are going to do.
    approval: { by: [sre], grants: 1h }
  - id: bastion-read
    on: [bastion]
    when: sql.effect == "read"
    then: allow
audit:
  kill: '"sre" in principal.groups'
`;

export const POLICY_HASH = createHash('sha256').update(POLICY).digest('hex');

/** D1 with its tables and POLICY as revision 1. */
export async function migrated(): Promise<void> {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  await env.DB.prepare(
    'INSERT OR IGNORE INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (1, ?1, ?2, 0, ?3)',
  )
    .bind(POLICY_HASH, POLICY, 'test')
    .run();
}

/** Tries until it no longer throws, for what happens in the background. */
export async function eventually<T>(look: () => T | Promise<T>, ms = 3_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
