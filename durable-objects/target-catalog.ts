// The target's schema for one session, with the inspector bound to it. Snapshots are shared by all sessions of an isolate:
// values only, never promises, since a promise made for one object must not be awaited by another.
import { readCatalog } from '../adapters/catalog.ts';
import type { Connection } from '../adapters/connection.ts';
import { sqlParser } from '../adapters/sql-parser.ts';
import type { TargetLogin } from '../core/engine.ts';
import { CATALOG_MAX_AGE_MS } from '../core/limits.ts';
import type { Catalog } from '../core/sql/catalog.ts';
import { createInspect, emptyCatalog } from '../core/sql/facts.ts';
import type { Inspect } from '../core/sql/inspection.ts';

interface Snapshot {
  readonly catalog: Catalog;
  /** When its reading began: whatever changed later may be missing from it. */
  readonly at: number;
}

/** Per isolate; one entry a target, replaced when it is read again. */
const snapshots = new Map<string, Snapshot>();

/** Between two readings for unknown names. A caller that makes names up must not turn into load on the target. */
const REREAD_MS = 1_000;

export interface CatalogSource {
  /** Names target, address and database: what makes two catalogs the same. */
  readonly key: string;
  connect(): Promise<{ connection: Connection; login: TargetLogin }>;
}

export class TargetCatalog {
  readonly inspect: Inspect;
  readonly #source: CatalogSource;
  #staleAt = 0;
  #reading: Promise<boolean> | null = null;

  constructor(source: CatalogSource) {
    this.#source = source;
    this.inspect = createInspect({ parse: sqlParser(), catalog: () => this.#catalog() });
  }

  /** Whether facts may be taken from what is here without asking the target. */
  fresh(now: number): boolean {
    const snapshot = snapshots.get(this.#source.key);
    return (
      snapshot !== undefined &&
      snapshot.at > this.#staleAt &&
      now - snapshot.at < CATALOG_MAX_AGE_MS
    );
  }

  /** The schema may have changed by now: facts need a reading that began later. */
  stale(now: number): void {
    this.#staleAt = now;
  }

  get version(): string {
    return this.#catalog().version;
  }

  /** Reads the catalog again; for names it does not know at most every REREAD_MS. False when it could not be read. */
  async refresh(reason: 'age' | 'unknown'): Promise<boolean> {
    this.#reading ??= this.#read(reason).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  #catalog(): Catalog {
    return snapshots.get(this.#source.key)?.catalog ?? emptyCatalog;
  }

  async #read(reason: 'age' | 'unknown'): Promise<boolean> {
    const last = snapshots.get(this.#source.key);
    const wait = last === undefined || reason === 'age' ? 0 : last.at + REREAD_MS - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const at = Date.now();
    try {
      const { connection, login } = await this.#source.connect();
      const catalog = await readCatalog(connection, login);
      const newest = snapshots.get(this.#source.key);
      if (newest === undefined || newest.at < at) snapshots.set(this.#source.key, { catalog, at });
      return true;
    } catch (error) {
      // The statement is refused with catalog_unavailable; the reason is for the operator's log and holds no secret.
      console.warn(`catalog of ${this.#source.key}: ${error instanceof Error ? error.name : 'failed'}`);
      return false;
    }
  }
}
