// The gateway with meters on everything Cloudflare charges for: the bundle as it is (gateway.js), its bindings' own methods
// wrapped. GET /bench/meter tells the counts so far. Used for counting only; times are taken without it.
import type { DurableObject } from 'cloudflare:workers';
// @ts-expect-error -- the built bundle, which lies beside this file when it runs
import * as built from './gateway.js';

const { default: gateway, Session: Guarded } = built;

const counts = {
  workerRequests: 0,
  objectRequests: 0,
  approvalCalls: 0,
  approvalAlarms: 0,
  objectRowsRead: 0,
  objectRowsWritten: 0,
  d1Queries: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  r2Writes: 0,
  r2Reads: 0,
};

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Calls `after` with what the method gave, whenever it was called on anything of this class. */
function wrap(object: object, name: string, after: (result: unknown) => void): void {
  for (let at = object; at !== null; at = Object.getPrototypeOf(at) as object) {
    const method = Object.getOwnPropertyDescriptor(at, name)?.value as Method | undefined;
    if (method === undefined) continue;
    Object.defineProperty(at, name, {
      configurable: true,
      writable: true,
      value(this: unknown, ...args: unknown[]) {
        const result = method.apply(this, args);
        after(result);
        return result;
      },
    });
    return;
  }
  throw new Error(`nothing to meter: ${name}`);
}

let objectsMetered = false;

function meterObject({ storage }: DurableObjectState): void {
  if (objectsMetered) return;
  objectsMetered = true;
  wrap(storage.sql, 'exec', (result) => {
    const cursor = result as SqlStorageCursor<Record<string, SqlStorageValue>>;
    // Counted again at the end of the turn, when its rows have been read.
    queueMicrotask(() => {
      counts.objectRowsRead += cursor.rowsRead;
      counts.objectRowsWritten += cursor.rowsWritten;
    });
  });
  wrap(storage, 'setAlarm', () => {
    counts.objectRowsWritten += 1;
  });
}

let bindingsMetered = false;

interface Bindings {
  readonly DB: D1Database;
  readonly RECORDINGS: R2Bucket;
}

function meterBindings({ DB, RECORDINGS }: Bindings): void {
  if (bindingsMetered) return;
  bindingsMetered = true;
  const rows = (result: unknown): void => {
    const { meta } = result as { meta?: { rows_read?: number; rows_written?: number } };
    counts.d1Queries += 1;
    counts.d1RowsRead += meta?.rows_read ?? 0;
    counts.d1RowsWritten += meta?.rows_written ?? 0;
  };
  const later = (result: unknown): void => {
    void Promise.resolve(result).then((done) =>
      (Array.isArray(done) ? done : [done]).forEach(rows),
    );
  };
  const statement = DB.prepare('SELECT 1');
  for (const name of ['run', 'all', 'raw']) wrap(statement, name, later);
  // `first` asks for one row of the same answer and hands no counts out.
  wrap(statement, 'first', () => {
    counts.d1Queries += 1;
    counts.d1RowsRead += 1;
  });
  wrap(DB, 'batch', later);
  for (const name of ['put']) wrap(RECORDINGS, name, () => (counts.r2Writes += 1));
  for (const name of ['get', 'head']) wrap(RECORDINGS, name, () => (counts.r2Reads += 1));
  wrap(RECORDINGS, 'list', () => (counts.r2Writes += 1));
}

type SessionClass = new (
  ctx: DurableObjectState,
  env: Bindings,
) => DurableObject<Bindings> & {
  fetch(request: Request): Promise<Response>;
  alarm(): Promise<void>;
};

export class Session extends (Guarded as SessionClass) {
  constructor(ctx: DurableObjectState, env: Bindings) {
    meterObject(ctx);
    super(ctx, env);
  }

  override async fetch(request: Request): Promise<Response> {
    counts.objectRequests += 1;
    return super.fetch(request);
  }

  override async alarm(): Promise<void> {
    counts.objectRequests += 1;
    return super.alarm();
  }
}

type ObjectClass = new (ctx: DurableObjectState, env: Bindings) => DurableObject<Bindings>;

/** The class with a meter on everything that can be called from outside, which is every method of its prototype. */
function metered(guarded: ObjectClass): ObjectClass {
  for (const name of Object.getOwnPropertyNames(guarded.prototype)) {
    if (name === 'constructor') continue;
    wrap(guarded.prototype as object, name, () => {
      if (name === 'alarm') counts.approvalAlarms += 1;
      else counts.approvalCalls += 1;
    });
  }
  return class extends guarded {
    constructor(ctx: DurableObjectState, env: Bindings) {
      meterObject(ctx);
      super(ctx, env);
    }
  };
}

export const Approval = metered(built.Approval as ObjectClass);
export const Grant = metered(built.Grant as ObjectClass);

// oxlint-disable-next-line import/no-default-export -- the runtime's contract
export default {
  ...(gateway as ExportedHandler<Bindings>),
  fetch(request, env, ctx) {
    meterBindings(env);
    if (new URL(request.url).pathname === '/bench/meter') return Response.json(counts);
    counts.workerRequests += 1;
    const serve = (gateway as Required<Pick<ExportedHandler<Bindings>, 'fetch'>>).fetch;
    return serve(request, env, ctx);
  },
} satisfies ExportedHandler<Bindings>;
