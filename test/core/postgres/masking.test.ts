// Results under a Masking: what the client gets, what the server is asked, what the journal says; and everything that must
// end the session before a value leaves.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/decision.ts';
import type { Masking } from '../../../core/masking/mask.ts';
import { MAX_COPY_CHUNK_BYTES, MAX_MASKED_ROW_BYTES } from '../../../core/limits.ts';
import { ALLOW, Harness, type HarnessOptions } from './harness.ts';
import {
  CANARY,
  NO_ROWS,
  copyOf,
  copyOutOf,
  describedAs,
  maskingOf,
  rowsOf,
  stubMaskers,
  type Seen,
} from './stub-maskers.ts';
import {
  bind,
  bindComplete,
  closeComplete,
  complete,
  copyData,
  copyDone,
  dataRow,
  describePortal,
  emptyQuery,
  error,
  execute,
  frame,
  frames,
  i32,
  join,
  noData,
  parse,
  parseComplete,
  query,
  ready,
  suspended,
  sync,
  tags,
  text,
  told,
} from './wire.ts';

const PLAN = rowsOf(['id', 'pass', '100.1'], ['email', 'mask', '100.2']);
const DESCRIBED = describedAs(['id', 100, 1, 23], ['email', 100, 2]);
const ROW = dataRow('7', CANARY);
const HIDDEN_ROW = dataRow('7', 'X');

function masked(masking: Masking | null, more: HarnessOptions = {}): Harness {
  const decision: Decision = masking === null ? ALLOW : { ...ALLOW, masking };
  return new Harness({ maskers: stubMaskers(), decide: () => decision, ...more }).login();
}

const people = (more: Partial<Masking> = {}) => maskingOf([PLAN], more);
const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('a simple query', () => {
  it('has its rows masked, and nothing else changed', () => {
    const h = masked(people()).client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED, ROW, ROW, complete('SELECT 2'), ready('I'));
    expect(h.toClient()).toEqual(
      join(DESCRIBED, HIDDEN_ROW, HIDDEN_ROW, complete('SELECT 2'), ready('I')),
    );
    expect(tags(h.toServer())).toBe('Q');
  });

  it('counts and digests what the client got, and says in its intent what is masked', () => {
    const h = masked(maskingOf([PLAN], { detect: [] }), { digestResults: true });
    h.client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED, ROW).server(ROW, complete('SELECT 2'), ready('I'));
    const got = join(HIDDEN_ROW, HIDDEN_ROW);
    expect(h.events()).toMatchObject([
      { kind: 'statement' },
      { kind: 'intent', decision: { masked: ['email:partial'] } },
      {
        kind: 'outcome',
        outcome: 'succeeded',
        rows: 2,
        bytes: got.length,
        digest: createHash('sha256').update(got).digest('hex'),
      },
    ]);
  });

  it('keeps one result for each statement of its text', () => {
    const other = rowsOf(['n', 'pass']);
    const h = masked(maskingOf([other, NO_ROWS, PLAN, other]));
    h.client(query('SELECT 1; INSERT INTO t; SELECT id, email FROM people; SELECT 2'));
    const n = describedAs(['n', 0, 0]);
    const answer = (row: Uint8Array) =>
      join(
        join(n, dataRow('1'), complete('SELECT 1'), complete('INSERT 0 1')),
        join(DESCRIBED, row, complete('SELECT 1')),
        join(n, dataRow('2'), complete('SELECT 1'), ready('I')),
      );
    h.server(answer(ROW));
    expect(h.toClient()).toEqual(answer(HIDDEN_ROW));
  });

  it('may be empty', () => {
    const h = masked(maskingOf([])).client(query(''));
    h.server(emptyQuery, ready('I'));
    expect(tags(h.toClient())).toBe('IZ');
    expect(h.closed).toBeNull();
  });

  it('streams rows in pieces where every column passes', () => {
    const h = masked(maskingOf([rowsOf(['id', 'pass', '100.1'], ['n', 'pass'])]));
    h.client(query('SELECT id, count(*) FROM people'));
    h.server(describedAs(['id', 100, 1], ['n', 0, 0]), ROW.subarray(0, 9));
    expect(h.toClient().length).toBeGreaterThan(DESCRIBED.length - 20);
    h.server(ROW.subarray(9), complete('SELECT 1'), ready('I'));
    expect(h.closed).toBeNull();
  });

  it('shows nothing of a row before all of it is there', () => {
    const h = masked(people()).client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED, ROW.subarray(0, ROW.length - 1));
    expect(h.toClient()).toEqual(DESCRIBED);
    h.server(ROW.subarray(ROW.length - 1));
    expect(h.toClient()).toEqual(HIDDEN_ROW);
  });

  it('is answered as before when it fails half-way, and so is what follows', () => {
    const h = masked(people()).client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED, ROW, error('57014', 'enough'), ready('I'));
    h.client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED, ROW, complete('SELECT 1'), ready('I'));
    expect(tags(h.toClient())).toBe('TDEZTDCZ');
    expect(h.closed).toBeNull();
  });
});

describe('a result that is not the planned one', () => {
  const cases: readonly (readonly [string, Masking, readonly Uint8Array[]])[] = [
    ['more columns', people(), [describedAs(['id', 100, 1], ['email', 100, 2], ['x', 0, 0])]],
    ['fewer columns', people(), [describedAs(['id', 100, 1])]],
    ['another column of the table', people(), [describedAs(['id', 100, 1], ['email', 100, 3])]],
    ['another table', people(), [describedAs(['id', 100, 1], ['email', 101, 2])]],
    ['swapped columns', people(), [describedAs(['email', 100, 2], ['id', 100, 1])]],
    [
      'another column where all pass',
      maskingOf([rowsOf(['id', 'pass', '100.1'])]),
      [describedAs(['id', 100, 2]), dataRow(CANARY)],
    ],
    ['rows of a statement without any', maskingOf([NO_ROWS]), [DESCRIBED, ROW]],
    ['a result too many', people(), [DESCRIBED, complete('SELECT 0'), DESCRIBED, ROW]],
    ['rows of COPY', maskingOf([copyOf('text', ['e', 'mask', '1.1'])]), [DESCRIBED, ROW]],
    ['COPY of a query', people(), [copyOutOf(0, 2), copyData(CANARY)]],
    [
      'COPY with another count',
      maskingOf([copyOf('text', ['e', 'mask'])]),
      [copyOutOf(0, 2), copyData(CANARY)],
    ],
    [
      'binary COPY where text was planned',
      maskingOf([copyOf('text', ['e', 'mask'])]),
      [copyOutOf(1, 1), copyData(CANARY)],
    ],
    [
      'text COPY where binary was planned',
      maskingOf([copyOf('binary', ['e', 'mask'])]),
      [copyOutOf(0, 1), copyData(CANARY)],
    ],
  ];

  it.each(cases)('ends the session: %s', (_name, masking, answer) => {
    const h = masked(masking).client(query('SELECT id, email FROM people'));
    h.server(...answer, ROW, complete('SELECT 1'), ready('I'));
    expect(h.closed).toMatchObject({ code: 'mask_mismatch' });
    const bytes = h.toClient();
    expect(shown(bytes)).not.toContain(CANARY);
    expect(told(bytes)).toMatchObject({ S: 'FATAL', C: '58000', D: 'code mask_mismatch' });
    expect(h.effects.filter((e) => e.kind === 'stale').length).toBe(1);
    expect(h.events().at(-1)).toMatchObject({ kind: 'outcome', outcome: 'unknown' });
  });

  it.each([
    ['a row', people(), [DESCRIBED, ROW]],
    ['COPY', maskingOf([copyOf('text', ['e', 'mask'])]), [copyOutOf(0, 1), copyData(CANARY)]],
  ] as const)('ends the session where nothing is there to mask %s', (_name, masking, answer) => {
    const decide = (): Decision => ({ ...ALLOW, masking });
    const h = new Harness({ decide }).login().client(query('SELECT id, email FROM people'));
    h.server(...answer);
    expect(h.closed?.code).toBe('mask_key_missing');
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it.each([
    ['in pieces', (row: Uint8Array) => [row.subarray(0, 100)]],
    ['whole', (row: Uint8Array) => [row]],
  ])('ends the session at a row that is too large to be masked, %s', (_name, pieces) => {
    const h = masked(people()).client(query('SELECT id, email FROM people'));
    h.server(DESCRIBED);
    h.toClient();
    const row = dataRow('7', 'x'.repeat(MAX_MASKED_ROW_BYTES));
    for (const piece of pieces(row)) h.server(piece);
    expect(h.closed?.code).toBe('limit_exceeded');
    const bytes = h.toClient();
    expect(tags(bytes)).toBe('E');
    expect(told(bytes)['M']).toMatch(/a row of more than \d+ bytes cannot be masked/);
  });

  it('lets row numbers and computed columns have no origin', () => {
    const plan = rowsOf(['ctid', 'pass'], ['n', 'redact', '100.2']);
    const h = masked(maskingOf([plan])).client(query('SELECT ctid, n FROM people'));
    h.server(
      describedAs(['ctid', 100, -1, 27], ['n', 0, 0]),
      ROW,
      complete('SELECT 1'),
      ready('I'),
    );
    expect(h.closed).toBeNull();
  });
});

describe('the extended protocol', () => {
  const start = join(parse('', 'SELECT id, email FROM people'), bind('', ''));

  it("asks for the portal's description before the Execute, and shows nothing of it", () => {
    const h = masked(people()).client(start, describePortal(''), execute(), sync);
    expect(tags(h.toServer())).toBe('PBDDES');
    h.server(parseComplete, bindComplete, DESCRIBED, DESCRIBED, ROW, complete('SELECT 1'));
    h.server(ready('I'));
    expect(h.toClient()).toEqual(
      join(
        join(parseComplete, bindComplete, DESCRIBED, HIDDEN_ROW),
        join(complete('SELECT 1'), ready('I')),
      ),
    );
  });

  it('records the intent before the first of its bytes', () => {
    const h = masked(people()).client(start, execute(), sync);
    const kinds = h.effects.map((e) => (e.kind === 'send' ? `send ${e.to}` : e.kind));
    expect(kinds.lastIndexOf('record')).toBeLessThan(kinds.lastIndexOf('send server'));
    expect(tags(h.toServer())).toBe('PBDES');
  });

  it('takes types and formats from that description', () => {
    const seen: Seen = { described: [] };
    const h = masked(people(), { maskers: stubMaskers(seen) }).client(start, execute(), sync);
    h.server(
      parseComplete,
      bindComplete,
      describedAs(['id', 100, 1, 23, 1], ['email', 100, 2, 17, 1]),
    );
    expect(seen.described).toMatchObject([
      [
        { typeOid: 23, format: 1 },
        { typeOid: 17, format: 1 },
      ],
    ]);
  });

  it('asks again for a portal that goes on', () => {
    const h = masked(people()).client(start, execute('', 1), execute('', 1), sync);
    expect(tags(h.toServer())).toBe('PBDEDES');
    h.server(parseComplete, bindComplete, DESCRIBED, ROW, suspended, DESCRIBED, ROW, suspended);
    h.server(ready('I'));
    expect(tags(h.toClient())).toBe('12DsDsZ');
    expect(h.events().filter((e) => e.kind === 'outcome')).toMatchObject([
      { rows: 1 },
      { rows: 1 },
    ]);
  });

  it('keeps pipelined executes apart', () => {
    const plans: Readonly<Record<string, Masking | undefined>> = { people: people() };
    const decide = (e: {
      action: { kind: string; sql?: { reads: readonly string[] } };
    }): Decision => {
      const masking = plans[e.action.sql?.reads[0]?.split('.')[1] ?? ''];
      return masking === undefined ? ALLOW : { ...ALLOW, masking };
    };
    const h = new Harness({ maskers: stubMaskers(), decide: decide as never }).login();
    const run = (sql: string) => join(parse('', sql), bind('', ''), execute());
    h.client(
      run('SELECT 1 FROM other'),
      run('SELECT id FROM people'),
      run('SELECT 1 FROM other'),
      sync,
    );
    expect(tags(h.toServer())).toBe('PBEPBDEPBES');
    const other = join(parseComplete, bindComplete, dataRow('1'), complete('SELECT 1'));
    const mine = (row: Uint8Array) => join(row, complete('SELECT 1'));
    h.server(other, parseComplete, bindComplete, DESCRIBED, mine(ROW), other, ready('I'));
    expect(h.toClient()).toEqual(
      join(other, parseComplete, bindComplete, mine(HIDDEN_ROW), other, ready('I')),
    );
  });

  it.each([
    ['what has no rows', maskingOf([NO_ROWS])],
    ['COPY', maskingOf([copyOf('text', ['e', 'mask'])])],
    ['nothing', maskingOf([])],
  ])('does not ask about %s', (_name, masking) => {
    const h = masked(masking).client(start, execute(), sync);
    expect(tags(h.toServer())).toBe('PBES');
  });

  it.each([
    ['what has no rows', maskingOf([NO_ROWS])],
    ['nothing', maskingOf([])],
  ])('lets no row through of %s', (_name, masking) => {
    const h = masked(masking).client(start, execute(), sync);
    h.server(parseComplete, bindComplete, ROW);
    expect(h.closed?.code).toBe('mask_mismatch');
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it.each([
    ['another result', describedAs(['id', 100, 1])],
    ['no result', noData],
  ])('ends the session before any row when the description is of %s', (_name, answer) => {
    const h = masked(people()).client(start, execute(), sync);
    h.server(parseComplete, bindComplete, answer, ROW);
    expect(h.closed?.code).toBe('mask_mismatch');
    expect(shown(h.toClient())).not.toContain(CANARY);
  });

  it('lets the failure of its question be the failure of the segment', () => {
    const h = masked(people()).client(start, execute(), sync);
    h.server(parseComplete, bindComplete, error('25P02', 'aborted'), ready('E'));
    expect(tags(h.toClient())).toBe('12EZ');
    expect(h.events().at(-1)).toMatchObject({ kind: 'outcome', outcome: 'cancelled' });
    h.client(query('ROLLBACK')).server(complete('ROLLBACK'), ready('I'));
    expect(h.closed).toBeNull();
  });

  it('skips its question with the rest of a segment that fails before', () => {
    const h = masked(people()).client(start, execute(), sync);
    h.server(error('42P01', 'no such table'), ready('I'));
    expect(tags(h.toClient())).toBe('EZ');
    expect(h.closed).toBeNull();
  });

  it("takes a parameter description for what it is: not an answer to a portal's", () => {
    const h = masked(people()).client(start, execute(), sync);
    h.server(parseComplete, bindComplete, frame('t', new Uint8Array(2)));
    expect(h.closed?.code).toBe('target_protocol');
  });
});

describe('masks that are newer than a portal', () => {
  it('refuse it once, and take the next one', () => {
    let masking: Masking | null = null;
    const decide = (): Decision => (masking === null ? ALLOW : { ...ALLOW, masking });
    const h = new Harness({ maskers: stubMaskers(), decide }).login();
    h.client(parse('s', 'SELECT id, email FROM people'), bind('', 's'), sync);
    h.server(parseComplete, bindComplete, ready('T'));
    masking = people();
    h.toServer();
    h.client(execute());
    h.server(h.failing()).client(sync).server(ready('E'));
    expect(tags(h.toClient())).toMatch(/EZ$/);
    expect(h.events().at(-1)).toMatchObject({ outcome: 'refused', error: '42501' });
    h.client(bind('', 's'), execute(), sync);
    expect(tags(h.toServer())).toMatch(/BDES$/);
  });
});

describe('an approved write with a bound that returns masked rows', () => {
  const approved = (masking: Masking): Harness =>
    new Harness({
      maskers: stubMaskers(),
      decide: (e) =>
        e.preparing
          ? { ...ALLOW, masking }
          : { ...ALLOW, masking, approval: { id: 'a1', maxRows: 5 } },
    }).login();
  const errand = join(parseComplete, bindComplete, complete('BEGIN'), closeComplete, closeComplete);
  const count = (n: string) =>
    join(
      parseComplete,
      bindComplete,
      dataRow(n),
      complete('SELECT 1'),
      closeComplete,
      closeComplete,
    );
  const committed = join(
    parseComplete,
    bindComplete,
    complete('COMMIT'),
    closeComplete,
    closeComplete,
  );

  it('in a simple query: rows at once, its end when it is committed', () => {
    const h = approved(people()).client(query('DELETE FROM people RETURNING id, email'));
    h.server(errand, ready('T'), count('0'), ready('T'));
    h.server(DESCRIBED, ROW, complete('DELETE 1'), ready('T'));
    expect(h.toClient()).toEqual(join(DESCRIBED, HIDDEN_ROW));
    h.server(...(shown(h.toServer()).includes('COMMIT') ? [] : [count('1'), ready('T')]));
    h.server(committed, ready('I'));
    expect(h.toClient()).toEqual(join(complete('DELETE 1'), ready('I')));
    expect(h.events().filter((e) => e.kind !== 'statement')).toMatchObject([
      { kind: 'intent', decision: { approval: 'a1', masked: ['email:partial'] } },
      { kind: 'outcome', outcome: 'succeeded', rows: 1, bytes: HIDDEN_ROW.length },
    ]);
  });

  it('in the extended protocol: the question before the Execute is part of the gate', () => {
    const h = approved(people()).client(
      parse('', 'DELETE FROM people RETURNING id, email'),
      bind('', ''),
      execute(),
    );
    h.server(parseComplete, bindComplete).server(errand, count('0'));
    expect(tags(h.toServer())).toMatch(/DEH$/);
    h.server(DESCRIBED, ROW, complete('DELETE 1'));
    expect(h.toClient()).toEqual(join(parseComplete, bindComplete, HIDDEN_ROW));
    h.server(...(shown(h.toServer()).includes('COMMIT') ? [] : [count('1')]));
    h.server(committed);
    expect(h.toClient()).toEqual(complete('DELETE 1'));
    h.client(sync).server(ready('I'));
    expect(tags(h.toClient())).toBe('Z');
  });

  it('rolls back with the session when the result is not the planned one', () => {
    const h = approved(people()).client(query('DELETE FROM people RETURNING id, email'));
    h.server(errand, ready('T'), count('0'), ready('T'));
    h.toServer();
    h.server(describedAs(['id', 100, 1]), ROW, complete('DELETE 1'), ready('T'));
    expect(h.closed?.code).toBe('mask_mismatch');
    expect(shown(h.toServer())).not.toContain('COMMIT');
  });

  it('gives the gate its failure when the question before it fails', () => {
    const h = approved(people()).client(
      parse('', 'DELETE FROM people RETURNING id, email'),
      bind('', ''),
      execute(),
    );
    h.server(parseComplete, bindComplete).server(errand, count('0'));
    expect(tags(h.toServer())).toMatch(/DEH$/);
    h.server(error('55P03', 'locked')).client(sync);
    h.server(ready('T'));
    // The gateway leaves its own transaction before the client hears that it may go on.
    expect(shown(h.toServer())).toContain('ROLLBACK');
  });
});

describe('COPY TO STDOUT', () => {
  const plan = copyOf('text', ['id', 'pass', '100.1'], ['email', 'mask', '100.2']);
  const line = `7\t${CANARY}\n`;

  it('is masked as a stream and framed again', () => {
    const h = masked(maskingOf([plan]), { digestResults: true }).client(
      query('COPY people TO STDOUT'),
    );
    h.server(
      copyOutOf(0, 2),
      copyData(line),
      copyData(line),
      copyDone,
      complete('COPY 2'),
      ready('I'),
    );
    const data = join(copyData('7\tX\n'), copyData('7\tX\n'));
    expect(h.toClient()).toEqual(
      join(copyOutOf(0, 2), data, copyDone, complete('COPY 2'), ready('I')),
    );
    expect(h.events().at(-1)).toMatchObject({
      outcome: 'succeeded',
      rows: 2,
      bytes: data.length,
      digest: createHash('sha256').update(data).digest('hex'),
    });
  });

  it('goes on in frames of bounded size, the same wherever it was cut', () => {
    const whole = line.repeat(40_000);
    const big = frame('d', text(whole));
    const results = [0, 1, 3, 64_000, 300_000].map((cut) => {
      const h = masked(maskingOf([plan])).client(query('COPY people TO STDOUT'));
      h.server(copyOutOf(0, 2)).server(big.subarray(0, cut)).server(big.subarray(cut));
      h.server(copyDone, complete('COPY 1'), ready('I'));
      return h.toClient();
    });
    const [first] = results;
    if (first === undefined) throw new Error('no result');
    for (const result of results) expect(Buffer.compare(result, first)).toBe(0);
    const data = frames(first).filter((f) => f.tag === 'd');
    expect(Math.max(...data.map((f) => f.body.length))).toBe(MAX_COPY_CHUNK_BYTES);
    expect(shown(join(...data.map((f) => f.body)))).toBe('7\tX\n'.repeat(40_000));
  });

  it('by an Execute is asked for nothing first', () => {
    const h = masked(maskingOf([plan])).client(
      parse('', 'COPY people TO STDOUT'),
      bind('', ''),
      execute(),
      sync,
    );
    expect(tags(h.toServer())).toBe('PBES');
    h.server(parseComplete, bindComplete, copyOutOf(0, 2), copyData(line), copyDone);
    h.server(complete('COPY 1'), ready('I'));
    expect(tags(h.toClient())).toBe('12HdcCZ');
  });

  it('that fails leaves nothing behind for the next', () => {
    const h = masked(maskingOf([plan])).client(query('COPY people TO STDOUT'));
    h.server(
      copyOutOf(0, 2),
      copyData(line),
      copyData('7\tcana'),
      error('57014', 'enough'),
      ready('I'),
    );
    h.client(query('COPY people TO STDOUT'));
    h.server(copyOutOf(0, 2), copyData(line), copyDone, complete('COPY 1'), ready('I'));
    const bytes = h.toClient();
    expect(tags(bytes)).toBe('HdEZHdcCZ');
    expect(shown(bytes)).not.toContain('cana');
  });

  it('passes as it comes where every column does', () => {
    const clean = copyOf('text', ['id', 'pass', '100.1']);
    const h = masked(maskingOf([clean])).client(query('COPY people (id) TO STDOUT'));
    const piece = frame('d', text('1\n2\n')).subarray(0, 7);
    h.server(copyOutOf(0, 1)).server(piece);
    expect(h.toClient().length).toBe(copyOutOf(0, 1).length + piece.length);
    expect(i32(1).length).toBe(4);
  });
});
