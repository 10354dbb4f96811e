// The target's schema for one session, with the inspector bound to it. Snapshots and facts are shared by all sessions of an
// isolate on the same target: values only, never promises, since one object must not await what another has begun.
import { readCatalog, type CatalogSnapshot } from '../adapters/catalog.ts';
import type { Connection } from '../adapters/connection.ts';
import type { TargetLogin } from '../core/engine.ts';
import { CATALOG_MAX_AGE_MS } from '../core/limits.ts';
import { createCatalog } from '../core/sql/catalog-snapshot.ts';
import type { Catalog } from '../core/sql/catalog.ts';
import { createInspect } from '../core/sql/facts.ts';
import type { Inspect } from '../core/sql/inspection.ts';
import type { ParseSql } from '../core/sql/parse.ts';

interface Shared {
  /** A new function whenever the catalog has changed: engines keep what an inspector told them for as long as it stays. */
  inspect: Inspect;
  readonly inspector: Inspect;
  /** Null before the first reading: then nothing is known, and nothing that names an object is allowed. */
  snapshot: CatalogSnapshot | null;
  /** When the reading of `snapshot` began: whatever changed later may be missing from it. */
  at: number;
  /** When a session of the isolate last changed the schema: what one has changed is as new to the others. */
  staleAt: number;
}

const NOTHING_KNOWN: Catalog = createCatalog([], 'none');

/** Per isolate; one entry a target. */
const targets = new Map<string, Shared>();

/** Between two readings for unknown names. A caller that makes names up must not turn into load on the target. */
const REREAD_MS = 1_000;

export interface CatalogSource {
  /** Names target, address, database and user: what makes two catalogs the same. */
  readonly key: string;
  readonly connect: () => Promise<Connection>;
  /** Throws DialFailure when the credential is not set. */
  readonly login: () => TargetLogin;
}

export class TargetCatalog {
  readonly #source: CatalogSource;
  readonly #shared: Shared;
  #reading: Promise<boolean> | null = null;

  constructor(source: CatalogSource, parse: ParseSql) {
    this.#source = source;
    const known = targets.get(source.key);
    if (known !== undefined) {
      this.#shared = known;
      return;
    }
    const inspector = createInspect({
      parse,
      catalog: () => shared.snapshot?.catalog ?? NOTHING_KNOWN,
    });
    const shared: Shared = {
      inspect: inspector,
      inspector,
      snapshot: null,
      at: Number.NEGATIVE_INFINITY,
      staleAt: Number.NEGATIVE_INFINITY,
    };
    targets.set(source.key, shared);
    this.#shared = shared;
  }

  get inspect(): Inspect {
    return this.#shared.inspect;
  }

  /** Whether facts may be taken from what is here without asking the target. */
  fresh(now: number): boolean {
    const { at, staleAt } = this.#shared;
    return at > staleAt && now - at < CATALOG_MAX_AGE_MS;
  }

  /** The schema may have changed by now: facts need a reading that began later. */
  stale(now: number): void {
    this.#shared.staleAt = now;
  }

  /** Reads the catalog again; for names it does not know at most every REREAD_MS. False when it could not be read. */
  async refresh(reason: 'age' | 'unknown'): Promise<boolean> {
    this.#reading ??= this.#read(reason).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(reason: 'age' | 'unknown'): Promise<boolean> {
    const wait = reason === 'unknown' ? this.#shared.at + REREAD_MS - Date.now() : 0;
    if (wait > 0) await scheduler.wait(wait);
    const at = Math.max(Date.now(), this.#shared.staleAt + 1);
    try {
      const previous = this.#shared.snapshot;
      const snapshot = await readCatalog(
        this.#source.connect,
        this.#source.login(),
        previous ?? undefined,
      );
      if (this.#shared.at < at) {
        // The same content keeps its object, and with it everything that was remembered about it.
        if (previous?.catalog.version !== snapshot.catalog.version) {
          const { inspector } = this.#shared;
          this.#shared.snapshot = snapshot;
          this.#shared.inspect = (sql, context) => inspector(sql, context);
        }
        this.#shared.at = at;
      }
      return true;
    } catch (error) {
      // The statement is refused with catalog_unavailable; the operator's log gets the kind of failure, which holds no secret.
      const kind = error instanceof Error ? error.name : 'unknown';
      console.warn(
        JSON.stringify({ event: 'catalog_unavailable', target: this.#source.key, kind }),
      );
      return false;
    }
  }
}
