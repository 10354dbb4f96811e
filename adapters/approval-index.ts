// Approvals, votes and windows of access as D1 finds them. Written by their objects, which keep the truth: rows may be
// written again and in any order, and only a newer version replaces an older one. Fails as IndexUnavailable and nothing
// else, as audit-index.ts does.
import { and, desc, eq, sql, type SQL } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { drizzle } from 'drizzle-orm/d1';
import type { ApprovalState } from '../core/approval/request.ts';
import { IndexUnavailable } from './audit-index.ts';
import { withinMs } from './deadline.ts';
import * as schema from './schema.ts';
import {
  approvals,
  grants,
  votes,
  type ApprovalRow,
  type GrantRow,
  type VoteRow,
} from './schema.ts';

/** Whose approvals: those that `principalId` asked for, and those that one of `groups` is asked about. */
export interface ApprovalAudience {
  readonly principalId: string;
  /** Empty for whoever may never decide. */
  readonly groups: readonly string[];
}

export interface ApprovalFilter {
  /** `pending` leaves out what has expired since it was written. */
  readonly state?: ApprovalState;
  readonly target?: string;
  /** Only what the audience itself asked for, or only what others did. */
  readonly own?: boolean;
}

export interface ApprovalCursor {
  readonly requestedAt: number;
  readonly id: string;
}

export interface ApprovalIndex {
  /** Idempotent. @throws IndexUnavailable (so do all) */
  write(row: ApprovalRow, votes: readonly VoteRow[]): Promise<void>;
  writeGrant(row: GrantRow): Promise<void>;
  /** Newest first. */
  search(
    audience: ApprovalAudience,
    filter: ApprovalFilter,
    after: ApprovalCursor | null,
    limit: number,
    nowMs: number,
  ): Promise<ApprovalRow[]>;
  /** Deletes what was asked for before `requestedBefore` and is over, at most `limit`; answers how many. */
  prune(requestedBefore: number, limit: number): Promise<number>;
}

/** D1 takes 100 bound values a query. */
const VOTE_ROWS = 9;
const ANSWER_MS = 5_000;
const MAX_PRUNED = 100;

export function createApprovalIndex(d1: D1Database): ApprovalIndex {
  const db = drizzle(d1, { schema });
  return {
    async write(row, cast) {
      const { id: _id, ...changing } = row;
      const queries: BatchItem<'sqlite'>[] = [];
      for (let i = 0; i < cast.length; i += VOTE_ROWS) {
        const rows = cast.slice(i, i + VOTE_ROWS);
        queries.push(db.insert(votes).values(rows).onConflictDoNothing());
      }
      await available(() =>
        db.batch([
          db
            .insert(approvals)
            .values(row)
            .onConflictDoUpdate({
              target: approvals.id,
              set: changing,
              setWhere: sql`excluded.version > ${approvals.version}`,
            }),
          ...queries,
        ]),
      );
    },
    async writeGrant(row) {
      const { id: _id, ...changing } = row;
      await available(() =>
        db
          .insert(grants)
          .values(row)
          .onConflictDoUpdate({
            target: grants.id,
            set: changing,
            setWhere: sql`excluded.version > ${grants.version}`,
          }),
      );
    },
    async search(audience, filter, after, limit, nowMs) {
      return available(() =>
        db
          .select()
          .from(approvals)
          .where(and(visible(audience, filter.own), ...conditions(filter, nowMs), older(after)))
          .orderBy(desc(approvals.requestedAt), desc(approvals.id))
          .limit(limit),
      );
    },
    async prune(requestedBefore, limit) {
      const old = sql`SELECT id FROM approvals WHERE requested_at < ${requestedBefore} AND expires_at < ${requestedBefore}
        ORDER BY requested_at LIMIT ${Math.min(limit, MAX_PRUNED)}`;
      const [, , gone] = await available(() =>
        db.batch([
          db.delete(votes).where(sql`approval_id IN (${old})`),
          db.delete(grants).where(sql`id IN (${old})`),
          db.delete(approvals).where(sql`id IN (${old})`),
        ]),
      );
      return gone.meta.changes;
    },
  };
}

function visible(
  { principalId, groups }: ApprovalAudience,
  own: boolean | undefined,
): SQL | undefined {
  const asker = eq(approvals.principalId, principalId);
  const asked = sql`EXISTS (SELECT 1 FROM json_each(${approvals.asked}) a
    WHERE a.value IN (SELECT value FROM json_each(${JSON.stringify(groups)})))`;
  if (own === true) return asker;
  if (own === false) return sql`(${asked} AND ${approvals.principalId} <> ${principalId})`;
  return sql`(${asker} OR ${asked})`;
}

function conditions({ state, target }: ApprovalFilter, nowMs: number): (SQL | undefined)[] {
  return [
    target === undefined ? undefined : eq(approvals.target, target),
    state === undefined
      ? undefined
      : state === 'pending'
        ? // A constant, so that the partial index serves it.
          sql`state = 'pending' AND expires_at > ${nowMs}`
        : eq(approvals.state, state),
  ];
}

function older(cursor: ApprovalCursor | null): SQL | undefined {
  if (cursor === null) return undefined;
  return sql`(${approvals.requestedAt}, ${approvals.id}) < (${cursor.requestedAt}, ${cursor.id})`;
}

async function available<T>(call: () => PromiseLike<T>): Promise<T> {
  try {
    return await withinMs(ANSWER_MS, call);
  } catch {
    throw new IndexUnavailable('D1 did not answer a query');
  }
}
