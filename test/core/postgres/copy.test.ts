// COPY both ways: when the client's bytes are data, when they are messages, and what must never be confused.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Harness } from './harness.ts';
import {
  bind,
  bindComplete,
  complete,
  copyData,
  copyDone,
  copyFail,
  copyIn,
  copyOut,
  error,
  execute,
  flush,
  frame,
  join,
  parse,
  parseComplete,
  query,
  ready,
  rowDescription,
  dataRow,
  sync,
  tags,
  terminate,
} from './wire.ts';

const copying = () => new Harness().login().client(query('COPY t FROM STDIN')).server(copyIn);

/** As `copying`, with what was said so far forgotten. */
function inCopy(): Harness {
  const h = copying();
  h.toServer();
  h.toClient();
  return h;
}

describe('COPY FROM STDIN', () => {
  it('holds what follows it until the server has said that it takes data', () => {
    const h = new Harness()
      .login()
      .client(query('COPY t FROM STDIN'), copyData('1\n'), copyDone, query('SELECT 1'));
    expect(tags(h.toServer())).toBe('Q');
    h.server(copyIn);
    expect(tags(h.toServer())).toBe('dc');
    h.server(complete('COPY 1'), ready('I'));
    expect(tags(h.toServer())).toBe('Q');
    expect(tags(h.toClient())).toBe('GCZ');
  });

  it('drops data when the server would not take it', () => {
    const h = new Harness()
      .login()
      .client(query('COPY t FROM STDIN'), copyData('1\n'), copyDone, query('SELECT 1'));
    h.toServer();
    h.server(error('42P01', 'no such table'), ready('I'));
    expect(tags(h.toServer())).toBe('Q');
  });

  it('streams data in pieces, as they come', () => {
    const h = inCopy();
    const data = copyData('x'.repeat(100_000));
    h.client(data.subarray(0, 3));
    expect(h.toServer().length).toBe(0);
    h.client(data.subarray(3, 50_000));
    expect(h.toServer()).toEqual(data.subarray(0, 50_000));
    h.client(data.subarray(50_000), copyDone);
    expect(h.toServer()).toEqual(join(data.subarray(50_000), copyDone));
  });

  it('finishes a half-sent piece even when the server has failed meanwhile', () => {
    const h = inCopy();
    const data = copyData('x'.repeat(1000));
    h.client(data.subarray(0, 500)).server(error('22P02', 'bad'), ready('I'));
    h.client(data.subarray(500), copyData('more'), copyDone, query('SELECT 1'));
    // The rest of the piece, so that the stream stays in step; nothing of what comes after it.
    expect(h.toServer()).toEqual(join(data, query('SELECT 1')));
  });

  it.each([
    ['a Query', query('DROP TABLE t')],
    ['a Parse', parse('', 'SELECT 1')],
    ['a function call', frame('F', new Uint8Array(10))],
    ['a password', frame('p', new Uint8Array(1))],
  ])('ends the session at %s among the data', (_name, message) => {
    const h = inCopy().client(copyData('1'), message);
    expect(h.closed?.code).toBe('client_protocol');
    expect(tags(h.toServer())).toBe('d');
  });

  it('does not count a Sync or Flush among the data', () => {
    const h = new Harness().login();
    h.client(parse('', 'COPY t FROM STDIN'), bind('', ''), execute(), sync);
    h.server(parseComplete, bindComplete, copyIn);
    h.client(copyData('1'), flush, sync, copyData('2'), copyDone, sync);
    expect(tags(h.toServer())).toBe('PBEHddcS');
    h.server(complete('COPY 2'), ready('I'));
    expect(tags(h.toClient())).toBe('12GCZ');
    h.client(query('SELECT 1')).server(
      rowDescription,
      dataRow('1'),
      complete('SELECT 1'),
      ready('I'),
    );
    expect(h.closed).toBeNull();
  });

  it('skips to the Sync when it fails in the extended protocol', () => {
    const h = new Harness().login().client(parse('', 'COPY t FROM STDIN'), bind('', ''), execute());
    h.server(parseComplete, bindComplete, copyIn).client(copyData('bad'));
    h.server(error('22P02', 'bad')).client(copyData('more'), copyDone, parse('', 'SELECT 1'), sync);
    expect(tags(h.toServer())).toBe('PBEHdS');
    expect(h.server(ready('I')).closed).toBeNull();
  });

  it('keeps count when the error crosses the end of the data', () => {
    const h = new Harness().login().client(parse('', 'COPY t FROM STDIN'), bind('', ''), execute());
    h.server(parseComplete, bindComplete, copyIn).client(
      copyData('bad'),
      copyDone,
      sync,
      query('SELECT 1'),
    );
    h.server(
      error('22P02', 'bad'),
      ready('I'),
      rowDescription,
      dataRow('1'),
      complete('SELECT 1'),
      ready('I'),
    );
    expect(h.closed).toBeNull();
    expect(tags(h.toClient())).toBe('12GEZTDCZ');
  });

  it('passes a CopyFail', () => {
    const h = inCopy().client(copyData('1'), copyFail('changed my mind'));
    expect(tags(h.toServer())).toBe('df');
    h.server(error('57014', 'COPY from stdin failed'), ready('I'));
    expect(h.events().at(-1)).toMatchObject({ outcome: 'failed', error: '57014' });
  });

  it('goes on to the next COPY of the same text', () => {
    const h = new Harness()
      .login()
      .client(
        query('COPY t FROM STDIN; COPY u FROM STDIN'),
        copyData('1'),
        copyDone,
        copyData('2'),
        copyDone,
      );
    h.server(copyIn);
    expect(tags(h.toServer())).toBe('Qdc');
    h.server(complete('COPY 1'), copyIn);
    expect(tags(h.toServer())).toBe('dc');
    h.server(complete('COPY 1'), ready('I'));
    expect(h.events().at(-1)).toMatchObject({ outcome: 'succeeded', rows: 2, bytes: 12 });
  });

  it('ends the session at a goodbye, with the outcome unknown', () => {
    const h = inCopy().client(copyData('1'), terminate);
    expect(h.closed?.code).toBe('client_closed');
    expect(tags(h.toServer())).toBe('d');
    expect(h.events().at(-1)).toMatchObject({ outcome: 'unknown' });
  });

  it('is not taken from a server whose statement did not ask for it', () => {
    const h = new Harness().login().client(query('SELECT 1'), query('SELECT 2')).server(copyIn);
    expect(h.closed?.code).toBe('target_protocol');
  });

  it('ignores COPY messages outside of COPY, as a server does', () => {
    const h = new Harness()
      .login()
      .client(copyData('x'.repeat(10_000)), copyDone, copyFail('x'), query('SELECT 1'));
    expect(tags(h.toServer())).toBe('Q');
  });

  it('counts and digests what was uploaded, when it is asked to', () => {
    const h = new Harness({ digestResults: true })
      .login()
      .client(query('COPY t FROM STDIN'))
      .server(copyIn);
    h.client(copyData('1\n'), copyData('2\n'), copyDone).server(complete('COPY 2'), ready('I'));
    const bytes = join(copyData('1\n'), copyData('2\n'));
    expect(h.events().at(-1)).toMatchObject({
      outcome: 'succeeded',
      rows: 2,
      bytes: bytes.length,
      digest: createHash('sha256').update(bytes).digest('hex'),
    });
  });
});

describe('COPY TO STDOUT', () => {
  it('streams, counts and digests', () => {
    const h = new Harness({ digestResults: true }).login().client(query('COPY t TO STDOUT'));
    const data = join(copyData('1\n'), copyData('x'.repeat(70_000)), copyData('2\n'));
    const all = join(copyOut, data, copyDone, complete('COPY 3'), ready('I'));
    h.server(all.subarray(0, 30_000))
      .server(all.subarray(30_000, 30_001))
      .server(all.subarray(30_001));
    expect(h.toClient()).toEqual(all);
    expect(h.events().at(-1)).toMatchObject({
      rows: 3,
      bytes: data.length,
      digest: createHash('sha256').update(data).digest('hex'),
    });
  });

  it.each([
    ['data before it was announced', copyData('x')],
    ['an end before it was announced', copyDone],
    ['COPY both ways', frame('W', new Uint8Array(3))],
    ['rows in the middle', join(copyOut, dataRow('1'))],
    ['an end of the command before the end of the data', join(copyOut, complete('COPY 1'))],
  ])('ends the session at %s', (_name, bytes) => {
    const h = new Harness().login().client(query('COPY t TO STDOUT')).server(bytes);
    expect(h.closed?.code).toBe('target_protocol');
  });
});
