// A believable approval, for tests that tell somebody about it. Every part can be replaced.
import type { ApprovalEvent, ApprovalSnapshot } from '../../core/approval/event.ts';
import type { ApprovalRequest, ConnectContent, SqlContent } from '../../core/approval/request.ts';
import type { ApprovalDemand } from '../../core/decision.ts';
import type { SqlFacts } from '../../core/facts.ts';

export const AT_MS = Date.parse('2026-11-24T14:00:00Z');

export const SQL: SqlContent = {
  kind: 'sql',
  text: "DELETE FROM orders WHERE status = 'stale'",
  binds: null,
  bindTypes: null,
  bindFormats: null,
  searchPath: ['public', 'pg_catalog'],
  role: 'app',
  database: 'shop',
  transaction: 'idle',
  settings: { TimeZone: 'UTC' },
  stands: [],
};

export const CONNECT: ConnectContent = { kind: 'connect', protocol: 'postgres', seconds: 3600 };

export const FACTS: SqlFacts = {
  statements: [],
  effect: 'write',
  verbs: ['DELETE'],
  reads: ['public.orders'],
  writes: ['public.orders'],
  tables: ['public.orders'],
  columns: [],
  functions: [],
  settings: [],
  whereless: false,
  opaque: [],
};

export const DEMAND: ApprovalDemand = {
  rule: 'writes-need-a-human',
  message: 'Say which ticket this is for.',
  by: ['dba'],
  quorum: 1,
  expiresSeconds: 900,
  waitSeconds: 300,
  maxRows: 100,
  grantSeconds: null,
  keep: false,
  slackButtons: true,
};

export function approvalRequest(change: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    digest: 'd1'.repeat(32),
    principal: {
      id: 'ci:repo:acme/shop',
      issuer: 'ci',
      subject: 'repo:acme/shop',
      kind: 'workload',
      groups: ['agents'],
      claims: { sub: 'repo:acme/shop', jti: 'claim-canary' },
      expiresAtMs: AT_MS + 3_600_000,
    },
    target: { id: 'shop-db', kind: 'postgres', labels: { env: 'prod' } },
    content: SQL,
    facts: FACTS,
    demands: [DEMAND],
    revision: 7,
    policyHash: 'ab'.repeat(32),
    estimatedRows: 12_345,
    claimed: '',
    origin: 'https://gate.example',
    session: 'shop-db.1',
    action: 3,
    ...change,
  };
}

export function approvalEvent(
  change: Partial<Omit<ApprovalEvent, 'approval'>> & {
    readonly approval?: Partial<ApprovalSnapshot>;
    readonly request?: Partial<ApprovalRequest>;
  } = {},
): ApprovalEvent {
  const { approval, request, ...event } = change;
  return {
    kind: 'requested',
    id: 'ev_1',
    version: 1,
    atMs: AT_MS,
    ...event,
    approval: {
      id: 'apr_1',
      url: 'https://gate.example/approvals/apr_1',
      state: 'pending',
      requestedAtMs: AT_MS,
      expiresAtMs: AT_MS + 900_000,
      votes: [],
      decidedBy: [],
      reason: '',
      ...approval,
      request: approvalRequest(request),
    },
  };
}
