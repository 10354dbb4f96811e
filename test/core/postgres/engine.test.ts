// The engine as its driver sees it: the journal, notices, ends, and what goes through untouched.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPostgresEngine } from '../../../core/postgres/engine.ts';
import { Harness, options } from './harness.ts';
import {
  bind,
  bindComplete,
  complete,
  copyData,
  dataRow,
  describeStatement,
  error,
  execute,
  flush,
  frame,
  hex,
  i32,
  join,
  noData,
  notice,
  parameterDescription,
  parse,
  parseComplete,
  query,
  ready,
  rowDescription,
  sync,
  tags,
  terminate,
  text,
  told,
} from './wire.ts';

const select = join(rowDescription, dataRow('1'), complete('SELECT 1'));

describe('bytes', () => {
  it('of an allowed message go through as they came', () => {
    const h = new Harness().login();
    const sent = join(
      parse('s', 'SELECT $1'),
      bind('', 's', ['x'], [1]),
      describeStatement('s'),
      execute('', 7),
      sync,
    );
    expect(h.client(sent).toServer()).toEqual(sent);
    const answer = join(
      parseComplete,
      bindComplete,
      parameterDescription,
      noData,
      dataRow('a'),
      complete('SELECT 1'),
      ready('I'),
    );
    expect(h.server(answer).toClient()).toEqual(answer);
  });

  it('of rows are views of the chunk they came in, not copies', () => {
    const h = new Harness().login().client(query('SELECT 1'));
    const chunk = join(
      rowDescription,
      ...Array.from({ length: 100 }, () => dataRow('x'.repeat(50))),
      dataRow('cut').subarray(0, 7),
    );
    const [send] = h.engine.fromServer(chunk);
    expect(send?.kind === 'send' && send.bytes.buffer === chunk.buffer).toBe(true);
    expect(send?.kind === 'send' && send.bytes.length).toBe(chunk.length);
  });

  it('of unexecuted messages wait for the one that needs them', () => {
    const h = new Harness().login().client(parse('s', 'SELECT 1'), bind('', 's'));
    expect(h.toServer().length).toBe(0);
    expect(tags(h.client(flush).toServer())).toBe('PBH');
    h.client(bind('', 's', ['x'.repeat(100_000)]));
    expect(tags(h.toServer())).toBe('B');
  });

  it('of a large value are not held back', () => {
    const h = new Harness().login().client(query('SELECT 1')).server(rowDescription);
    const row = dataRow('x'.repeat(5_000_000));
    h.toClient();
    h.server(row.subarray(0, 1000));
    expect(h.toClient().length).toBe(1000);
    h.server(row.subarray(1000), complete('SELECT 1'), ready('I'));
    expect(h.toClient().length).toBe(row.length - 1000 + complete('SELECT 1').length + 6);
  });
});

describe('the journal', () => {
  it('records a text once, an intent before it is sent, and an outcome after', () => {
    const h = new Harness().login();
    h.client(query('SELECT 1'))
      .server(select, ready('I'))
      .client(query('SELECT 1'))
      .server(select, ready('I'));
    const row = dataRow('1').length;
    const allowed = { kind: 'allow', rules: ['r1'], code: null, revision: 5, observed: [] };
    expect(h.events()).toMatchObject([
      { kind: 'statement', statement: 1, text: 'SELECT 1', facts: { effect: 'read' } },
      { kind: 'intent', action: 2, statement: 1, via: 'query', binds: null, decision: allowed },
      {
        kind: 'outcome',
        action: 2,
        outcome: 'succeeded',
        rows: 1,
        bytes: row,
        error: null,
        digest: null,
      },
      { kind: 'intent', action: 3, statement: 1 },
      { kind: 'outcome', action: 3 },
    ]);
    const kinds = h.effects.map((e) => (e.kind === 'send' ? `send ${e.to}` : e.kind));
    const intent = h.effects.findIndex((e) => e.kind === 'record' && e.event.kind === 'intent');
    expect(kinds.slice(intent, intent + 2)).toEqual(['record', 'send server']);
  });

  it('keeps bind values: text, binary, NULL, not UTF-8, and long ones by digest', () => {
    const h = new Harness().login();
    const long = 'l'.repeat(70_000);
    h.client(
      parse('', 'SELECT $1'),
      bind('', '', ['é', hex('00ff'), null, hex('ff'), long], [0, 1, 0, 0, 0]),
      execute(),
      sync,
    );
    const digest = createHash('sha256').update(long).digest('hex');
    expect(h.events().at(-1)).toMatchObject({
      kind: 'intent',
      via: 'execute',
      binds: ['é', '\\x00ff', null, '\\xff', `\\sha256:${digest}:70000`],
    });
  });

  it('bounds what many bind values take', () => {
    const h = new Harness().login();
    h.client(
      parse('', 'SELECT 1'),
      bind(
        '',
        '',
        Array.from({ length: 1000 }, () => 'v'.repeat(5_000)),
      ),
      execute(),
      sync,
    );
    const last = h.events().at(-1);
    expect(last?.kind === 'intent' && JSON.stringify(last.binds).length).toBeLessThan(500_000);
  });

  it('sums the results of a text of several statements', () => {
    const h = new Harness().login().client(query('INSERT INTO t; INSERT INTO t; SELECT 1'));
    h.server(complete('INSERT 0 2'), complete('INSERT 0 3'), select, ready('I'));
    expect(h.events().at(-1)).toMatchObject({ outcome: 'succeeded', rows: 6 });
  });

  it('says why an action failed', () => {
    const h = new Harness()
      .login()
      .client(query('SELECT fail'))
      .server(rowDescription, dataRow('1'), error('22012', 'no'), ready('I'));
    expect(h.events().at(-1)).toMatchObject({
      outcome: 'failed',
      error: '22012',
      bytes: dataRow('1').length,
    });
  });

  it('counts a commit that fails with the Sync as a failure of what it would have committed', () => {
    const h = new Harness()
      .login()
      .client(parse('', 'INSERT INTO t'), bind('', ''), execute(), sync);
    h.server(
      parseComplete,
      bindComplete,
      complete('INSERT 0 1'),
      error('23503', 'deferred'),
      ready('I'),
    );
    expect(h.events().at(-1)).toMatchObject({ outcome: 'failed', error: '23503', rows: 1 });
  });

  it('counts what was skipped behind an error as cancelled', () => {
    const h = new Harness().login();
    h.client(parse('', 'INSERT INTO t'), bind('', ''), execute(), bind('', ''), execute(), sync);
    h.server(parseComplete, bindComplete, error('23505', 'duplicate'), ready('I'));
    expect(h.events().filter((e) => e.kind === 'outcome')).toMatchObject([
      { outcome: 'failed', error: '23505' },
      { outcome: 'cancelled', error: null },
    ]);
  });

  it('has the outcome of an answered action before the next intent', () => {
    const h = new Harness().login();
    h.client(parse('', 'INSERT INTO t'), bind('', ''), execute(), flush);
    h.server(parseComplete, bindComplete, complete('INSERT 0 1'));
    h.client(bind('', ''), execute(), sync);
    expect(h.events().map((e) => e.kind)).toEqual(['statement', 'intent', 'outcome', 'intent']);
  });

  it('digests results as they went over the wire, when asked to', () => {
    const rows = join(dataRow('a'), dataRow('b'.repeat(100_000)), dataRow('c'));
    const whole = join(rowDescription, rows, complete('SELECT 3'), ready('I'));
    const digest = createHash('sha256').update(rows).digest('hex');
    for (const cut of [1, 50, 60_000, whole.length]) {
      const h = new Harness({ digestResults: true }).login().client(query('SELECT 3'));
      h.server(whole.subarray(0, cut)).server(whole.subarray(cut));
      expect(h.events().at(-1)).toMatchObject({ digest, bytes: rows.length, rows: 3 });
    }
    const none = new Harness({ digestResults: true })
      .login()
      .client(query('BEGIN'))
      .server(complete('BEGIN'), ready('T'));
    expect(none.events().at(-1)).toMatchObject({ digest: null });
  });

  it('records a text again when its facts have changed', () => {
    let effect: 'read' | 'write' = 'read';
    const h = new Harness({
      inspect: () => () => ({
        facts: {
          statements: [],
          verbs: [],
          effect,
          reads: [],
          writes: [],
          tables: [],
          columns: [],
          functions: [],
          settings: [],
          whereless: false,
          opaque: [],
        },
        unresolved: [],
        refusal: null,
        changes: [],
        copyIn: false,
        lineage: () => null,
      }),
    }).login();
    h.client(query('SELECT 1'))
      .server(select, ready('I'))
      .client(query('SELECT 1'))
      .server(select, ready('I'));
    effect = 'write';
    h.client(query('SELECT 1')).server(select, ready('I'));
    expect(h.events().filter((e) => e.kind === 'statement')).toMatchObject([
      { statement: 1, facts: { effect: 'read' } },
      { statement: 2, facts: { effect: 'write' } },
    ]);
  });

  it('remembers only so many texts', () => {
    const h = new Harness().login();
    const ask = (sql: string) => h.client(query(sql)).server(select, ready('I'));
    ask('SELECT 0');
    for (let i = 1; i <= 2_000; i++) ask(`SELECT ${i}`);
    h.events();
    ask('SELECT 0');
    expect(h.events()[0]).toMatchObject({ kind: 'statement', statement: 2_002, text: 'SELECT 0' });
  });
});

describe('notices', () => {
  it('never come in the middle of a message', () => {
    const h = new Harness().login().client(query('SELECT 1'));
    const row = dataRow('x'.repeat(1000));
    h.server(rowDescription, row.subarray(0, 500));
    h.perform(h.engine.notify('one')).perform(h.engine.notify('two'));
    h.server(row.subarray(500), dataRow('y'), complete('SELECT 2'), ready('I'));
    expect(tags(h.toClient())).toBe('TDNNDCZ');
  });

  it('are harmless with zero bytes in them', () => {
    const h = new Harness().login();
    h.perform(h.engine.notify('a\0b'));
    expect(told(h.toClient())['M']).toBe('a\u{FFFD}b');
  });

  it("of the target's own and notifications go through at any time", () => {
    const h = new Harness().login();
    const unasked = join(notice('hi'), frame('A', i32(7), text('chan\0pay\0')));
    expect(h.server(unasked).toClient()).toEqual(unasked);
  });
});

describe('the end', () => {
  const running = () => {
    const h = new Harness().login().client(query('SELECT 1'));
    h.toServer();
    return h;
  };

  it('by us says why, and that the outcome is not known', () => {
    const h = running();
    h.perform(h.engine.shutdown('killed', 'This session was ended by ops.'));
    expect(told(h.toClient())).toMatchObject({
      S: 'FATAL',
      C: '57P01',
      M: 'This session was ended by ops.',
      D: 'code killed',
    });
    expect(h.events().at(-1)).toMatchObject({ outcome: 'unknown' });
    expect(h.closed).toEqual({ code: 'killed', detail: 'This session was ended by ops.' });
  });

  it('says nothing in the middle of a message', () => {
    const h = running().server(rowDescription, dataRow('x'.repeat(100)).subarray(0, 50));
    h.toClient();
    h.perform(h.engine.shutdown('killed', 'over'));
    expect(h.toClient().length).toBe(0);
    expect(h.closed?.code).toBe('killed');
  });

  it('by the target is told, once', () => {
    const closed = running();
    closed.perform(closed.engine.serverClosed());
    expect(tags(closed.toClient())).toBe('E');
    const fatal = running().server(
      error('57P01', 'terminating connection due to administrator command', 'FATAL'),
    );
    fatal.perform(fatal.engine.serverClosed());
    expect(tags(fatal.toClient())).toBe('E');
    expect(fatal.closed).toEqual({ code: 'target_closed', detail: 'SQLSTATE 57P01' });
  });

  it('by the client passes its goodbye on', () => {
    const h = new Harness().login().client(terminate);
    expect(tags(h.toServer())).toBe('X');
    expect(h.closed?.code).toBe('client_closed');
  });

  it('by the client waits for what it still has coming', () => {
    const h = running().client(terminate);
    expect(h.closed).toBeNull();
    h.client(query('SELECT 2'));
    expect(tags(h.toServer())).toBe('X');
    h.server(select, ready('I'));
    expect(h.events().at(-1)).toMatchObject({ outcome: 'succeeded' });
    expect(h.closed?.code).toBe('client_closed');
  });

  it('in an explicit transaction knows that an answered action succeeded, and outside of one does not', () => {
    const ask = join(parse('', 'INSERT INTO t'), bind('', ''), execute(), flush);
    const answer = join(parseComplete, bindComplete, complete('INSERT 0 1'));
    const implicit = new Harness().login().client(ask).server(answer);
    implicit.perform(implicit.engine.clientClosed());
    expect(implicit.events().at(-1)).toMatchObject({ outcome: 'unknown' });
    const explicit = new Harness()
      .login()
      .client(query('BEGIN'))
      .server(complete('BEGIN'), ready('T'))
      .client(ask)
      .server(answer);
    explicit.perform(explicit.engine.clientClosed());
    expect(explicit.events().at(-1)).toMatchObject({ outcome: 'succeeded' });
  });

  it('comes when a client breaks the protocol, and the client hears of it', () => {
    const h = running().client(frame('!'));
    expect(told(h.toClient())).toMatchObject({ S: 'FATAL', C: '08P01' });
    expect(h.toServer().length).toBe(0);
  });
});

describe('answers out of place', () => {
  it.each([
    ['a row before its description', dataRow('1')],
    ['a row after the command', join(select, dataRow('2'))],
    ['a second description', join(rowDescription, rowDescription)],
    ['ReadyForQuery inside a result', join(rowDescription, ready('I'))],
    ['ParseComplete', parseComplete],
    ['BindComplete', bindComplete],
    ['NoData', noData],
    ['PortalSuspended', frame('s')],
    ['COPY data', copyData('x')],
    ['a bad status', frame('Z', text('?'))],
    ['a description cut short', frame('C', text('SELECT 1'))],
  ])('end the session: %s', (_name, bytes) => {
    const h = new Harness().login().client(query('SELECT 1')).server(bytes);
    expect(h.closed?.code).toBe('target_protocol');
  });

  it('end the session when they skip a message', () => {
    const h = new Harness().login().client(parse('', 'SELECT 1'), bind('', ''), execute(), sync);
    expect(h.server(parseComplete, complete('SELECT 1')).closed?.code).toBe('target_protocol');
  });

  it('are taken back into step after an error', () => {
    const h = new Harness().login();
    h.client(
      parse('', 'SELECT 1'),
      describeStatement(''),
      bind('', ''),
      execute(),
      sync,
      query('SELECT 2'),
    );
    h.server(error('42601', 'no'), ready('I'), select, ready('I'));
    expect(h.closed).toBeNull();
    h.client(parse('', 'SELECT 1'), sync);
    h.server(parseComplete, ready('I'));
    expect(h.closed).toBeNull();
  });
});

describe('creating an engine', () => {
  it.each(['', 'short', 'with space 12', 'x'.repeat(41), "quote'quote"])(
    'refuses the nonce %j',
    (nonce) => {
      expect(() => createPostgresEngine(options({ nonce }))).toThrow(RangeError);
    },
  );
});
