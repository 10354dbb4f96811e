// The windows of access of one principal on one target: opened by an approval, over at their end, or earlier when they are
// given back or taken away. Sessions ask through adapters/grants.ts; the alarm writes the end into the index. And the places
// for requests that wait: all approvals of a principal on a target share this one object, so their count is exact.
import { DurableObject } from 'cloudflare:workers';
import { createApprovalIndex } from '../adapters/approval-index.ts';
import type { Env, GrantOpening, GrantRpc, GrantView } from '../adapters/env.ts';
import type { ActiveGrant, GrantEnd } from '../core/approval/grant.ts';
import { MAX_PENDING_APPROVALS } from '../core/limits.ts';

/** D1 away: tried again this much later. */
const RETRY_MS = 60_000;

export class Grant extends DurableObject<Env> implements GrantRpc {
  /** Asking whether there is a window leaves nothing behind. */
  #exists: boolean;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const [table] = this.#exec("SELECT 1 FROM sqlite_master WHERE name = 'grants'");
    this.#exists = table !== undefined;
  }

  #create(): void {
    this.ctx.storage.sql.exec(`CREATE TABLE IF NOT EXISTS grants (
      id TEXT PRIMARY KEY, principal TEXT NOT NULL, target TEXT NOT NULL, satisfied TEXT NOT NULL,
      starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, ended_at INTEGER, end TEXT, ended_by TEXT,
      version INTEGER NOT NULL, indexed INTEGER NOT NULL)`);
    this.#exists = true;
  }

  async open(opening: GrantOpening, nowMs: number): Promise<GrantView> {
    const { id, principalId, target, seconds, satisfied } = opening;
    if (!(seconds > 0)) throw new Error('a window needs a length');
    this.#create();
    this.#exec(
      `INSERT OR IGNORE INTO grants (id, principal, target, satisfied, starts_at, ends_at, version, indexed)
       VALUES (?, ?, ?, ?, ?, ?, 1, 0)`,
      id,
      principalId,
      target,
      JSON.stringify(satisfied),
      nowMs,
      nowMs + seconds * 1000,
    );
    await this.#later();
    const view = await this.view(id, nowMs);
    if (view === null) throw new Error('a window that was written is not there');
    return view;
  }

  async active(nowMs: number): Promise<ActiveGrant | null> {
    if (!this.#exists) return null;
    const [row] = this.#exec(
      'SELECT * FROM grants WHERE ended_at IS NULL AND ends_at > ? ORDER BY ends_at DESC LIMIT 1',
      nowMs,
    );
    if (row === undefined) return null;
    const { id, endsAtMs, satisfied } = viewOf(row, nowMs);
    return { id, endsAtMs, satisfied };
  }

  async admit(id: string, untilMs: number, nowMs: number): Promise<boolean> {
    this.#exec(
      'CREATE TABLE IF NOT EXISTS places (id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID',
    );
    this.#exec('DELETE FROM places WHERE until <= ?', nowMs);
    const others = this.#exec('SELECT 1 FROM places WHERE id <> ?', id).length;
    if (!(others < MAX_PENDING_APPROVALS)) return false;
    this.#exec('INSERT OR REPLACE INTO places VALUES (?, ?)', id, untilMs);
    return true;
  }

  async giveUp(id: string): Promise<void> {
    const [table] = this.#exec("SELECT 1 FROM sqlite_master WHERE name = 'places'");
    if (table !== undefined) this.#exec('DELETE FROM places WHERE id = ?', id);
  }

  async view(id: string, nowMs: number): Promise<GrantView | null> {
    if (!this.#exists) return null;
    const [row] = this.#exec('SELECT * FROM grants WHERE id = ?', id);
    return row === undefined ? null : viewOf(row, nowMs);
  }

  async end(id: string, end: 'returned' | 'revoked', by: string): Promise<boolean> {
    if (!this.#exists) return false;
    const now = Date.now();
    const { rowsWritten } = this.ctx.storage.sql.exec(
      `UPDATE grants SET ended_at = ?, end = ?, ended_by = ?, version = version + 1
       WHERE id = ? AND ended_at IS NULL AND ends_at > ?`,
      now,
      end,
      by,
      id,
      now,
    );
    await this.#later();
    return rowsWritten > 0;
  }

  override async alarm(): Promise<void> {
    if (!this.#exists) return;
    const now = Date.now();
    this.#exec(
      `UPDATE grants SET ended_at = ends_at, end = 'expired', ended_by = '', version = version + 1
       WHERE ended_at IS NULL AND ends_at <= ?`,
      now,
    );
    await this.#index();
    await this.#schedule(RETRY_MS);
  }

  /** The row in D1 follows on its own; the alarm is there in case it does not. */
  async #later(): Promise<void> {
    await this.#schedule(RETRY_MS);
    this.ctx.waitUntil(this.#index());
  }

  async #index(): Promise<void> {
    const index = createApprovalIndex(this.env.DB);
    for (const row of this.#exec('SELECT * FROM grants WHERE indexed < version')) {
      const version = Number(row['version']);
      const { id, principalId, target, startsAtMs, endsAtMs } = viewOf(row, 0);
      try {
        await index.writeGrant({
          id,
          version,
          principalId,
          target,
          startsAt: startsAtMs,
          endsAt: endsAtMs,
          endedAt: row['ended_at'] as number | null,
          end: row['end'] as GrantEnd | null,
          endedBy: row['ended_by'] as string | null,
        });
      } catch {
        // D1 is away: the alarm tries again.
        return;
      }
      this.#exec('UPDATE grants SET indexed = MAX(indexed, ?) WHERE id = ?', version, id);
    }
  }

  async #schedule(retryMs: number): Promise<void> {
    const [row] = this.#exec(
      `SELECT MIN(ends_at) FILTER (WHERE ended_at IS NULL) AS ends,
         SUM(indexed < version) AS owed FROM grants`,
    );
    const ends = typeof row?.['ends'] === 'number' ? row['ends'] : Number.POSITIVE_INFINITY;
    const owed = Number(row?.['owed'] ?? 0) > 0 ? Date.now() + retryMs : Number.POSITIVE_INFINITY;
    const due = Math.min(ends, owed);
    if (Number.isFinite(due)) await this.ctx.storage.setAlarm(due);
    else await this.ctx.storage.deleteAlarm();
  }

  #exec(query: string, ...bindings: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.ctx.storage.sql.exec(query, ...bindings).toArray();
  }
}

function viewOf(row: Record<string, SqlStorageValue>, nowMs: number): GrantView {
  const endsAtMs = Number(row['ends_at']);
  const endedAt = row['ended_at'];
  const over = endsAtMs <= nowMs;
  return {
    id: textOf(row, 'id'),
    principalId: textOf(row, 'principal'),
    target: textOf(row, 'target'),
    satisfied: JSON.parse(textOf(row, 'satisfied')) as readonly string[],
    startsAtMs: Number(row['starts_at']),
    endsAtMs,
    end:
      typeof endedAt === 'number'
        ? { kind: row['end'] as GrantEnd, atMs: endedAt, by: textOf(row, 'ended_by') }
        : over
          ? { kind: 'expired', atMs: endsAtMs, by: '' }
          : null,
  };
}

/** A TEXT column; storage gives nothing else for it. */
function textOf(row: Readonly<Record<string, SqlStorageValue>>, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`column ${column} holds no text`);
  return value;
}
