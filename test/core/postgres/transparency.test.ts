// The engine in front of a model of Postgres, against the model alone: whatever a client pipelines, however the bytes are
// cut and however far the sides run ahead of each other, the client must see the same, and what is refused never runs.
import { array, assert, constant, constantFrom, integer, oneof, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.ts';
import { ALLOW, APPROVE, Harness, deny } from './harness.ts';
import {
  bind,
  closePortal,
  closeStatement,
  copyData,
  copyDone,
  describePortal,
  describeStatement,
  error,
  execute,
  fields,
  flush,
  frames,
  join,
  nth,
  parse,
  query,
  sync,
} from './wire.ts';

/**
 * Refused: table `secret` anywhere, table `t` where the path makes it `b.t`, and `gate` when it would run (a rule that asks
 * for approval lets it be prepared).
 */
function refuse(sql: string, paths: readonly string[], preparing = false): Uint8Array | null {
  if (/\bgate\b/.test(sql) && !preparing) return error('42501', 'A human has to agree.');
  const touchesT = /\b(?:FROM|INTO|COPY) t\b/.test(sql);
  const refused = /\bsecret\b/.test(sql) || (touchesT && paths.includes('b'));
  return refused ? error('42501', 'Not allowed.') : null;
}

const TEXTS = [
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SET search_path TO a',
  'SET search_path TO b',
  'SET LOCAL search_path TO a',
  'SET LOCAL search_path TO b',
  "SELECT set_config('search_path', 'b', true)",
  "SELECT set_config('search_path', 'a', false)",
  'SELECT 2 FROM t',
  'SELECT 5 FROM t',
  'INSERT INTO t',
  'SELECT 1 FROM secret',
  'SELECT 2 FROM gate',
  'SELECT 3 FROM gate',
  'SELECT fail FROM t',
  'PREPARE s1 AS SELECT 1 FROM t',
  'PREPARE s2 AS SELECT 1 FROM secret',
  'EXECUTE s1',
  'EXECUTE s2',
  'DEALLOCATE s1',
  'DECLARE p1 CURSOR FOR SELECT 3 FROM t',
  'FETCH 1 FROM p1',
  'CLOSE p1',
  'COPY t TO STDOUT',
  'nonsense',
  '',
];

const text = constantFrom(...TEXTS);
const statementName = constantFrom('', 's1', 's2');
const portalName = constantFrom('', 'p1');

const simple = oneof(
  { weight: 6, arbitrary: text.map(query) },
  {
    weight: 1,
    arbitrary: array(
      constantFrom(
        'SELECT 1 FROM t',
        'INSERT INTO t',
        'SELECT fail FROM t',
        'SELECT 1 FROM secret',
      ),
      {
        minLength: 2,
        maxLength: 3,
      },
    ).map((parts) => query(parts.join(';'))),
  },
  {
    weight: 1,
    arbitrary: constantFrom('good', 'bad').map((data) =>
      join(query('COPY t FROM STDIN'), copyData(data), copyData('more'), copyDone),
    ),
  },
);

const extended = oneof(
  {
    weight: 4,
    arbitrary: tuple(text, statementName, portalName, constantFrom(0, 0, 1)).map(
      ([sql, name, portal, rows]) =>
        join(parse(name, sql), bind(portal, name), describePortal(portal), execute(portal, rows)),
    ),
  },
  { weight: 2, arbitrary: tuple(statementName, text).map(([name, sql]) => parse(name, sql)) },
  { weight: 2, arbitrary: tuple(portalName, statementName).map(([p, s]) => bind(p, s)) },
  {
    weight: 2,
    arbitrary: tuple(portalName, constantFrom(0, 1)).map(([p, n]) => execute(p, n)),
  },
  { weight: 1, arbitrary: statementName.map(describeStatement) },
  { weight: 1, arbitrary: portalName.map(describePortal) },
  { weight: 1, arbitrary: statementName.map(closeStatement) },
  { weight: 1, arbitrary: portalName.map(closePortal) },
  { weight: 1, arbitrary: constant(flush) },
  {
    weight: 1,
    arbitrary: constantFrom('good', 'bad').map((data) =>
      join(parse('', 'COPY t FROM STDIN'), bind('', ''), execute(), copyData(data), copyDone),
    ),
  },
);

const segment = oneof(
  simple,
  array(extended, { minLength: 1, maxLength: 4 }).map((parts) => join(...parts, sync)),
);

/** What the client got, as far as a client may rely on it: in a failed transaction the reason of an error is not. */
function seen(bytes: Uint8Array): string[] {
  return frames(bytes).map(({ tag, body }) => {
    if (tag !== 'E') return `${tag} ${Buffer.from(body).toString('hex')}`;
    const code = fields(body)['C'] ?? '';
    return ['42501', '25P02', '0A000', '34000'].includes(code) ? 'E refused' : `E ${code}`;
  });
}

/** Moves bytes between client, engine and server in pieces and an order that `random` chooses. */
function converse(
  input: Uint8Array,
  harness: Harness,
  server: FakeServer,
  random: () => number,
): Uint8Array {
  let client = input;
  let toServer: Uint8Array = new Uint8Array(0);
  let fromServer: Uint8Array = new Uint8Array(0);
  const output: Uint8Array[] = [];
  const piece = (bytes: Uint8Array) => 1 + Math.floor(random() * Math.min(bytes.length, 60));
  const collect = () => {
    toServer = join(toServer, harness.toServer());
    output.push(harness.toClient());
  };
  collect();
  for (;;) {
    const ready = [client, toServer, fromServer].filter((bytes) => bytes.length > 0);
    if (ready.length === 0) return join(...output);
    const chosen = nth(ready, Math.floor(random() * ready.length));
    const length = piece(chosen);
    if (chosen === client) {
      harness.client(client.subarray(0, length));
      client = client.subarray(length);
    } else if (chosen === toServer) {
      fromServer = join(fromServer, server.feed(toServer.subarray(0, length)));
      toServer = toServer.subarray(length);
    } else {
      harness.server(fromServer.subarray(0, length));
      fromServer = fromServer.subarray(length);
    }
    collect();
  }
}

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

function check(segments: readonly Uint8Array[], seed: number, reportsPath: boolean): void {
  const input = join(...segments);
  const alone = new FakeServer({ reportsPath, refuse });
  const expected = alone.feed(input);

  const server = new FakeServer({ reportsPath });
  const harness = new Harness({
    decide: (effect) => {
      if (effect.refusal !== null) return { ...effect.refusal, revision: 5, observed: [] };
      if (effect.action.kind !== 'sql') return ALLOW;
      const tables = effect.action.sql.tables;
      if (tables.some((t) => t.endsWith('.secret') || /\bb\b.*\.t$/.test(t))) return deny();
      return tables.some((t) => t.endsWith('.gate')) ? APPROVE : ALLOW;
    },
  }).login();
  const actual = converse(input, harness, server, seeded(seed));
  // A portal of COPY run where no data follows: the server would wait, or call it an error; the gateway ends the session.
  if (alone.copying || harness.closed?.detail.endsWith('during COPY') === true) return;
  expect(harness.closed).toBeNull();
  expect(seen(actual)).toEqual(seen(expected));
  const ran = server.executed.filter((e) => e.status !== 'E');
  expect(ran.filter((e) => refuse(e.sql, [e.path]) !== null)).toEqual([]);
  expect(server.seen.filter((sql) => sql.includes('secret'))).toEqual([]);
  checkJournal(harness);
}

/** Every intent has one outcome, and what was refused is said to be. */
function checkJournal(harness: Harness): void {
  const events = harness.effects.flatMap((e) => (e.kind === 'record' ? [e.event] : []));
  const intents = events.filter((e) => e.kind === 'intent');
  const outcomes = events.filter((e) => e.kind === 'outcome');
  expect(outcomes.map((o) => o.action).sort((a, b) => a - b)).toEqual(
    intents.map((i) => i.action).sort((a, b) => a - b),
  );
  for (const intent of intents) {
    const outcome = outcomes.find((o) => o.action === intent.action);
    expect(outcome?.outcome === 'refused').toBe(intent.decision.kind !== 'allow');
  }
}

describe('an engine in front of a server', () => {
  it.each([false, true])(
    'shows the client what the server alone would (path reported: %s)',
    (reports) => {
      assert(
        property(array(segment, { minLength: 1, maxLength: 6 }), integer(), (segments, seed) =>
          check(segments, seed, reports),
        ),
        { numRuns: Number(process.env['POSTERN_RUNS'] ?? 400) },
      );
    },
  );
});
