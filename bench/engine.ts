// What the Postgres engine itself costs, without sockets, policy or SQL parser: microseconds per round trip, and megabytes
// of rows per second that pass through. The peer is a script, so the numbers are the engine's alone.
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Decision } from '../core/decision.ts';
import type { Effect, Engine } from '../core/engine.ts';
import type { SqlFacts } from '../core/facts.ts';
import { concatBytes, utf8 } from '../core/bytes.ts';
import {
  SYNC,
  encodeBind,
  encodeExecute,
  encodeFrame,
  encodeParse,
  encodeQuery,
} from '../core/postgres/client-messages.ts';
import { createPostgresEngine } from '../core/postgres/engine.ts';
import {
  encodeAuthentication,
  encodeBackendKey,
  encodeCommandComplete,
  encodeDataRow,
  encodeEmpty,
  encodeParameterStatus,
  encodeReadyForQuery,
} from '../core/postgres/server-messages.ts';
import { PROTOCOL_3_0, encodeStartup } from '../core/postgres/startup.ts';
import { SERVER } from '../core/postgres/tags.ts';
import type { Inspection } from '../core/sql/inspection.ts';

export interface EngineNumbers {
  /** One simple query with one row, decided and recorded. */
  readonly simpleQueryMicroseconds: number;
  /** Bind, Execute, Sync of a prepared statement with one row. */
  readonly preparedMicroseconds: number;
  /** Rows of about 100 bytes in chunks of 64 KiB. */
  readonly rowsMegabytesPerSecond: number;
  /** The same with a digest over the results. */
  readonly digestedMegabytesPerSecond: number;
}

const FACTS: SqlFacts = {
  statements: [],
  verbs: ['SELECT'],
  effect: 'read',
  reads: ['public.items'],
  writes: [],
  tables: ['public.items'],
  columns: [],
  functions: [],
  settings: [],
  whereless: false,
  opaque: [],
};

const INSPECTION: Inspection = {
  facts: FACTS,
  unresolved: [],
  refusal: null,
  changes: [],
  copyIn: false,
  lineage: () => null,
};

const ALLOW: Decision = { kind: 'allow', rules: ['bench'], revision: 1, observed: [] };

/** Performs effects as a session would; bytes for the target are only counted. */
class Driver {
  readonly engine: Engine;
  sentToServer = 0;
  sentToClient = 0;

  constructor(digestResults: boolean) {
    const inspect = (): Inspection => INSPECTION;
    this.engine = createPostgresEngine({
      crypto: nativeCrypto,
      inspect: () => inspect,
      target: { id: 'bench', database: 'bench', readOnly: false },
      principalAuthenticated: true,
      clientKey: { processId: 1, secret: new Uint8Array(4) },
      nonce: 'benchnonce00',
      digestResults,
    });
    const startup = [['user', 'bench']] as const;
    this.perform(this.engine.fromClient(encodeStartup(PROTOCOL_3_0, startup)));
    this.server(
      encodeAuthentication('ok'),
      encodeParameterStatus('standard_conforming_strings', 'on'),
      encodeParameterStatus('client_encoding', 'UTF8'),
      encodeBackendKey({ processId: 2, secret: new Uint8Array(4) }),
      encodeReadyForQuery('I'),
    );
    this.server(
      encodeEmpty(SERVER.parseComplete),
      encodeEmpty(SERVER.bindComplete),
      encodeDataRow(['{pg_catalog,public}', 'on', 'UTF8', 'off', 'off', 'app'].map(utf8)),
      encodeCommandComplete('SELECT 1'),
      encodeEmpty(SERVER.closeComplete),
      encodeEmpty(SERVER.closeComplete),
      encodeReadyForQuery('I'),
    );
  }

  server(...messages: readonly Uint8Array[]): void {
    this.perform(this.engine.fromServer(concatBytes(messages)));
  }

  perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'decide':
          this.perform(this.engine.decided(effect.id, ALLOW));
          break;
        case 'dial':
          this.perform(this.engine.dialled({ user: 'u', password: 'p', database: 'bench' }));
          break;
        case 'send':
          if (effect.to === 'client') this.sentToClient += effect.bytes.length;
          else this.sentToServer += effect.bytes.length;
          break;
        case 'close':
          throw new Error(`the engine closed: ${effect.code} ${effect.detail}`);
        default:
      }
    }
  }
}

function microseconds(rounds: number, work: () => void): number {
  for (let i = 0; i < rounds / 4; i++) work();
  const start = performance.now();
  for (let i = 0; i < rounds; i++) work();
  return ((performance.now() - start) * 1000) / rounds;
}

const ROW_DESCRIPTION = encodeFrame(SERVER.rowDescription, (w) =>
  w.i16(1).cstring('c').i32(0).i16(0).i32(25).i16(-1).i32(-1).i16(0),
);

function rowsPerSecond(digestResults: boolean, megabytes: number): number {
  const driver = new Driver(digestResults);
  driver.perform(driver.engine.fromClient(encodeQuery('SELECT * FROM items')));
  driver.server(ROW_DESCRIPTION);
  const row = encodeDataRow([utf8('x'.repeat(89))]);
  const stream = concatBytes(Array.from({ length: 20_000 }, () => row));
  const chunk = 64 * 1024;
  const start = performance.now();
  let sent = 0;
  while (sent < megabytes * 1e6) {
    for (let at = 0; at < stream.length; at += chunk) {
      driver.perform(driver.engine.fromServer(stream.subarray(at, at + chunk)));
    }
    sent += stream.length;
  }
  const seconds = (performance.now() - start) / 1000;
  driver.server(encodeCommandComplete('SELECT 1'), encodeReadyForQuery('I'));
  return sent / 1e6 / seconds;
}

/** Best of `repeats`: the machine's own noise only ever adds. */
export function measureEngine(repeats = 3, rounds = 20_000, megabytes = 200): EngineNumbers {
  const query = encodeQuery('SELECT name FROM items WHERE id = 1');
  const row = encodeDataRow([utf8('name')]);
  const simpleAnswer = concatBytes([
    ROW_DESCRIPTION,
    row,
    encodeCommandComplete('SELECT 1'),
    encodeReadyForQuery('I'),
  ]);
  const prepared = concatBytes([
    encodeBind({
      portal: '',
      statement: 's1',
      formats: [],
      values: [utf8('1')],
      resultFormats: [],
    }),
    encodeExecute({ portal: '', maxRows: 0 }),
    SYNC,
  ]);
  const preparedAnswer = concatBytes([
    encodeEmpty(SERVER.bindComplete),
    row,
    encodeCommandComplete('SELECT 1'),
    encodeReadyForQuery('I'),
  ]);
  const all: EngineNumbers[] = [];
  for (let i = 0; i < repeats; i++) {
    const driver = new Driver(false);
    const simpleQueryMicroseconds = microseconds(rounds, () => {
      driver.perform(driver.engine.fromClient(query));
      driver.perform(driver.engine.fromServer(simpleAnswer));
    });
    driver.perform(driver.engine.fromClient(concatBytes([encodeParse('s1', 'SELECT $1'), SYNC])));
    driver.server(encodeEmpty(SERVER.parseComplete), encodeReadyForQuery('I'));
    const preparedMicroseconds = microseconds(rounds, () => {
      driver.perform(driver.engine.fromClient(prepared));
      driver.perform(driver.engine.fromServer(preparedAnswer));
    });
    all.push({
      simpleQueryMicroseconds,
      preparedMicroseconds,
      rowsMegabytesPerSecond: rowsPerSecond(false, megabytes),
      digestedMegabytesPerSecond: rowsPerSecond(true, megabytes),
    });
  }
  const best = (pick: (n: EngineNumbers) => number, of: (...n: number[]) => number) =>
    of(...all.map(pick));
  return {
    simpleQueryMicroseconds: best((n) => n.simpleQueryMicroseconds, Math.min),
    preparedMicroseconds: best((n) => n.preparedMicroseconds, Math.min),
    rowsMegabytesPerSecond: best((n) => n.rowsMegabytesPerSecond, Math.max),
    digestedMegabytesPerSecond: best((n) => n.digestedMegabytesPerSecond, Math.max),
  };
}
