// One request for approval with everything in it, and people to decide it. Plain data, for Node and workerd.
import type { ApprovalRequest, SqlContent } from '../../../core/approval/request.ts';
import type { ApprovalDemand } from '../../../core/decision.ts';
import type { SqlFacts } from '../../../core/facts.ts';
import type { Principal } from '../../../core/identity.ts';

export const agent: Principal = {
  id: 'github:repo:acme/shop:ref:refs/heads/main',
  issuer: 'github',
  subject: 'repo:acme/shop:ref:refs/heads/main',
  kind: 'workload',
  groups: ['agents'],
  claims: { sub: 'repo:acme/shop:ref:refs/heads/main', repository: 'acme/shop' },
  expiresAtMs: 1_800_000_000_000,
};

export function human(
  name: string,
  groups: readonly string[],
  more: Partial<Principal> = {},
): Principal {
  return {
    id: `okta:${name}`,
    issuer: 'okta',
    subject: name,
    kind: 'human',
    groups,
    claims: { sub: name, email: `${name}@acme.dev` },
    expiresAtMs: 1_800_000_000_000,
    ...more,
  };
}

export const demand: ApprovalDemand = {
  rule: 'writes-need-a-human',
  message: 'Check the ticket first.',
  by: ['dba'],
  quorum: 1,
  expiresSeconds: 900,
  waitSeconds: 300,
  maxRows: 100,
  grantSeconds: null,
  keep: false,
  slackButtons: false,
};

export const facts: SqlFacts = {
  statements: [],
  verbs: ['DELETE'],
  effect: 'write',
  reads: ['public.orders'],
  writes: ['public.orders'],
  tables: ['public.orders'],
  columns: ['public.orders.status'],
  functions: [],
  settings: [],
  whereless: false,
  opaque: [],
};

export const content: SqlContent = {
  kind: 'sql',
  text: 'DELETE FROM orders WHERE status = $1',
  binds: ['cancelled'],
  bindTypes: [25],
  bindFormats: [0],
  searchPath: ['pg_catalog', 'public'],
  role: 'app',
  database: 'shop',
  transaction: 'idle',
  settings: { DateStyle: 'ISO, MDY', IntervalStyle: 'postgres', TimeZone: 'UTC' },
  stands: [],
};

export const request: ApprovalRequest = {
  digest: '',
  principal: agent,
  target: { id: 'shop-db', kind: 'postgres', labels: { env: 'prod' } },
  content,
  facts,
  demands: [demand],
  revision: 7,
  policyHash: 'a'.repeat(64),
  estimatedRows: 12,
  claimed: 'nightly cleanup',
  origin: 'https://gate.acme.dev',
  session: 'shop-db-1',
  action: 3,
};
