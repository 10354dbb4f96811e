// The client of a call against scripted servers: the same outcome wherever the stream is cut, bounds that hold, and hostile
// answers that end it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../../core/bytes.ts';
import {
  StatementClient,
  type ClientEvent,
  type Statement,
} from '../../../core/call/statement-client.ts';
import { ProtocolViolation } from '../../../core/failure.ts';
import { encodeFrame } from '../../../core/postgres/client-messages.ts';
import {
  encodeAuthentication,
  encodeCommandComplete,
  encodeDataRow,
  encodeEmpty,
  encodeError,
  encodeNotice,
  encodeReadyForQuery,
} from '../../../core/postgres/server-messages.ts';
import { SERVER } from '../../../core/postgres/tags.ts';

const LOGIN = concatBytes([encodeAuthentication('ok'), encodeReadyForQuery('I')]);
const READY = encodeReadyForQuery('I');

function described(format: number, ...columns: readonly (readonly [string, number])[]): Uint8Array {
  return encodeFrame(SERVER.rowDescription, (w) => {
    w.i16(columns.length);
    for (const [name, oid] of columns)
      w.cstring(name).i32(0).i16(0).i32(oid).i16(-1).i32(-1).i16(format);
  });
}

const row = (...cells: (string | null)[]): Uint8Array =>
  encodeDataRow(cells.map((cell) => (cell === null ? null : utf8(cell))));

function client(change: Partial<Statement> = {}): StatementClient {
  return new StatementClient({
    sql: 'SELECT 1',
    params: { values: [], types: [] },
    maxRows: 2,
    limited: true,
    maxBytes: 1000,
    applicationName: '',
    ...change,
  });
}

/** Logs in, sends, and gives the events of the answer, fed in the pieces that `cuts` make. */
function answered(
  answer: Uint8Array,
  change: Partial<Statement> = {},
  cuts: readonly number[] = [],
): ClientEvent[] {
  const subject = client(change);
  expect(subject.receive(LOGIN)).toEqual([{ kind: 'ready' }]);
  subject.statement();
  const ends = [...new Set(cuts.map((cut) => cut % answer.length))].sort((a, b) => a - b);
  return [...ends, answer.length].flatMap((end, index) => {
    // A lent chunk is overwritten afterwards, as a socket's buffer would be.
    const chunk = answer.slice(ends[index - 1] ?? 0, end);
    const events = subject.receive(chunk);
    chunk.fill(0xff);
    return events;
  });
}

const RESULT = concatBytes([
  encodeEmpty(SERVER.parseComplete),
  encodeEmpty(SERVER.bindComplete),
  described(0, ['n', 23], ['n', 25]),
  row('1', 'é'),
  encodeNotice({ S: 'NOTICE', V: 'NOTICE', M: 'hm' }),
  row(null, ''),
  encodeCommandComplete('SELECT 2'),
  READY,
]);

describe('a result', () => {
  it('is the same wherever the stream is cut', () => {
    const whole = answered(RESULT);
    expect(whole).toEqual([
      { kind: 'notice', fields: { S: 'NOTICE', V: 'NOTICE', M: 'hm' } },
      {
        kind: 'result',
        result: {
          columns: [
            { name: 'n', type: 'int4' },
            { name: 'n', type: 'text' },
          ],
          rowCount: 2,
          command: 'SELECT',
          truncatedBy: null,
        },
        rows: ['[1,"é"]', '[null,""]'],
      },
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
        expect(answered(RESULT, {}, cuts)).toEqual(whole);
      }),
    );
  });

  it.each([
    ['INSERT 0 5', 'INSERT', 5],
    ['UPDATE 3', 'UPDATE', 3],
    ['CREATE TABLE', 'CREATE TABLE', null],
    ['SHOW', 'SHOW', null],
  ])('counts %s', (tag, command, rowCount) => {
    const events = answered(concatBytes([encodeCommandComplete(tag), READY]));
    expect(events).toMatchObject([{ kind: 'result', result: { command, rowCount } }]);
  });

  it('ends at its bounds and reads on to the end', () => {
    const rows = concatBytes([described(0, ['v', 25]), row('a'), row('b'), row('c')]);
    const end = concatBytes([encodeEmpty(SERVER.portalSuspended), READY]);
    expect(answered(concatBytes([rows, end]))).toMatchObject([
      {
        kind: 'result',
        rows: ['["a"]', '["b"]'],
        result: { truncatedBy: 'rows', rowCount: null, command: '' },
      },
    ]);
    const large = concatBytes([rows, encodeCommandComplete('SELECT 3'), READY]);
    expect(answered(large, { maxBytes: 7, maxRows: 9 })).toMatchObject([
      { kind: 'result', rows: ['["a"]'], result: { truncatedBy: 'bytes', rowCount: 3 } },
    ]);
  });

  it('does not gather a row that no answer has room for', () => {
    const length = 64 * 1024 * 1024;
    const header = new Uint8Array([
      SERVER.dataRow,
      length >>> 24,
      (length >>> 16) & 255,
      (length >>> 8) & 255,
      length & 255,
    ]);
    const subject = client();
    subject.receive(LOGIN);
    subject.statement();
    subject.receive(concatBytes([described(0, ['v', 25]), header]));
    const piece = new Uint8Array(1024 * 1024);
    for (let sent = 4; sent < length; sent += piece.length) {
      expect(subject.receive(piece.subarray(0, Math.min(piece.length, length - sent)))).toEqual([]);
    }
    expect(subject.receive(concatBytes([encodeCommandComplete('SELECT 1'), READY]))).toMatchObject([
      { kind: 'result', rows: [], result: { truncatedBy: 'bytes' } },
    ]);
  });
});

describe('an error', () => {
  it('is reported once the server is ready again, and wins over rows before it', () => {
    const fields = { S: 'ERROR', V: 'ERROR', C: '22012', M: 'division by zero' };
    const half = concatBytes([described(0, ['v', 25]), row('a'), encodeError(fields)]);
    expect(answered(half)).toEqual([]);
    expect(answered(concatBytes([half, READY]))).toEqual([{ kind: 'error', fields }]);
  });

  it('that ends the connection is never taken for one that ends the statement', () => {
    const fields = { S: 'FATAL', V: 'FATAL', C: '57P01', M: 'gone' };
    const end = [encodeError(fields), encodeCommandComplete('UPDATE 1'), READY];
    expect(answered(concatBytes(end))).toEqual([{ kind: 'fatal', fields }]);
    expect(client().receive(encodeError({ ...fields, S: 'ERROR', V: 'ERROR' }))).toMatchObject([
      { kind: 'fatal' },
    ]);
  });
});

describe('a statement', () => {
  it('is sent once', () => {
    const subject = client();
    subject.statement();
    expect(() => subject.statement()).toThrow();
  });

  it.each<[string, Uint8Array]>([
    ['is ready without an answer', READY],
    ['asks for a password', encodeAuthentication('cleartext')],
    ['sends binary columns', described(1, ['v', 23])],
    ['sends rows of another width', concatBytes([described(0, ['v', 25]), row('a', 'b')])],
    ['speaks an unknown message', new Uint8Array([0x7e, 0, 0, 0, 4])],
    ['claims a huge message', new Uint8Array([SERVER.error, 0x7f, 0xff, 0xff, 0xff])],
  ])('ends when the server %s', (_, bytes) => {
    expect(() => answered(bytes)).toThrow(ProtocolViolation);
  });

  it('never meets anything but events or a violation, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const subject = client();
        try {
          subject.receive(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
    );
  });
});
