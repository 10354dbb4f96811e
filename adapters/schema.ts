// The D1 index, as drizzle sees it: what can be searched. The truth is in the recordings; a row here is a finding aid that
// can be rebuilt from them and is pruned after `retention.index`. migrations/ is generated from this file
// (`npm run migrations`), and a test fails when they disagree. Times are milliseconds since the epoch.
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { GrantEnd } from '../core/approval/grant.ts';
import type { ApprovalRequest, ApprovalState } from '../core/approval/request.ts';
import type { ActionFacts } from '../core/facts.ts';

export const sessions = sqliteTable(
  'sessions',
  {
    id: text().primaryKey(),
    target: text().notNull(),
    protocol: text().notNull(),
    principalId: text('principal_id').notNull(),
    principalKind: text('principal_kind').$type<'workload' | 'human'>().notNull(),
    groups: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    clientName: text('client_name').notNull(),
    clientAddress: text('client_address').notNull(),
    country: text().notNull(),
    /** Policy revision at the start. */
    revision: integer().notNull(),
    startedAt: integer('started_at').notNull(),
    /** Null while the session is open, or looks open. */
    endedAt: integer('ended_at'),
    endCode: text('end_code'),
    /** When the gateway last heard of it. */
    seenAt: integer('seen_at').notNull(),
    actions: integer().notNull(),
    refused: integer().notNull(),
    rows: integer().notNull(),
    bytes: integer().notNull(),
    /** Distinct rules that decided anything in it. */
    rules: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    /** Number and hash of the last event that is indexed: a second witness of the chain. */
    events: integer().notNull(),
    headHash: text('head_hash').notNull(),
    /** Key of the manifest in R2, once the recording is whole and was read back. */
    recordingKey: text('recording_key'),
  },
  (table) => [
    index('sessions_by_time').on(table.startedAt, table.id),
    index('sessions_by_principal').on(table.principalId, table.startedAt),
    index('sessions_by_target').on(table.target, table.startedAt),
    // Open, or ended and not wholly recorded yet.
    index('sessions_unsettled')
      .on(table.seenAt)
      .where(sql`recording_key IS NULL`),
  ],
);

export const actions = sqliteTable(
  'actions',
  {
    sessionId: text('session_id').notNull(),
    action: integer().notNull(),
    at: integer().notNull(),
    via: text().notNull(),
    /** The first 4 KiB; the recording has all of it. Of an HTTP request its method, path and query. */
    statement: text().notNull(),
    truncated: integer({ mode: 'boolean' }).notNull(),
    /** SHA-256, hex, of the whole text. */
    statementDigest: text('statement_digest').notNull(),
    /** Of SQL its effect; of a request its GraphQL operation, or `opaque`, or empty. */
    effect: text().notNull(),
    /** Of a request its method. */
    verbs: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    tables: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    /** Null when they are too long for the index. */
    facts: text({ mode: 'json' }).$type<ActionFacts>(),
    decision: text().$type<'allow' | 'deny' | 'approve'>().notNull(),
    rules: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    code: text(),
    revision: integer().notNull(),
    /** Null until the action has ended. */
    outcome: text(),
    rows: integer(),
    bytes: integer(),
    durationMs: integer('duration_ms'),
    error: text(),
    digest: text(),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.action] }),
    // Only what is searched for and rare: each index is one more row written for every action it covers.
    index('actions_not_allowed')
      .on(table.sessionId)
      .where(sql`decision <> 'allow'`),
    index('actions_not_succeeded')
      .on(table.sessionId)
      .where(sql`outcome <> 'succeeded'`),
  ],
);

export const actionTables = sqliteTable(
  'action_tables',
  {
    sessionId: text('session_id').notNull(),
    action: integer().notNull(),
    /** `schema.name` */
    tableName: text('table_name').notNull(),
  },
  // Led by the table's name: it is searched by that and deleted through actions.tables.
  (table) => [primaryKey({ columns: [table.tableName, table.sessionId, table.action] })],
);

export const policyRevisions = sqliteTable('policy_revisions', {
  revision: integer().primaryKey(),
  /** SHA-256, hex, of the document. */
  hash: text().notNull(),
  document: text().notNull(),
  appliedAt: integer('applied_at').notNull(),
  appliedBy: text('applied_by').notNull(),
  note: text().notNull().default(''),
});

export const approvals = sqliteTable(
  'approvals',
  {
    /** `{first 32 hex digits of the digest}-{round}` */
    id: text().primaryKey(),
    /** SHA-256, hex, of the envelope. */
    digest: text().notNull(),
    /** Counts the changes of this approval: an older row never replaces a newer one. */
    version: integer().notNull(),
    state: text().$type<ApprovalState>().notNull(),
    kind: text().$type<ApprovalRequest['content']['kind']>().notNull(),
    principalId: text('principal_id').notNull(),
    principalKind: text('principal_kind').$type<'workload' | 'human'>().notNull(),
    target: text().notNull(),
    /** One line: what is asked for. */
    summary: text().notNull(),
    /** `schema.name` of what it reads or writes. */
    tables: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    rules: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    /** Groups that any of the rules asks. */
    asked: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    revision: integer().notNull(),
    requestedAt: integer('requested_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    /** Null while it is pending. */
    decidedAt: integer('decided_at'),
    decidedBy: text('decided_by', { mode: 'json' }).$type<readonly string[]>().notNull(),
    reason: text().notNull(),
    /** Session and action that used it. */
    sessionId: text('session_id'),
    action: integer(),
  },
  (table) => [
    index('approvals_by_time').on(table.requestedAt, table.id),
    index('approvals_by_principal').on(table.principalId, table.requestedAt),
    index('approvals_pending')
      .on(table.expiresAt)
      .where(sql`state = 'pending'`),
  ],
);

export const votes = sqliteTable(
  'votes',
  {
    approvalId: text('approval_id').notNull(),
    /** Order within the approval. */
    seq: integer().notNull(),
    at: integer().notNull(),
    principalId: text('principal_id').notNull(),
    groups: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
    vote: text().$type<'approve' | 'deny'>().notNull(),
    reason: text().notNull(),
    /** The digest that was shown. */
    digest: text().notNull(),
    /** How it came: page, api, slack. */
    via: text().notNull(),
    address: text().notNull(),
    country: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.approvalId, table.seq] }),
    index('votes_by_principal').on(table.principalId, table.at),
  ],
);

export const grants = sqliteTable(
  'grants',
  {
    /** Id of the approval that opened it. */
    id: text().primaryKey(),
    version: integer().notNull(),
    principalId: text('principal_id').notNull(),
    target: text().notNull(),
    startsAt: integer('starts_at').notNull(),
    endsAt: integer('ends_at').notNull(),
    /** Null while it is open, or looks open: it ends at `ends_at` whatever stands here. */
    endedAt: integer('ended_at'),
    end: text().$type<GrantEnd>(),
    endedBy: text('ended_by'),
  },
  (table) => [index('grants_by_principal').on(table.principalId, table.startsAt)],
);

export type SessionRow = typeof sessions.$inferSelect;
export type ActionRow = typeof actions.$inferSelect;
export type ApprovalRow = typeof approvals.$inferSelect;
export type VoteRow = typeof votes.$inferSelect;
export type GrantRow = typeof grants.$inferSelect;
