// The searchable index in D1. Writes are upserts that may be repeated; reads page by cursor. Every failure leaves here as
// IndexUnavailable: drizzle's own errors carry the query's parameters, which are statements and names.
import { and, asc, desc, eq, gt, inArray, isNull, lt, sql, type SQL } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { BatchItem } from 'drizzle-orm/batch';
import { withinMs } from './deadline.ts';
import { HTTP_VIA, type IndexBatch } from './index-rows.ts';
import * as schema from './schema.ts';
import { actions, actionTables, sessions, type ActionRow, type SessionRow } from './schema.ts';

/** D1 refused or did not answer. Carries no cause: that one would quote the parameters. */
export class IndexUnavailable extends Error {
  override readonly name = 'IndexUnavailable';
}

export interface SessionFilter {
  readonly principal?: string;
  readonly target?: string;
  readonly decision?: 'allow' | 'deny' | 'approve';
  readonly outcome?: string;
  readonly rule?: string;
  /** `schema.name` */
  readonly table?: string;
  /** Upper case: of a statement, as Postgres tags it, or the method of a request. */
  readonly verb?: string;
  /** Of a request: this one, or one below it. */
  readonly path?: string;
  /** Sessions that were open at or after it, ms. */
  readonly since?: number;
  /** Sessions that began before it, ms. */
  readonly until?: number;
  /** Only sessions without a closing record. */
  readonly open?: boolean;
}

/** Where a page of sessions ended: newest first, so the next page is older. */
export interface Cursor {
  readonly startedAt: number;
  readonly id: string;
}

export interface AuditIndex {
  /** Idempotent. @throws IndexUnavailable (so do all) */
  write(batch: IndexBatch): Promise<void>;
  /** The recording is whole and was read back: names its manifest. */
  announce(session: string, recordingKey: string): Promise<void>;
  search(filter: SessionFilter, after: Cursor | null, limit: number): Promise<SessionRow[]>;
  session(id: string): Promise<SessionRow | null>;
  /** Actions numbered above `after`. */
  actions(session: string, after: number, limit: number): Promise<ActionRow[]>;
  /**
   * Sessions without a whole recording (open, or ended and still being written) that were last heard of before
   * `seenBefore`, longest unheard first.
   */
  silent(seenBefore: number, limit: number): Promise<string[]>;
  /** Notes that a session was heard of at `now`. */
  touch(id: string, now: number): Promise<void>;
  /** Deletes sessions that ended before `endedBefore`, at most `limit`; answers how many. Recordings stay. */
  prune(endedBefore: number, limit: number): Promise<number>;
}

/** D1 takes 100 bound values a query. */
const MAX_BOUND = 100;
const ACTION_ROWS = Math.floor(MAX_BOUND / Object.keys(actions).length) || 1;
const TABLE_ROWS = Math.floor(MAX_BOUND / 3);
/** D1 itself gives up on a batch after 30 s. */
const ANSWER_MS = 31_000;
/** Queries in one batch; a batch has 30 s for all of it. */
const BATCH_QUERIES = 200;

export function createAuditIndex(d1: D1Database): AuditIndex {
  const db = drizzle(d1, { schema });

  const run = async (queries: readonly BatchItem<'sqlite'>[]): Promise<void> => {
    for (let i = 0; i < queries.length; i += BATCH_QUERIES) {
      const [first, ...rest] = queries.slice(i, i + BATCH_QUERIES);
      if (first !== undefined) await available(() => db.batch([first, ...rest]));
    }
  };

  return {
    async write(batch) {
      const { session } = batch;
      const queries: BatchItem<'sqlite'>[] = [];
      for (const rows of chunked(batch.actions, ACTION_ROWS)) {
        queries.push(
          db
            .insert(actions)
            .values([...rows])
            .onConflictDoUpdate({
              target: [actions.sessionId, actions.action],
              // An intent alone must not take away an outcome that a later batch has brought already.
              set: {
                outcome: sql`COALESCE(excluded.outcome, ${actions.outcome})`,
                rows: sql`COALESCE(excluded.rows, ${actions.rows})`,
                bytes: sql`COALESCE(excluded.bytes, ${actions.bytes})`,
                durationMs: sql`COALESCE(excluded.duration_ms, ${actions.durationMs})`,
                error: sql`COALESCE(excluded.error, ${actions.error})`,
                digest: sql`COALESCE(excluded.digest, ${actions.digest})`,
              },
            }),
        );
      }
      for (const rows of chunked(batch.tables, TABLE_ROWS)) {
        const values = rows.map((row) => ({ sessionId: session.id, ...row }));
        queries.push(db.insert(actionTables).values(values).onConflictDoNothing());
      }
      for (const { action, at, ...outcome } of batch.outcomes) {
        queries.push(
          db
            .update(actions)
            .set({ ...outcome, durationMs: sql`${at} - ${actions.at}` })
            .where(and(eq(actions.sessionId, session.id), eq(actions.action, action))),
        );
      }
      // Last, so that a session never claims events whose actions are not there.
      const { id: _id, recordingKey: _key, ...changing } = session;
      queries.push(
        db
          .insert(sessions)
          .values(session)
          .onConflictDoUpdate({
            target: sessions.id,
            set: changing,
            setWhere: sql`excluded.events >= ${sessions.events}`,
          }),
      );
      await run(queries);
    },
    async announce(session, recordingKey) {
      await available(() =>
        db.update(sessions).set({ recordingKey }).where(eq(sessions.id, session)),
      );
    },
    async search(filter, after, limit) {
      return available(() =>
        db
          .select()
          .from(sessions)
          .where(and(...conditions(filter), after === null ? undefined : before(after)))
          .orderBy(desc(sessions.startedAt), desc(sessions.id))
          .limit(limit),
      );
    },
    async session(id) {
      const rows = await available(() => db.select().from(sessions).where(eq(sessions.id, id)));
      return rows[0] ?? null;
    },
    async actions(session, after, limit) {
      return available(() =>
        db
          .select()
          .from(actions)
          .where(and(eq(actions.sessionId, session), gt(actions.action, after)))
          .orderBy(asc(actions.action))
          .limit(limit),
      );
    },
    async silent(seenBefore, limit) {
      const rows = await available(() =>
        db
          .select({ id: sessions.id })
          .from(sessions)
          .where(and(isNull(sessions.recordingKey), lt(sessions.seenAt, seenBefore)))
          .orderBy(asc(sessions.seenAt))
          .limit(limit),
      );
      return rows.map((row) => row.id);
    },
    async touch(id, now) {
      await available(() => db.update(sessions).set({ seenAt: now }).where(eq(sessions.id, id)));
    },
    async prune(endedBefore, limit) {
      const old = await available(() =>
        db
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.endedAt, endedBefore))
          .orderBy(asc(sessions.startedAt))
          .limit(Math.min(limit, MAX_BOUND)),
      );
      const ids = old.map((row) => row.id);
      if (ids.length === 0) return 0;
      await run([
        // By the names that the actions list, which the primary key leads with.
        db.delete(actionTables).where(
          sql`(table_name, session_id, action) IN (
            SELECT named.value, a.session_id, a.action FROM actions a, json_each(a.tables) named
            WHERE ${inArray(sql`a.session_id`, ids)})`,
        ),
        db.delete(actions).where(inArray(actions.sessionId, ids)),
        db.delete(sessions).where(inArray(sessions.id, ids)),
      ]);
      return ids.length;
    },
  };
}

function conditions(filter: SessionFilter): (SQL | undefined)[] {
  const { principal, target, rule, since, until, open } = filter;
  const { decision, outcome, table, verb, path } = filter;
  return [
    principal === undefined ? undefined : eq(sessions.principalId, principal),
    target === undefined ? undefined : eq(sessions.target, target),
    since === undefined ? undefined : sql`COALESCE(${sessions.endedAt}, ${since}) >= ${since}`,
    until === undefined ? undefined : lt(sessions.startedAt, until),
    open === true ? isNull(sessions.endedAt) : undefined,
    rule === undefined
      ? undefined
      : sql`EXISTS (SELECT 1 FROM json_each(${sessions.rules}) WHERE value = ${rule})`,
    [decision, outcome, table, verb, path].every((part) => part === undefined)
      ? undefined
      : actionMatches(filter),
  ];
}

/** One action that meets all of them. The constant conditions let SQLite use the partial indexes. */
function actionMatches({ decision, outcome, table, verb, path }: SessionFilter): SQL {
  const wanted: SQL[] = [];
  if (verb !== undefined) {
    wanted.push(sql`EXISTS (SELECT 1 FROM json_each(a.verbs) WHERE value = ${verb})`);
  }
  if (path !== undefined) wanted.push(pathMatches(path));
  if (decision !== undefined) {
    wanted.push(sql`a.decision = ${decision}`);
    if (decision !== 'allow') wanted.push(sql`a.decision <> 'allow'`);
  }
  if (outcome !== undefined) {
    wanted.push(sql`a.outcome = ${outcome}`);
    if (outcome !== 'succeeded') wanted.push(sql`a.outcome <> 'succeeded'`);
  }
  if (table === undefined) {
    return sql`EXISTS (SELECT 1 FROM actions a WHERE a.session_id = ${sessions.id} AND ${and(...wanted)})`;
  }
  const named = sql`t.table_name = ${table} AND t.session_id = ${sessions.id}`;
  if (wanted.length === 0) return sql`EXISTS (SELECT 1 FROM action_tables t WHERE ${named})`;
  return sql`EXISTS (SELECT 1 FROM action_tables t
    JOIN actions a ON a.session_id = t.session_id AND a.action = t.action WHERE ${named} AND ${and(...wanted)})`;
}

/**
 * A statement column of a request is its method, a blank, and its path with its query. Compared to the letter: LIKE would
 * take `_` and `%`, which paths hold, for wildcards. What follows a path is its end, its query, or what is below it.
 */
function pathMatches(path: string): SQL {
  const target = sql`substr(a.statement, instr(a.statement, ' ') + 1)`;
  const below = path.endsWith('/') ? path : `${path}/`;
  return sql`a.via = ${HTTP_VIA} AND (${target} = ${path}
    OR substr(${target}, 1, ${path.length + 1}) = ${`${path}?`}
    OR substr(${target}, 1, ${below.length}) = ${below})`;
}

function before(cursor: Cursor): SQL {
  return sql`(${sessions.startedAt}, ${sessions.id}) < (${cursor.startedAt}, ${cursor.id})`;
}

function* chunked<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}

async function available<T>(call: () => PromiseLike<T>): Promise<T> {
  try {
    return await withinMs(ANSWER_MS, call);
  } catch {
    throw new IndexUnavailable('D1 did not answer a query');
  }
}
