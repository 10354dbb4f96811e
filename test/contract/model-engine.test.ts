// The Postgres engine under the contract of all engines, with masks that ask a model: what waits for its answer, what
// becomes of it, and that nothing leaves without one.
import { describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../adapters/crypto.ts';
import type { Decision } from '../../core/decision.ts';
import type { ModelFinding } from '../../core/masking/detect/model.ts';
import type { Masking } from '../../core/masking/mask.ts';
import { createMaskers } from '../../core/masking/maskers/maskers.ts';
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { createResultMaskers } from '../../core/postgres/result-maskers.ts';
import { ALLOW, LOGIN, options } from '../core/postgres/harness.ts';
import {
  NO_ROWS,
  copyOf,
  copyOutOf,
  describedAs,
  maskingOf,
  rowsOf,
} from '../core/postgres/stub-maskers.ts';
import {
  V30,
  bind,
  bindComplete,
  complete,
  copyData,
  copyDone,
  dataRow,
  describePortal,
  error,
  execute,
  join,
  loginAnswer,
  notice,
  parse,
  parseComplete,
  password,
  probeAnswer,
  query,
  ready,
  startup,
  suspended,
  sync,
  text,
} from '../core/postgres/wire.ts';
import { describeEngine, type Analyze } from './engine.ts';

/** Nothing but the model knows that it is a name. */
const NAME = 'Quillon Ybarrez';

const PLAN = rowsOf(['id', 'scan', '100.1'], ['note', 'scan', '100.2']);
const DESCRIBED = describedAs(['id', 100, 1, 23], ['note', 100, 2]);
const COPY = copyOf('text', ['id', 'scan', '100.1'], ['note', 'scan', '100.2']);
const CALLED = dataRow('7', `${NAME} has called, kin@example.org`);
const NAMELESS = dataRow('8', 'nobody has called');
const LINE = copyData(`7\tasked for ${NAME}\n`);

function plan(verbs: readonly string[]): Masking {
  const results = verbs.map((verb) =>
    verb === 'SELECT' ? PLAN : verb === 'COPY' ? COPY : NO_ROWS,
  );
  return maskingOf(results, {
    hushed: true,
    payloadsWithheld: true,
    detect: [{ ids: ['d'], detector: 'email', kind: 'redact' }],
    models: [{ ids: ['m'], model: 'pii', entity: 'person', kind: 'redact' }],
  });
}

function findNames({ texts }: Analyze): ModelFinding[][] {
  return texts.map(({ text: value }) => {
    const start = value.indexOf(NAME);
    return start === -1 ? [] : [{ entity: 'person', start, end: start + NAME.length }];
  });
}

const decide = ({ action, refusal }: { action: unknown; refusal: unknown }): Decision => {
  if (refusal !== null) return { ...(refusal as Decision), revision: 5, observed: [] } as Decision;
  const { kind, sql } = action as { kind: string; sql: { statements: { verb: string }[] } };
  if (kind !== 'sql') return ALLOW;
  return { ...ALLOW, masking: plan(sql.statements.map(({ verb }) => verb)) };
};

const create = () =>
  createPostgresEngine(
    options({
      maskers: createResultMaskers(() => createMaskers({ key: null, crypto: nativeCrypto })),
      digestResults: true,
    }),
  );

const ESTABLISHED = [
  ['client', startup(V30, { user: 'agent' })],
  ['client', password('token')],
  ['server', loginAnswer],
  ['server', probeAnswer('{pg_catalog,public}', 'I')],
] as const;

describeEngine({
  name: 'Postgres with a model',
  create,
  login: LOGIN,
  canary: text(NAME),
  analyze: findNames,
  decide,
  established: ESTABLISHED,
  action: query('SELECT id, note FROM people'),
  conversations: [
    [
      'a simple query of two results, a notice among the rows, and one behind it',
      [
        [
          'client',
          join(
            query('SELECT id, note FROM people; SELECT id, note FROM people'),
            query('SELECT 1'),
          ),
        ],
        [
          'server',
          join(
            join(DESCRIBED, NAMELESS, CALLED, notice(`row of ${NAME}`), CALLED),
            join(complete('SELECT 3'), DESCRIBED, CALLED, complete('SELECT 1'), ready('I')),
          ),
        ],
        ['server', join(DESCRIBED, CALLED, complete('SELECT 1'), ready('I'))],
      ],
    ],
    [
      'the extended protocol: a suspended portal, and the rest of it',
      [
        [
          'client',
          join(
            parse('s', 'SELECT id, note FROM people'),
            bind('p', 's'),
            describePortal('p'),
            execute('p', 1),
            execute('p', 0),
            sync,
          ),
        ],
        [
          'server',
          join(
            join(parseComplete, bindComplete, DESCRIBED, DESCRIBED, CALLED, suspended),
            join(DESCRIBED, NAMELESS, CALLED, complete('SELECT 2'), ready('I')),
          ),
        ],
      ],
    ],
    [
      'a query that fails behind rows that wait',
      [
        ['client', query('SELECT id, note FROM people')],
        ['server', join(DESCRIBED, CALLED, error('22P02', NAME), ready('I'))],
      ],
    ],
    [
      'COPY to the client, whole, in frames that end anywhere, and failing',
      [
        ['client', join(query('COPY people TO STDOUT'), query('COPY people TO STDOUT'))],
        [
          'server',
          join(
            join(copyOutOf(0, 2), LINE, copyData(`8\tnobody\n9\t${NAME}`), copyData(' again\n')),
            join(copyDone, complete('COPY 3'), ready('I')),
            join(copyOutOf(0, 2), LINE, error('57014', NAME), ready('I')),
          ),
        ],
      ],
    ],
  ],
  hostile: [['a row without its description', 'established', ['server', CALLED]]],
});

class Held {
  readonly engine = create();
  readonly asked: Analyze[] = [];
  toClient = '';
  closed: string | null = null;

  constructor() {
    for (const [from, bytes] of ESTABLISHED) this.feed(from, bytes);
    this.toClient = '';
    this.feed('client', query('SELECT id, note FROM people'));
  }

  feed(from: 'client' | 'server', bytes: Uint8Array): this {
    const lent = bytes.slice();
    this.perform(from === 'client' ? this.engine.fromClient(lent) : this.engine.fromServer(lent));
    lent.fill(0x5a);
    return this;
  }

  perform(effects: ReturnType<typeof this.engine.fromClient>): this {
    for (const effect of effects) {
      if (effect.kind === 'send' && effect.to === 'client')
        this.toClient += Buffer.from(effect.bytes).toString('latin1');
      if (effect.kind === 'close') this.closed = effect.code;
      if (effect.kind === 'analyze') this.asked.push(effect);
      if (effect.kind === 'authenticate') this.perform(this.engine.authenticated({ ok: true }));
      if (effect.kind === 'dial') this.perform(this.engine.dialled(LOGIN));
      if (effect.kind === 'decide') this.perform(this.engine.decided(effect.id, decide(effect)));
    }
    return this;
  }

  answer(findings: readonly (readonly ModelFinding[])[] | null, id = this.asked.at(-1)?.id): this {
    return this.perform(this.engine.analyzed(id ?? -1, findings));
  }
}

describe('rows that wait for a model', () => {
  const ROWS = join(DESCRIBED, NAMELESS, CALLED, complete('SELECT 2'), ready('I'));

  it('shows nothing of them, and nothing behind them, before the answer', () => {
    const held = new Held().feed('server', ROWS);
    expect(held.asked).toHaveLength(1);
    expect(held.asked[0]).toMatchObject({
      uses: [{ model: 'pii', entities: ['person'] }],
      // Detectors have seen it before: what they find does not reach the model.
      texts: [
        { text: 'nobody has called', context: 'note' },
        { text: `${NAME} has called, [masked]`, context: 'note' },
      ],
    });
    expect(held.toClient).toContain('note');
    expect(held.toClient).not.toContain('called');
    expect(held.toClient).not.toContain('SELECT 2');
    held.answer(findNames(held.asked[0] as Analyze));
    expect(held.toClient).toMatch(
      /nobody has called[^]*\[masked\] has called, \[masked\][^]*SELECT 2/,
    );
    expect(held.closed).toBeNull();
  });

  it.each<[string, (effect: Analyze) => readonly (readonly ModelFinding[])[] | null]>([
    ['no answer', () => null],
    ['an answer for another number of texts', () => [[]]],
    ['a finding that ends behind its text', () => [[], [{ entity: 'person', start: 0, end: 999 }]]],
    ['a finding before its text', () => [[{ entity: 'person', start: -1, end: 4 }], []]],
    ['an empty finding', () => [[{ entity: 'person', start: 3, end: 3 }], []]],
    ['a finding that is no number', () => [[{ entity: 'person', start: Number.NaN, end: 4 }], []]],
    ['an entity that does not exist', () => [[{ entity: 'x' as 'person', start: 0, end: 4 }], []]],
  ])('ends the session at %s, and nothing of them has left', (_name, answer) => {
    const held = new Held().feed('server', ROWS);
    held.answer(answer(held.asked[0] as Analyze));
    expect(held.closed).toBe('mask_model_unavailable');
    expect(held.toClient).toContain('code mask_model_unavailable');
    expect(held.toClient).not.toContain('called');
    expect(held.toClient).not.toContain('SELECT 2');
    expect(held.feed('server', ROWS).toClient).not.toContain('called');
  });

  it('splits no character: half of a pair is no place for a finding', () => {
    const held = new Held().feed(
      'server',
      join(DESCRIBED, dataRow('1', '😀 Ana'), complete('SELECT 1'), ready('I')),
    );
    held.answer([[{ entity: 'person', start: 1, end: 3 }]]);
    expect(held.closed).toBe('mask_model_unavailable');
  });

  it('goes by no answer that nobody asked for, and by none twice', () => {
    const held = new Held().feed('server', ROWS);
    const [asked] = held.asked as [Analyze];
    held.answer([[], []], asked.id + 1);
    expect(held.toClient).not.toContain('called');
    held.answer(findNames(asked)).answer([[], []], asked.id);
    expect(held.toClient).not.toContain(NAME);
    expect(held.closed).toBeNull();
  });

  it('asks about a text once, and again where it stands in another column', () => {
    const held = new Held().feed('server', ROWS);
    held.answer(findNames(held.asked[0] as Analyze));
    held.feed('client', query('SELECT id, note FROM people')).feed('server', ROWS);
    expect(held.asked).toHaveLength(1);
    expect(held.toClient).not.toContain(NAME);
    const other = describedAs(['id', 100, 1, 25], ['note', 100, 2]);
    held.feed('client', query('SELECT id, note FROM people'));
    held.feed('server', join(other, dataRow('nobody has called', 'x'), complete('SELECT 1')));
    expect(held.asked).toHaveLength(2);
  });

  it('asks in questions of a bounded size, one at a time', () => {
    const held = new Held();
    const rows = Array.from({ length: 600 }, (_, at) =>
      dataRow(String(at), `note ${at} of ${NAME}`),
    );
    held.feed('server', join(DESCRIBED, ...rows, complete('SELECT 600'), ready('I')));
    for (let asked = 1; held.closed === null && asked <= held.asked.length; asked += 1) {
      expect(held.asked).toHaveLength(asked);
      held.answer(findNames(held.asked[asked - 1] as Analyze));
    }
    expect(held.asked.map(({ texts }) => texts.length)).toEqual([256, 256, 88]);
    expect(held.toClient).toContain('note 599 of [masked]');
    expect(held.toClient).not.toContain(NAME);
  });

  it('holds no more than it may, if somebody reads on all the same', () => {
    const held = new Held().feed('server', join(DESCRIBED, CALLED, complete('SELECT 1')));
    const more = dataRow('1', 'x'.repeat(1024 * 1024));
    for (let sent = 0; sent < 30 && held.closed === null; sent += 1) held.feed('server', more);
    expect(held.closed).toBe('limit_exceeded');
  });

  it.each([
    ['shutdown', (held: Held) => held.engine.shutdown('killed', 'over')],
    ['the server leaving', (held: Held) => held.engine.serverClosed()],
    ['the client leaving', (held: Held) => held.engine.clientClosed()],
  ])('takes them along at %s', (_name, end) => {
    const held = new Held().feed('server', ROWS);
    held.perform(end(held)).answer([[], []]);
    expect(held.toClient).not.toContain('called');
    expect(held.closed).not.toBeNull();
  });

  it('replaces errors, notices, payloads and what a statement puts into a reported setting', () => {
    const held = new Held().feed('server', ROWS);
    held.answer(findNames(held.asked[0] as Analyze));
    const status = (name: string, value: string) =>
      Buffer.concat([Buffer.from('S'), sized(`${name}\0${value}\0`)]);
    const notification = Buffer.concat([Buffer.from('A'), sized(`\0\0\0\x05ch\0${NAME}\0`)]);
    held.feed('server', status('application_name', NAME)).feed('server', notification);
    held
      .feed('server', status('TimeZone', 'Ybarrez0'))
      .feed('server', status('TimeZone', 'Europe/Berlin'));
    held.feed('server', notice(NAME));
    held
      .feed('client', query('INSERT INTO t'))
      .feed('server', join(error('P0001', NAME), ready('I')));
    expect(held.toClient).toContain('Europe/Berlin');
    expect(held.toClient).not.toMatch(/Ybarrez/);
    expect(held.closed).toBeNull();
  });
});

function sized(body: string): Buffer {
  const bytes = Buffer.from(body, 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length + 4);
  return Buffer.concat([length, bytes]);
}
